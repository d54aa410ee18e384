/**
 * Framing: a packet is three bytes of payload length, one byte of sequence number, and the payload. A payload of
 * 0xffffff bytes or more goes as several packets, of which the last is the first one that is shorter than 0xffffff.
 *
 * This is the convenient form, for those who want whole payloads.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
 *
 * @module
 */
import { ProtocolError } from "./error.ts";
import { readUint24, writeUint24 } from "./integer.ts";

/** The longest payload of one packet on the wire; a payload of exactly this length is continued by the next packet. */
export const MAX_PAYLOAD = 0xffffff;

/** The bytes before each payload. */
export const HEADER_LENGTH = 4;

/** A payload with its fragments joined. */
export interface Packet {
  readonly payload: Uint8Array;
  /** The sequence number of the first fragment. */
  readonly sequenceId: number;
  /** The sequence number of the last fragment: the peer answers with the next one. */
  readonly lastSequenceId: number;
}

/** How many packets on the wire a payload of `length` bytes takes. */
export function fragmentCount(length: number): number {
  return Math.floor(length / MAX_PAYLOAD) + 1;
}

function writePacket(out: Uint8Array, at: number, payload: Uint8Array, sequenceId: number): number {
  let start = 0;
  for (let left = fragmentCount(payload.length); left > 0; left--) {
    const fragment = payload.subarray(start, start + MAX_PAYLOAD);
    writeUint24(out, at, fragment.length);
    out[at + 3] = sequenceId++;
    out.set(fragment, at + HEADER_LENGTH);
    at += HEADER_LENGTH + fragment.length;
    start += MAX_PAYLOAD;
  }
  return at;
}

/** Frames one payload; `sequenceId` is that of the first fragment, counted modulo 256. */
export function encodePacket(payload: Uint8Array, sequenceId: number): Uint8Array {
  const out = new Uint8Array(payload.length + HEADER_LENGTH * fragmentCount(payload.length));
  writePacket(out, 0, payload, sequenceId);
  return out;
}

/** Frames payloads one after the other with rising sequence numbers, as a server sends a response. */
export function encodePackets(payloads: Iterable<Uint8Array>, sequenceId: number): Uint8Array {
  const list = [...payloads];
  const size = list.reduce((sum, p) => sum + p.length + HEADER_LENGTH * fragmentCount(p.length), 0);
  const out = new Uint8Array(size);
  let at = 0;
  for (const payload of list) {
    at = writePacket(out, at, payload, sequenceId);
    sequenceId += fragmentCount(payload.length);
  }
  return out;
}

/** Options of {@linkcode PacketReader}. */
export interface PacketReaderOptions {
  /** The longest joined payload to accept, in bytes. Default: no limit but memory. */
  readonly maxLength?: number;
}

/**
 * Finds the payloads in a stream that arrives in chunks of any size.
 *
 * Memory grows with the bytes that arrived, never with a length that was only announced. What it returns is copied, so
 * the caller may use its read buffer again.
 */
export class PacketReader {
  readonly #maxLength: number;
  readonly #header = new Uint8Array(HEADER_LENGTH);
  #headerFilled = 0;
  /** What is missing of the current fragment; valid once the header is complete. */
  #missing = 0;
  #lastFragment = true;
  #parts: Uint8Array[] = [];
  #length = 0;
  #firstSequenceId = -1;
  #lastSequenceId = 0;

  constructor(options: PacketReaderOptions = {}) {
    this.#maxLength = options.maxLength ?? Infinity;
  }

  /** Whether the stream is between two payloads, so that it may end here. */
  get idle(): boolean {
    return this.#headerFilled === 0 && this.#firstSequenceId < 0;
  }

  /**
   * Takes the next bytes of the stream and returns the payloads that they complete.
   *
   * @throws {ProtocolError} `too-large` as soon as a header announces more than `maxLength`, `out-of-order` if a
   * fragment's sequence number does not follow; the stream is beyond use then.
   */
  push(chunk: Uint8Array): Packet[] {
    const packets: Packet[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerFilled < HEADER_LENGTH) {
        const take = Math.min(HEADER_LENGTH - this.#headerFilled, chunk.length - at);
        this.#header.set(chunk.subarray(at, at + take), this.#headerFilled);
        this.#headerFilled += take;
        at += take;
        if (this.#headerFilled < HEADER_LENGTH) break;
        this.#beginFragment();
      }
      const take = Math.min(this.#missing, chunk.length - at);
      if (take > 0) {
        this.#parts.push(chunk.slice(at, at + take));
        this.#missing -= take;
        at += take;
      }
      if (this.#missing === 0) {
        this.#headerFilled = 0;
        if (this.#lastFragment) packets.push(this.#complete());
      }
    }
    return packets;
  }

  #beginFragment(): void {
    const length = readUint24(this.#header, 0);
    const sequenceId = this.#header[3]!;
    if (this.#firstSequenceId < 0) {
      this.#firstSequenceId = sequenceId;
    } else if (sequenceId !== (this.#lastSequenceId + 1) % 256) {
      throw new ProtocolError(
        "out-of-order",
        `Expected a continued packet with the sequence number "${
          (this.#lastSequenceId + 1) % 256
        }", got "${sequenceId}"`,
      );
    }
    this.#length += length;
    if (this.#length > this.#maxLength) {
      throw new ProtocolError(
        "too-large",
        `Packet of ${this.#length} bytes or more exceeds the limit of ${this.#maxLength}`,
      );
    }
    this.#lastSequenceId = sequenceId;
    this.#missing = length;
    this.#lastFragment = length < MAX_PAYLOAD;
  }

  #complete(): Packet {
    const [only] = this.#parts;
    const payload = this.#parts.length === 1 && only ? only : new Uint8Array(this.#length);
    if (this.#parts.length > 1) {
      let at = 0;
      for (const part of this.#parts) {
        payload.set(part, at);
        at += part.length;
      }
    }
    const packet = { payload, sequenceId: this.#firstSequenceId, lastSequenceId: this.#lastSequenceId };
    this.#parts = [];
    this.#length = 0;
    this.#firstSequenceId = -1;
    return packet;
  }
}
