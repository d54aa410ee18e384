/**
 * Takes whole packets out of a stream, one at a time, with their headers.
 *
 * For the login, where every packet is small, must be seen whole, and may be the last one before the bytes behind it
 * mean something else.
 *
 * @module
 */
import { ProtocolError } from "./error.ts";
import { HEADER_LENGTH } from "./packet.ts";

/** Collects one packet after the other from chunks of any size. */
export class PacketCollector {
  readonly #limit: number;
  #bytes = new Uint8Array(0);
  #filled = 0;

  /** @param limit the largest payload to accept, in bytes; less than 2^24-1, so that a packet is never fragmented. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether no packet has begun that is not complete. */
  get atBoundary(): boolean {
    return this.#filled === 0;
  }

  /**
   * Takes bytes from `chunk[at..]` up to the end of the current packet, not beyond.
   *
   * @param sequenceId what the header must have, if anything.
   * @returns where it stopped, and the packet with its header if it is complete now.
   * @throws {ProtocolError} `too-large` if the header announces more than the limit, `out-of-order` if it has another
   *   sequence id.
   */
  collect(
    chunk: Uint8Array,
    at: number,
    sequenceId?: number,
  ): { readonly at: number; readonly packet: Uint8Array | undefined } {
    at = this.#take(chunk, at, HEADER_LENGTH);
    if (this.#filled < HEADER_LENGTH) return { at, packet: undefined };
    const length = this.#bytes[0]! | this.#bytes[1]! << 8 | this.#bytes[2]! << 16;
    if (length > this.#limit) {
      throw new ProtocolError("too-large", `Packet of ${length} bytes exceeds the ${this.#limit} expected at login`);
    }
    if (sequenceId !== undefined && this.#bytes[3] !== sequenceId) {
      throw new ProtocolError("out-of-order", `Packet with the number ${this.#bytes[3]} in place of ${sequenceId}`);
    }
    at = this.#take(chunk, at, HEADER_LENGTH + length);
    if (this.#filled < HEADER_LENGTH + length) return { at, packet: undefined };
    const packet = this.#bytes.slice(0, this.#filled);
    this.#filled = 0;
    return { at, packet };
  }

  #take(chunk: Uint8Array, at: number, upTo: number): number {
    const taken = Math.min(upTo - this.#filled, chunk.length - at);
    if (taken <= 0) return at;
    if (this.#bytes.length < this.#filled + taken) {
      // Grows with what has come, not with what a header promises.
      const grown = new Uint8Array(Math.max(256, this.#filled + taken));
      grown.set(this.#bytes.subarray(0, this.#filled));
      this.#bytes = grown;
    }
    this.#bytes.set(chunk.subarray(at, at + taken), this.#filled);
    this.#filled += taken;
    return at + taken;
  }
}
