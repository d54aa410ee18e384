/**
 * Where in the packets of a response its result sets lie.
 *
 * @module
 */
import {
  Capability,
  Command,
  hasCapability,
  type Integer,
  isEof,
  isOk,
  parseEof,
  parseOk,
  ServerStatus,
} from "../protocol/mod.ts";

/** What a part of a response is. */
export const PartKind = { OK: 0, ROWS: 1, ERR: 2, OTHER: 3 } as const;

/** One part of a response: a result set, or an OK or ERR in its place. Packets are counted from 0. */
export interface ResponsePart {
  readonly kind: typeof PartKind[keyof typeof PartKind];
  /** The part's first packet; the definition of column `n` (from 1) is `head + n`. */
  readonly head: number;
  readonly columns: number;
  readonly firstRow: number;
  readonly rows: number;
  /** Rows are in the binary form. */
  readonly binary: boolean;
}

/** The packets of a response, wherever they are kept. */
export interface PacketList {
  readonly count: number;
  length(index: number): number;
  /** The byte at `at` of a packet, -1 after its end. */
  byte(index: number, at: number): number;
}

const withRows: ReadonlySet<number> = new Set([
  Command.COM_QUERY,
  Command.COM_PROCESS_INFO,
  Command.COM_STMT_EXECUTE,
  Command.COM_STMT_BULK_EXECUTE,
]);

const OK = 0x00;
const LOCAL_INFILE = 0xfb;
const END = 0xfe;
const ERR = 0xff;

/** Reads the length-encoded integer at the start of a packet; those that count columns have at most 3 bytes. */
function leadingCount(packets: PacketList, index: number): number {
  const first = packets.byte(index, 0);
  if (first < 0xfb) return first;
  const byte = (at: number) => Math.max(packets.byte(index, at), 0);
  const two = byte(1) | byte(2) << 8;
  return first === 0xfc ? two : two | byte(3) << 16;
}

/** Whether a packet among rows ends them. */
function isEnd(packets: PacketList, index: number, deprecateEof: boolean): boolean {
  return packets.byte(index, 0) === END && packets.length(index) < (deprecateEof ? 0xffffff : 9);
}

/** Whether the OK or EOF packet says that another part follows. */
function hasMore(packets: PacketList, index: number, deprecateEof: boolean): boolean {
  let at = 3;
  if (packets.byte(index, 0) === OK || deprecateEof) {
    // After the affected rows and the insert id, whose first byte tells their length.
    at = 1;
    for (let i = 0; i < 2; i++) {
      const first = packets.byte(index, at);
      at += first === 0xfc ? 3 : first === 0xfd ? 4 : first === 0xfe ? 9 : 1;
    }
  }
  return (Math.max(packets.byte(index, at), 0) & ServerStatus.SERVER_MORE_RESULTS_EXISTS) !== 0;
}

/**
 * Finds the parts of a response, in order. One that is cut off, as by a lost connection, ends where its packets end.
 *
 * @param command The command byte of the query: only some have responses with rows.
 */
export function responseParts(packets: PacketList, command: number, capabilities: bigint): ResponsePart[] {
  const parts: ResponsePart[] = [];
  const deprecateEof = hasCapability(capabilities, Capability.CLIENT_DEPRECATE_EOF);
  const binary = command === Command.COM_STMT_EXECUTE || command === Command.COM_STMT_BULK_EXECUTE;
  const none = { columns: 0, firstRow: 0, rows: 0, binary: false };
  let at = 0;
  while (at < packets.count) {
    const head = at;
    const first = packets.byte(head, 0);
    if (first === OK && withRows.has(command)) {
      parts.push({ kind: PartKind.OK, head, ...none });
      if (!hasMore(packets, head, deprecateEof)) break;
      at = head + 1;
      continue;
    }
    if (first === ERR || first === LOCAL_INFILE || first === OK || first < 0 || !withRows.has(command)) {
      parts.push({ kind: first === ERR ? PartKind.ERR : first === OK ? PartKind.OK : PartKind.OTHER, head, ...none });
      break;
    }
    const columns = leadingCount(packets, head);
    const firstRow = Math.min(head + 1 + columns + (deprecateEof ? 0 : 1), packets.count);
    let end = firstRow;
    while (end < packets.count && !isEnd(packets, end, deprecateEof) && packets.byte(end, 0) !== ERR) end++;
    parts.push({ kind: PartKind.ROWS, head, columns, firstRow, rows: end - firstRow, binary });
    if (end >= packets.count || !isEnd(packets, end, deprecateEof) || !hasMore(packets, end, deprecateEof)) break;
    at = end + 1;
  }
  return parts;
}

/** What the packet tells that ends a part. */
export interface PartEnd {
  /** Only of an OK. */
  readonly affectedRows?: Integer;
  readonly insertId?: Integer;
  readonly warnings: number;
  readonly status: number;
}

/** Reads the packet that ends a part; one that is no end tells nothing. */
export function partEnd(payload: Uint8Array, capabilities: bigint): PartEnd {
  if (isOk(payload) || hasCapability(capabilities, Capability.CLIENT_DEPRECATE_EOF)) {
    const { affectedRows, lastInsertId, warnings, status } = parseOk(payload, capabilities);
    return isOk(payload) ? { affectedRows, insertId: lastInsertId, warnings, status } : { warnings, status };
  }
  return isEof(payload) ? parseEof(payload) : { warnings: 0, status: 0 };
}
