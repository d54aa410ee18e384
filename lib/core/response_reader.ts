/**
 * Follows the response to a script's query and keeps what the script wants to know of it.
 *
 * @module
 */
import {
  concat,
  HEADER_LENGTH,
  MAX_PAYLOAD,
  type PacketVisitor,
  PayloadReader,
  ProtocolError,
  readUint24,
  type ResponseTracker,
} from "../protocol/mod.ts";
import type { QueryResult, QueryStatus, QueuedQuery } from "../script/mod.ts";

const OK = 0x00;
const ERR = 0xff;
const LOCAL_INFILE = 0xfb;

/** What is not copied has to be so short that the script's host copies it. */
const LARGEST_BORROWED = 64 * 1024;

/** One response, from its first packet to its last. */
export class ResponseReader implements PacketVisitor, QueryResult {
  readonly query: QueuedQuery;
  readonly capabilities: bigint;
  readonly #tracker: ResponseTracker;
  readonly #now: () => number;
  #packets: Uint8Array[] | undefined;
  /** The bytes of the packets with their headers, in the order in which they came. */
  readonly raw: Uint8Array[] = [];
  /** The parts of a packet that is not whole yet, their length, and from which length on it may be. */
  #parts: Uint8Array[] = [];
  #partial = 0;
  #enough = 0;
  /** The bytes are still those of the one who has read them. */
  #borrowed = false;
  #firstAt = 0;
  #lastAt = 0;
  #first = true;

  rowCount = 0;
  bytes = 0;
  status: QueryStatus | undefined = 0;
  affectedRows: number | undefined = 0;
  insertId: number | undefined = 0;
  warnings = 0;
  serverStatus = 0;

  /** @param now milliseconds, on the clock of `query.appendedAt`. */
  constructor(query: QueuedQuery, tracker: ResponseTracker, capabilities: bigint, now: () => number) {
    this.query = query;
    this.capabilities = capabilities;
    this.#tracker = tracker;
    this.#now = now;
    if (query.resultsetIsNeeded) this.#packets = [];
  }

  get packets(): readonly Uint8Array[] | undefined {
    return this.#packets;
  }

  get queryTime(): number {
    return micros(this.#firstAt - this.query.appendedAt);
  }

  get responseTime(): number {
    return micros(this.#lastAt - this.query.appendedAt);
  }

  /** Forgets what has come: it was a request for a file, and has been passed on. */
  restart(): void {
    if (this.#packets !== undefined) this.#packets = [];
    this.raw.length = 0;
  }

  /** What is kept is copied: the memory of the bytes at hand is about to be used for others. */
  own(): void {
    const { raw } = this;
    if (!this.#borrowed) return;
    this.#borrowed = false;
    if (this.#packets !== undefined) this.#packets = [];
    for (const bytes of raw.splice(0)) this.keep(bytes, false);
  }

  /** The response was the exchange of a change of user, and this its last packet, with header. */
  changed(ok: boolean, packet: Uint8Array): void {
    this.status = ok ? OK : ERR;
    this.serverStatus = this.#tracker.serverStatus;
    this.#packets?.push(packet.slice(HEADER_LENGTH));
  }

  /** Bytes have come. */
  heard(): void {
    this.#lastAt = this.#now();
    if (!this.#first) return;
    this.#first = false;
    this.#firstAt = this.#lastAt;
  }

  /**
   * Keeps bytes for the script, and for the client if the script lets them pass.
   *
   * @param whole the chunk is all of the response. Then it is not copied, if it is short: see {@linkcode own}.
   */
  keep(chunk: Uint8Array, whole: boolean): void {
    this.#borrowed = whole && this.raw.length === 0 && chunk.length < LARGEST_BORROWED;
    const copy = this.#borrowed ? chunk : chunk.slice();
    this.raw.push(copy);
    this.#partial += copy.length;
    if (this.#parts.length > 0 && this.#partial < this.#enough) {
      this.#parts.push(copy);
      return;
    }
    const bytes: Uint8Array = this.#parts.length === 0 ? copy : concat(...this.#parts, copy);
    let at = 0;
    let end = packetEnd(bytes, at);
    while (end <= bytes.length) {
      this.#packets?.push(joined(bytes, at, end));
      at = end;
      end = packetEnd(bytes, at);
    }
    this.#partial = bytes.length - at;
    this.#parts = this.#partial === 0 ? [] : [bytes.subarray(at)];
    this.#enough = end - at;
  }

  packet(bytes: Uint8Array, start: number, end: number, length: number): void {
    const tracker = this.#tracker;
    const { inRows, atResult } = tracker;
    const wasIdle = tracker.idle;
    tracker.packet(bytes, start, end, length);
    this.serverStatus = tracker.serverStatus;
    if (wasIdle) return;
    const first = start < end ? bytes[start]! : OK;
    if (inRows) {
      if (first === ERR) this.status = ERR;
      else if (tracker.inRows) this.#row(length);
      else this.#rowsEnd(bytes, start, end);
    } else if (atResult) {
      this.#result(first, bytes, start, end);
    } else if (first === ERR) {
      this.status = ERR;
    }
  }

  #row(length: number): void {
    this.rowCount++;
    this.bytes += length + HEADER_LENGTH * (Math.floor(length / MAX_PAYLOAD) + 1);
  }

  #rowsEnd(bytes: Uint8Array, start: number, end: number): void {
    if (end - start >= 3) this.warnings = bytes[start + 1]! | bytes[start + 2]! << 8;
  }

  #result(first: number, bytes: Uint8Array, start: number, end: number): void {
    if (first === ERR) {
      this.status = ERR;
    } else if (first === OK) {
      this.#ok(bytes.subarray(start, end));
    } else {
      this.affectedRows = this.insertId = undefined;
      this.status = first === LOCAL_INFILE ? undefined : OK;
    }
  }

  #ok(payload: Uint8Array): void {
    this.status = OK;
    try {
      const reader = new PayloadReader(payload, 1);
      this.affectedRows = Number(reader.lenencInt());
      this.insertId = Number(reader.lenencInt());
      reader.skip(2);
      this.warnings = reader.u16();
    } catch (error) {
      // Some OK packets are shorter than they should be (COM_STMT_PREPARE has its own form): they tell nothing.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
}

function micros(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds * 1000));
}

/** Where the packet at `at` ends, over all its fragments; at least that far more bytes are needed to tell. */
function packetEnd(bytes: Uint8Array, at: number): number {
  for (;;) {
    if (bytes.length - at < HEADER_LENGTH) return at + HEADER_LENGTH;
    const length = readUint24(bytes, at);
    at += HEADER_LENGTH + length;
    if (at > bytes.length || length < MAX_PAYLOAD) return at;
  }
}

/** The payload of the packet between `at` and `end`: a view, unless there are fragments to join. */
function joined(bytes: Uint8Array, at: number, end: number): Uint8Array {
  if (end - at - HEADER_LENGTH < MAX_PAYLOAD) return bytes.subarray(at + HEADER_LENGTH, end);
  const parts: Uint8Array[] = [];
  while (at < end) {
    const next = at + HEADER_LENGTH + readUint24(bytes, at);
    parts.push(bytes.subarray(at + HEADER_LENGTH, next));
    at = next;
  }
  return concat(...parts);
}
