/**
 * Capability flags: what client and server agree on at login.
 *
 * MySQL has 32 bits. A MariaDB server that knows more leaves {@linkcode Capability.CLIENT_LONG_PASSWORD} unset and puts 32
 * further bits where MySQL has zeros: the last 4 of the 10 reserved bytes of the handshake. The client answers in the
 * last 4 of its 23 filler bytes. Here they are the bits 32 and up of one `bigint`.
 *
 * Sources: https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html and
 * https://mariadb.com/docs/server/reference/clientserver-protocol/1-connecting/connection#capabilities
 *
 * @module
 */

/** Every capability flag of MySQL 9 and MariaDB 12, by the names that the protocol documentation uses. */
export const Capability = {
  /** MySQL: always set. MariaDB calls it CLIENT_MYSQL: unset means that the extended bits are in use. */
  CLIENT_LONG_PASSWORD: 1n << 0n,
  CLIENT_FOUND_ROWS: 1n << 1n,
  CLIENT_LONG_FLAG: 1n << 2n,
  CLIENT_CONNECT_WITH_DB: 1n << 3n,
  CLIENT_NO_SCHEMA: 1n << 4n,
  CLIENT_COMPRESS: 1n << 5n,
  CLIENT_ODBC: 1n << 6n,
  CLIENT_LOCAL_FILES: 1n << 7n,
  CLIENT_IGNORE_SPACE: 1n << 8n,
  CLIENT_PROTOCOL_41: 1n << 9n,
  CLIENT_INTERACTIVE: 1n << 10n,
  CLIENT_SSL: 1n << 11n,
  CLIENT_IGNORE_SIGPIPE: 1n << 12n,
  CLIENT_TRANSACTIONS: 1n << 13n,
  CLIENT_RESERVED: 1n << 14n,
  /** Newer documentation calls it CLIENT_RESERVED2. */
  CLIENT_SECURE_CONNECTION: 1n << 15n,
  CLIENT_MULTI_STATEMENTS: 1n << 16n,
  CLIENT_MULTI_RESULTS: 1n << 17n,
  CLIENT_PS_MULTI_RESULTS: 1n << 18n,
  CLIENT_PLUGIN_AUTH: 1n << 19n,
  CLIENT_CONNECT_ATTRS: 1n << 20n,
  CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA: 1n << 21n,
  CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS: 1n << 22n,
  CLIENT_SESSION_TRACK: 1n << 23n,
  CLIENT_DEPRECATE_EOF: 1n << 24n,
  CLIENT_OPTIONAL_RESULTSET_METADATA: 1n << 25n,
  CLIENT_ZSTD_COMPRESSION_ALGORITHM: 1n << 26n,
  CLIENT_QUERY_ATTRIBUTES: 1n << 27n,
  MULTI_FACTOR_AUTHENTICATION: 1n << 28n,
  /** Old MariaDB used this bit as CLIENT_PROGRESS_OBSOLETE. */
  CLIENT_CAPABILITY_EXTENSION: 1n << 29n,
  CLIENT_SSL_VERIFY_SERVER_CERT: 1n << 30n,
  CLIENT_REMEMBER_OPTIONS: 1n << 31n,
  MARIADB_CLIENT_PROGRESS: 1n << 32n,
  /** Was in MariaDB 10.2 only; later versions keep the bit reserved. */
  MARIADB_CLIENT_COM_MULTI: 1n << 33n,
  MARIADB_CLIENT_STMT_BULK_OPERATIONS: 1n << 34n,
  MARIADB_CLIENT_EXTENDED_METADATA: 1n << 35n,
  MARIADB_CLIENT_CACHE_METADATA: 1n << 36n,
  MARIADB_CLIENT_BULK_UNIT_RESULTS: 1n << 37n,
} as const;

/** The name of a capability flag. */
export type CapabilityName = keyof typeof Capability;

/** Whether all bits of `flags` are set in `capabilities`. */
export function hasCapability(capabilities: bigint, flags: bigint): boolean {
  return (capabilities & flags) === flags;
}

/** The names of the set bits, lowest first; a bit without a name appears as `bit 40`. */
export function capabilityNames(bits: bigint): string[] {
  const byBit = new Map<bigint, string>(Object.entries(Capability).map(([name, bit]) => [bit, name]));
  const names: string[] = [];
  for (let number = 0n; bits >> number > 0n; number++) {
    if (bits >> number & 1n) names.push(byBit.get(1n << number) ?? `bit ${number}`);
  }
  return names;
}
