/**
 * Finds packets in a stream of bytes without copying or joining them.
 *
 * A proxy that forwards must know where each packet begins and ends, and a few bytes of its payload, but not the rest.
 * The walker steps from header to header through whatever chunks the socket delivers and keeps only what straddles two
 * chunks.
 *
 * Source: "MySQL Packets" in the protocol documentation: 3-byte little-endian length, 1-byte sequence id; a payload of
 * 2^24-1 bytes or more is sent in fragments, and the first fragment that is shorter than that ends it.
 *
 * @module
 */

/** How many payload bytes a visitor is given at most. The longest prefix that anybody decodes is an OK packet's 23. */
export const PREFIX_LENGTH = 32;

const HEADER_LENGTH = 4;
const FULL_FRAGMENT = 0xffffff;

/** Is told of each packet when its last byte has gone by. */
export interface PacketVisitor {
  /**
   * @param bytes holds the payload's first bytes from `start` up to `end`; valid during the call only.
   * @param start index of the payload's first byte.
   * @param end index after the last byte that may be read, at most {@linkcode PREFIX_LENGTH} bytes on when the packet
   *   was split, and the packet's end when it was not.
   * @param length the payload's length in bytes, over all its fragments.
   */
  packet(bytes: Uint8Array, start: number, end: number, length: number): void;
}

/** Follows the packet boundaries of one direction of one connection. */
export class PacketWalker {
  readonly #visitor: PacketVisitor;
  /** Header and payload prefix of a packet that straddles chunks; allocated when first needed. */
  #head: Uint8Array | undefined;
  /** How many bytes of `#head` are filled. */
  #headLength = 0;
  /** Payload bytes of the current fragment that are still to come. */
  #remaining = 0;
  /** Payload length of the current packet so far, over its fragments; meaningful inside a packet. */
  #length = 0;
  /** Header bytes seen of a fragment that continues a packet, or -1 outside of such a header. */
  #continuation = -1;
  #continuationLength = 0;
  /** The last fragment was a full one, so the packet goes on. */
  #continues = false;

  /** The sequence id of the last header that was seen, 0 to 255. */
  sequenceId = 0;

  constructor(visitor: PacketVisitor) {
    this.#visitor = visitor;
  }

  /** Whether all packets seen so far are complete. */
  get atBoundary(): boolean {
    return this.#headLength === 0;
  }

  /** Bytes of the current fragment that have not come yet: a hint for the size of the next read. */
  get remaining(): number {
    return this.#remaining;
  }

  /** Walks over `chunk[at..end)`, the bytes that follow those of the last call. */
  walk(chunk: Uint8Array, at = 0, end = chunk.length): void {
    if (this.#headLength !== 0) at = this.#resume(chunk, at, end);
    while (end - at >= HEADER_LENGTH) {
      const length = chunk[at]! | chunk[at + 1]! << 8 | chunk[at + 2]! << 16;
      const start = at + HEADER_LENGTH;
      if (length > end - start || length === FULL_FRAGMENT) break;
      this.sequenceId = chunk[at + 3]!;
      this.#visitor.packet(chunk, start, start + length, length);
      at = start + length;
    }
    while (at < end) at = this.#resume(chunk, at, end);
  }

  /** Takes up, or begins, a packet that is not whole in `chunk`; returns where it stopped. */
  #resume(chunk: Uint8Array, at: number, end: number): number {
    const head = this.#head ??= new Uint8Array(HEADER_LENGTH + PREFIX_LENGTH);
    while (this.#headLength < HEADER_LENGTH) {
      if (at === end) return at;
      head[this.#headLength++] = chunk[at++]!;
      if (this.#headLength === HEADER_LENGTH) {
        this.sequenceId = head[3]!;
        this.#beginFragment(head[0]! | head[1]! << 8 | head[2]! << 16);
      }
    }
    for (;;) {
      if (this.#remaining > 0) {
        const taken = Math.min(this.#remaining, end - at);
        if (this.#headLength < head.length) {
          const kept = Math.min(taken, head.length - this.#headLength);
          head.set(chunk.subarray(at, at + kept), this.#headLength);
          this.#headLength += kept;
        }
        at += taken;
        this.#remaining -= taken;
        if (this.#remaining > 0) return at;
      }
      if (!this.#continues) break;
      if (this.#continuation < 0) {
        this.#continuation = 0;
        this.#continuationLength = 0;
      }
      while (this.#continuation < HEADER_LENGTH) {
        if (at === end) return at;
        const byte = chunk[at++]!;
        if (this.#continuation < 3) this.#continuationLength |= byte << (8 * this.#continuation);
        else this.sequenceId = byte;
        this.#continuation++;
      }
      this.#continuation = -1;
      this.#beginFragment(this.#continuationLength);
    }
    const filled = this.#headLength;
    const length = this.#length;
    this.#headLength = 0;
    this.#length = 0;
    this.#visitor.packet(head, HEADER_LENGTH, filled, length);
    return at;
  }

  #beginFragment(length: number): void {
    this.#remaining = length;
    this.#length += length;
    this.#continues = length === FULL_FRAGMENT;
  }
}
