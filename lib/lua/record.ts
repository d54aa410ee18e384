/**
 * The record of a response: one Lua string with its numbers and, if they were asked for, its packets.
 *
 * The objects of a result look into the record, so that the script that keeps them keeps the record and nothing else, and
 * reading a row creates no JavaScript objects. It begins with {@linkcode Slot} doubles; then come the offsets of the packets from
 * the start of the record, 4 bytes each, and the offset of their end; then the packets' payloads.
 *
 * @module
 */
import type { QueryResult } from "../script/mod.ts";
import type { PacketList } from "./response_shape.ts";

/** The doubles at the start of a record, by their place. */
export const Slot = {
  /** Microseconds. */
  QUERY_TIME: 1,
  RESPONSE_TIME: 2,
  ROW_COUNT: 3,
  BYTES: 4,
  /** This one and the next two are -1 where there is none. */
  STATUS: 5,
  AFFECTED_ROWS: 6,
  INSERT_ID: 7,
  WARNINGS: 8,
  SERVER_STATUS: 9,
  /** The command byte of the query. */
  COMMAND: 10,
  /** How many packets there are, -1 if they have not been kept. */
  PACKETS: 11,
  CAPABILITIES: 12,
  /** The number under which the packets are kept outside of the record, 0 if they are in it. */
  OUTSIDE: 13,
  /** A number that no other record has. */
  SERIAL: 14,
} as const;

/** Where the offsets of the packets begin. */
export const OFFSETS = 8 * 16;

/** How many bytes the record of these packets has. */
export function recordSize(packets: readonly Uint8Array[] | undefined): number {
  let size = OFFSETS;
  if (packets !== undefined) {
    size += 4 * (packets.length + 1);
    for (const packet of packets) size += packet.length;
  }
  return size;
}

/** Where a record is written or read: the same memory as bytes and as numbers. */
export interface Memory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
}

/**
 * Writes the numbers of a response at `at`.
 *
 * @param command The command byte of the query.
 * @param outside See {@linkcode Slot.OUTSIDE}.
 */
export function writeNumbers(
  view: DataView,
  at: number,
  result: QueryResult,
  command: number,
  outside: number,
  serial: number,
): void {
  view.setFloat64(at + 8 * Slot.QUERY_TIME, Math.round(result.queryTime), true);
  view.setFloat64(at + 8 * Slot.RESPONSE_TIME, Math.round(result.responseTime), true);
  view.setFloat64(at + 8 * Slot.ROW_COUNT, result.rowCount, true);
  view.setFloat64(at + 8 * Slot.BYTES, result.bytes, true);
  view.setFloat64(at + 8 * Slot.STATUS, result.status ?? -1, true);
  view.setFloat64(at + 8 * Slot.AFFECTED_ROWS, result.affectedRows ?? -1, true);
  view.setFloat64(at + 8 * Slot.INSERT_ID, result.insertId ?? -1, true);
  view.setFloat64(at + 8 * Slot.WARNINGS, result.warnings, true);
  view.setFloat64(at + 8 * Slot.SERVER_STATUS, result.serverStatus, true);
  view.setFloat64(at + 8 * Slot.COMMAND, command, true);
  view.setFloat64(at + 8 * Slot.PACKETS, result.packets?.length ?? -1, true);
  view.setFloat64(at + 8 * Slot.CAPABILITIES, Number(result.capabilities), true);
  view.setFloat64(at + 8 * Slot.OUTSIDE, outside, true);
  view.setFloat64(at + 8 * Slot.SERIAL, serial, true);
}

/** Writes the offsets and payloads of the packets of a record that begins at `at`. */
export function writePackets({ bytes, view }: Memory, at: number, packets: readonly Uint8Array[]): void {
  let entry = at + OFFSETS;
  let offset = OFFSETS + 4 * (packets.length + 1);
  for (const packet of packets) {
    view.setUint32(entry, offset, true);
    bytes.set(packet, at + offset);
    entry += 4;
    offset += packet.length;
  }
  view.setUint32(entry, offset, true);
}

/** The packets in a record, for a look at a record in a memory that does not change meanwhile. */
export class RecordPackets implements PacketList {
  #bytes = new Uint8Array();
  #view: DataView = new DataView(new ArrayBuffer(0));
  #record = 0;
  count = 0;

  /** Looks at the record at `record`. */
  at({ bytes, view }: Memory, record: number): this {
    this.#bytes = bytes;
    this.#view = view;
    this.#record = record;
    this.count = view.getFloat64(record + 8 * Slot.PACKETS, true);
    return this;
  }

  #offset(index: number): number {
    return this.#view.getUint32(this.#record + OFFSETS + 4 * index, true);
  }

  length(index: number): number {
    return this.#offset(index + 1) - this.#offset(index);
  }

  byte(index: number, at: number): number {
    const offset = this.#offset(index) + at;
    return offset < this.#offset(index + 1) ? this.#bytes[this.#record + offset] ?? -1 : -1;
  }
}

/** Packets that are kept outside of a record. */
export class OutsidePackets implements PacketList {
  readonly #packets: readonly Uint8Array[];

  constructor(packets: readonly Uint8Array[]) {
    this.#packets = packets;
  }

  get count(): number {
    return this.#packets.length;
  }

  length(index: number): number {
    return this.#packets[index]?.length ?? 0;
  }

  byte(index: number, at: number): number {
    return this.#packets[index]?.[at] ?? -1;
  }
}
