/**
 * What one socket carries after the login: packets, or packets inside of compressed ones.
 *
 * @module
 */
import { CompressedChannel, type CompressionAlgorithm } from "../protocol/mod.ts";

/** How a side compresses after the login. */
export interface Compression {
  readonly algorithm: CompressionAlgorithm;
  readonly level?: number;
}

const NOTHING = new Uint8Array(0);

/** One side's wire, in both directions. */
export class Wire {
  readonly #channel: CompressedChannel | undefined;
  readonly compression: Compression | undefined;

  constructor(compression: Compression | undefined) {
    this.compression = compression;
    if (compression === undefined) return;
    const { algorithm, level } = compression;
    this.#channel = new CompressedChannel(algorithm, level === undefined ? {} : { level });
  }

  /** Whether the side compresses. */
  get compressed(): boolean {
    return this.#channel !== undefined;
  }

  /**
   * Gives `take` the bytes inside of what has come.
   *
   * @throws {ProtocolError} if they cannot be had, after those before them have been taken.
   */
  decode(chunk: Uint8Array, take: (plain: Uint8Array) => void): void {
    const channel = this.#channel;
    if (channel === undefined) return take(chunk);
    const plain = channel.decode(chunk);
    if (plain.length > 0) take(plain);
    // What came before the fault counts; asked once more, it throws.
    if (channel.broken) channel.decode(NOTHING);
  }

  /** @param newCommand whether the bytes begin an exchange, for which compressed packets count anew. */
  encode(bytes: Uint8Array, newCommand: boolean): Uint8Array {
    return this.#channel?.encode(bytes, newCommand) ?? bytes;
  }
}
