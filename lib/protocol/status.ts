/**
 * Server status flags, in OK and EOF packets and in the handshake.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/mysql__com_8h.html (SERVER_STATUS_flags_enum)
 *
 * @module
 */

/** The status flags by the names that the protocol documentation uses. */
export const ServerStatus = {
  SERVER_STATUS_IN_TRANS: 0x0001,
  SERVER_STATUS_AUTOCOMMIT: 0x0002,
  SERVER_MORE_RESULTS_EXISTS: 0x0008,
  SERVER_QUERY_NO_GOOD_INDEX_USED: 0x0010,
  SERVER_QUERY_NO_INDEX_USED: 0x0020,
  SERVER_STATUS_CURSOR_EXISTS: 0x0040,
  SERVER_STATUS_LAST_ROW_SENT: 0x0080,
  SERVER_STATUS_DB_DROPPED: 0x0100,
  SERVER_STATUS_NO_BACKSLASH_ESCAPES: 0x0200,
  SERVER_STATUS_METADATA_CHANGED: 0x0400,
  SERVER_QUERY_WAS_SLOW: 0x0800,
  SERVER_PS_OUT_PARAMS: 0x1000,
  SERVER_STATUS_IN_TRANS_READONLY: 0x2000,
  SERVER_SESSION_STATE_CHANGED: 0x4000,
  /** MariaDB only: the session's SQL mode has ANSI_QUOTES. */
  SERVER_STATUS_ANSI_QUOTES: 0x8000,
} as const;

/** The name of a status flag. */
export type ServerStatusName = keyof typeof ServerStatus;

/** The names of the set bits, lowest first; a bit without a name appears as `0x0004`. */
export function statusNames(status: number): string[] {
  const byBit = new Map<number, string>(Object.entries(ServerStatus).map(([name, bit]) => [bit, name]));
  const names: string[] = [];
  for (let bit = 1; bit <= 0x8000; bit <<= 1) {
    if (status & bit) names.push(byBit.get(bit) ?? `0x${bit.toString(16).padStart(4, "0")}`);
  }
  return names;
}
