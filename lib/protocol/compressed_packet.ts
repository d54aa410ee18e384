/**
 * The compressed protocol: below the ordinary packets, and without regard to where they begin, everything goes in packets
 * of three bytes of length, one byte of sequence number, three bytes of length before compression, and the data. Where the
 * second length is 0, the data is as it is.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_compression_packet.html
 *
 * @module
 */
import {
  compress,
  type CompressionAlgorithm,
  decompress,
  DEFAULT_COMPRESSION_LEVEL,
  MAX_COMPRESSION_LEVEL,
  requireAlgorithm,
} from "./compression.ts";
import { concat } from "./concat.ts";
import { ProtocolError } from "./error.ts";
import { readUint24, writeUint24 } from "./integer.ts";
import { MAX_PAYLOAD } from "./packet.ts";

/** The bytes before the data of each compressed packet. */
export const COMPRESSED_HEADER_LENGTH = 7;

/** Data below this many bytes goes as it is. */
export const MIN_COMPRESS_LENGTH = 50;

/** Options of {@linkcode CompressedChannel}. */
export interface CompressedChannelOptions {
  /** Effort, 1 to 9 for zlib (6 if missing) and 1 to 22 for zstd (3 if missing). */
  readonly level?: number;
}

/**
 * Both directions of one compressed connection. They share a sequence number, as the protocol wants it: what is written
 * goes on from what was read last.
 */
export class CompressedChannel {
  readonly algorithm: CompressionAlgorithm;
  readonly #level: number;
  /** The sequence number of the packet to be written next. */
  #sequenceId = 0;
  readonly #header = new Uint8Array(COMPRESSED_HEADER_LENGTH);
  #headerFilled = 0;
  /** Of the current packet: what is missing of its data, and the length before compression. */
  #missing = 0;
  #plainLength = 0;
  /** What has come of data that is compressed and not complete. */
  #data = new Uint8Array(0);
  #dataFilled = 0;
  #failure: ProtocolError | undefined;

  /**
   * @throws {ProtocolError} `unsupported` if this runtime does not have the algorithm, `out-of-range` for a level that the
   * algorithm does not have.
   */
  constructor(algorithm: CompressionAlgorithm, options: CompressedChannelOptions = {}) {
    requireAlgorithm(algorithm);
    const level = options.level ?? DEFAULT_COMPRESSION_LEVEL[algorithm];
    const highest = MAX_COMPRESSION_LEVEL[algorithm];
    if (!Number.isInteger(level) || level < 1 || level > highest) {
      throw new ProtocolError(
        "out-of-range",
        `Cannot compress at the level "${level}": ${algorithm} has 1 to ${highest}`,
      );
    }
    this.algorithm = algorithm;
    this.#level = level;
  }

  /** Whether nothing can be decoded any more: the next call of {@linkcode decode} says why. */
  get broken(): boolean {
    return this.#failure !== undefined;
  }

  /** Whether no compressed packet has begun to arrive that is not complete. */
  get atBoundary(): boolean {
    return this.#headerFilled === 0;
  }

  /**
   * Takes bytes of the wire, split anywhere, and returns the plain bytes that are known now; none is a valid result.
   * What went uncompressed may be a view of `chunk` and comes out as it arrives.
   *
   * @throws {ProtocolError} `malformed` if data does not inflate to the length that its header states, `too-large` if it
   * would exceed it; the stream is beyond use then. What came before it is returned first, and the next call throws: see
   * {@linkcode broken}.
   */
  decode(chunk: Uint8Array): Uint8Array {
    if (this.#failure !== undefined) throw this.#failure;
    const parts: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerFilled < COMPRESSED_HEADER_LENGTH) {
        const taken = chunk.subarray(at, at + COMPRESSED_HEADER_LENGTH - this.#headerFilled);
        this.#header.set(taken, this.#headerFilled);
        this.#headerFilled += taken.length;
        at += taken.length;
        if (this.#headerFilled < COMPRESSED_HEADER_LENGTH) break;
        this.#missing = readUint24(this.#header, 0);
        this.#sequenceId = (this.#header[3]! + 1) % 256;
        this.#plainLength = readUint24(this.#header, 4);
      }
      const data = chunk.subarray(at, at + this.#missing);
      at += data.length;
      this.#missing -= data.length;
      try {
        const plain = this.#plainLength === 0 ? data : this.#collect(data);
        if (plain.length > 0) parts.push(plain);
      } catch (error) {
        if (!(error instanceof ProtocolError) || parts.length === 0) throw error;
        this.#failure = error;
        break;
      }
      if (this.#missing === 0) this.#headerFilled = 0;
    }
    return concat(...parts);
  }

  /** Takes compressed data of the current packet; returns what it inflates to once it is complete. */
  #collect(data: Uint8Array): Uint8Array {
    if (this.#missing === 0 && this.#dataFilled === 0) return decompress(this.algorithm, data, this.#plainLength);
    const filled = this.#dataFilled + data.length;
    if (filled > this.#data.length) {
      // Grows with what has come, not with what the header promises.
      const grown = new Uint8Array(Math.min(filled + this.#missing, filled * 2));
      grown.set(this.#data.subarray(0, this.#dataFilled));
      this.#data = grown;
    }
    this.#data.set(data, this.#dataFilled);
    this.#dataFilled = filled;
    if (this.#missing > 0) return new Uint8Array(0);
    const whole = this.#data.subarray(0, filled);
    this.#data = new Uint8Array(0);
    this.#dataFilled = 0;
    return decompress(this.algorithm, whole, this.#plainLength);
  }

  /**
   * Makes the compressed packets that carry `bytes`: one for every 2^24-1 of them.
   *
   * @param bytes One or more ordinary packets or a piece of one, with the headers.
   * @param newCommand Whether a command begins here, with which the sequence numbers begin again at 0.
   */
  encode(bytes: Uint8Array, newCommand: boolean): Uint8Array {
    if (newCommand) this.#sequenceId = 0;
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += MAX_PAYLOAD) {
      parts.push(this.#encodePacket(bytes.subarray(at, at + MAX_PAYLOAD)));
    }
    return concat(...parts);
  }

  #encodePacket(plain: Uint8Array): Uint8Array {
    const compressed = plain.length < MIN_COMPRESS_LENGTH ? plain : compress(this.algorithm, plain, this.#level);
    const smaller = compressed.length < plain.length;
    const data = smaller ? compressed : plain;
    const packet = new Uint8Array(COMPRESSED_HEADER_LENGTH + data.length);
    writeUint24(packet, 0, data.length);
    packet[3] = this.#sequenceId;
    writeUint24(packet, 4, smaller ? plain.length : 0);
    packet.set(data, COMPRESSED_HEADER_LENGTH);
    this.#sequenceId = (this.#sequenceId + 1) % 256;
    return packet;
  }
}
