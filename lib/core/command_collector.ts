/**
 * Takes whole packets out of a client's bytes, however long: a script is to see the whole of a command.
 *
 * @module
 */
import { concat, HEADER_LENGTH, MAX_PAYLOAD, readUint24 } from "../protocol/mod.ts";

/** A client's packet. */
export interface ClientPacket {
  /** With the fragments joined. */
  readonly payload: Uint8Array;
  /** As it came, headers and all. */
  readonly raw: Uint8Array;
  /** The sequence id of the last fragment. */
  readonly sequenceId: number;
}

/** Collects one packet after the other. */
export class CommandCollector {
  #parts: Uint8Array[] = [];
  #length = 0;
  /** From this length on the packet may be whole. */
  #enough = 0;

  /** Whether no packet has begun that is not complete. */
  get atBoundary(): boolean {
    return this.#parts.length === 0;
  }

  /**
   * Takes the bytes of `chunk` from `at` on, up to the end of a packet.
   *
   * @returns the packet, if it is complete; it may be a view of `chunk`. Its last byte is at `next - 1`.
   */
  take(chunk: Uint8Array, at: number): { readonly packet: ClientPacket; readonly next: number } | undefined {
    if (this.#parts.length === 0) {
      const whole = at === 0 ? onlyPacket(chunk) : undefined;
      if (whole !== undefined) return { packet: whole, next: chunk.length };
      const { end, headers } = extent(chunk, at);
      if (end <= chunk.length) return { packet: packetOf(chunk.subarray(at, end), headers), next: end };
      this.#hold(chunk.slice(at), end - at);
      return undefined;
    }
    const had = this.#length;
    const rest = chunk.length - at;
    if (had + rest < this.#enough) {
      this.#hold(chunk.slice(at), this.#enough);
      return undefined;
    }
    const bytes = concat(...this.#parts, chunk.subarray(at));
    const { end, headers } = extent(bytes, 0);
    this.#parts = [];
    this.#length = 0;
    if (end <= bytes.length) return { packet: packetOf(bytes.subarray(0, end), headers), next: at + end - had };
    this.#hold(bytes, end);
    return undefined;
  }

  #hold(bytes: Uint8Array, enough: number): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    this.#enough = enough;
  }
}

/** The packet that the chunk is, if it is one and no more: nearly all commands come like that. */
function onlyPacket(chunk: Uint8Array): ClientPacket | undefined {
  if (chunk.length < HEADER_LENGTH) return undefined;
  const length = readUint24(chunk, 0);
  if (length !== chunk.length - HEADER_LENGTH || length === MAX_PAYLOAD) return undefined;
  return { payload: chunk.subarray(HEADER_LENGTH), raw: chunk, sequenceId: chunk[3]! };
}

/** Where the packet at `at` ends at the earliest, and where its headers are as far as they are known. */
function extent(bytes: Uint8Array, at: number): { readonly end: number; readonly headers: readonly number[] } {
  const headers: number[] = [];
  for (;;) {
    if (bytes.length - at < HEADER_LENGTH) return { end: at + HEADER_LENGTH, headers };
    headers.push(at);
    const length = readUint24(bytes, at);
    at += HEADER_LENGTH + length;
    if (at > bytes.length || length < MAX_PAYLOAD) return { end: at, headers };
  }
}

function packetOf(raw: Uint8Array, headers: readonly number[]): ClientPacket {
  const last = headers.at(-1)! - headers[0]!;
  const payload = headers.length === 1 ? raw.subarray(HEADER_LENGTH) : concat(...headers.map((header, index) => {
    const from = header - headers[0]! + HEADER_LENGTH;
    return raw.subarray(from, index + 1 < headers.length ? headers[index + 1]! - headers[0]! : raw.length);
  }));
  return { payload, raw, sequenceId: raw[last + 3]! };
}
