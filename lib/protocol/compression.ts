/**
 * The compression algorithms of the protocol, with a bound on what comes out.
 *
 * Source: https://dev.mysql.com/doc/refman/9.4/en/connection-compression-control.html
 *
 * @module
 */
import * as zlib from "node:zlib";
import { ProtocolError } from "./error.ts";

/** As in the server's and the clients' option `compression-algorithms`. */
export type CompressionAlgorithm = "zlib" | "zstd";

type Transform = (bytes: Uint8Array, options: Readonly<Record<string, unknown>>) => Uint8Array;

function isFunction(value: unknown): value is (...args: readonly unknown[]) => unknown {
  return typeof value === "function";
}

/** A function of node:zlib that older runtimes do not have, and their types neither. */
function optionalTransform(name: string): Transform | undefined {
  const transform: unknown = Reflect.get(zlib, name);
  if (!isFunction(transform)) return undefined;
  return (bytes, options) => {
    const result = transform(bytes, options);
    if (!(result instanceof Uint8Array)) throw new TypeError(`Expected bytes from ${name}()`);
    return result;
  };
}

const zstdCompress = optionalTransform("zstdCompressSync");
const zstdDecompress = optionalTransform("zstdDecompressSync");

/** zstd's number of the parameter "compression level", part of its stable interface. */
const ZSTD_LEVEL = 100;

/** Those that this runtime has: zlib always, zstd where its `node:zlib` knows it. */
export const COMPRESSION_ALGORITHMS: readonly CompressionAlgorithm[] = zstdCompress && zstdDecompress
  ? ["zlib", "zstd"]
  : ["zlib"];

/** The level that clients and servers use where none is given: 6 of 9 for zlib, 3 of 22 for zstd. */
export const DEFAULT_COMPRESSION_LEVEL: Readonly<Record<CompressionAlgorithm, number>> = { zlib: 6, zstd: 3 };

/** The highest level; the lowest is 1. */
export const MAX_COMPRESSION_LEVEL: Readonly<Record<CompressionAlgorithm, number>> = { zlib: 9, zstd: 22 };

/** The smallest output buffer that node:zlib takes. */
const MIN_CHUNK = 64;

/** The same bytes without the methods of `Buffer`, whose `slice()` does not copy. */
function bytesOf(buf: Uint8Array): Uint8Array {
  return new Uint8Array(buf.buffer, buf.byteOffset, buf.byteLength);
}

/**
 * @throws {ProtocolError} `unsupported` if this runtime does not have the algorithm.
 */
export function requireAlgorithm(algorithm: CompressionAlgorithm): void {
  if (COMPRESSION_ALGORITHMS.includes(algorithm)) return;
  throw new ProtocolError(
    "unsupported",
    `Cannot compress with ${algorithm}: this version of Deno does not have it, use zlib or a newer one`,
  );
}

/** Compresses bytes at once; the result may be longer than they are. */
export function compress(algorithm: CompressionAlgorithm, bytes: Uint8Array, level: number): Uint8Array {
  // One output buffer for all that helps: a result that does not fit is not sent.
  const chunkSize = Math.max(MIN_CHUNK, bytes.length);
  if (algorithm === "zlib") return bytesOf(zlib.deflateSync(bytes, { level, chunkSize }));
  requireAlgorithm(algorithm);
  return bytesOf(zstdCompress!(bytes, { chunkSize, params: { [ZSTD_LEVEL]: level } }));
}

/**
 * Takes off the compression.
 *
 * @param length How many bytes must come out. No more memory is used than that, and no more than what the compressed bytes
 * can make.
 * @throws {ProtocolError} `malformed` if the bytes are damaged or fewer come out, `too-large` if more would.
 */
export function decompress(algorithm: CompressionAlgorithm, bytes: Uint8Array, length: number): Uint8Array {
  requireAlgorithm(algorithm);
  const chunkSize = Math.max(MIN_CHUNK, Math.min(length + 1, Math.max(16_384, bytes.length * 8)));
  const options = { maxOutputLength: Math.max(1, length), chunkSize };
  let plain: Uint8Array;
  try {
    if (algorithm === "zlib") {
      if (!boundsOutput()) checkInflatedLength(bytes, length);
      plain = bytesOf(zlib.inflateSync(bytes, options));
    } else {
      plain = bytesOf(zstdDecompress!(bytes, options));
    }
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    if (cause instanceof RangeError) throw tooLarge(length, cause);
    throw new ProtocolError("malformed", `Compressed packet is damaged: no valid ${algorithm} data`, { cause });
  }
  if (plain.length === length) return plain;
  if (plain.length > length) throw tooLarge(length);
  throw new ProtocolError(
    "malformed",
    `Compressed packet of ${length} bytes before compression inflates to ${plain.length}`,
  );
}

function tooLarge(length: number, cause?: unknown): ProtocolError {
  return new ProtocolError(
    "too-large",
    `Compressed packet inflates to more than the ${length} bytes that its header states`,
    cause === undefined ? {} : { cause },
  );
}

let bounded: boolean | undefined;

/** Whether node:zlib heeds `maxOutputLength`; Deno 2.4 does not. */
function boundsOutput(): boolean {
  if (bounded === undefined) {
    try {
      zlib.inflateSync(zlib.deflateSync(new Uint8Array(200)), { maxOutputLength: 1, chunkSize: MIN_CHUNK });
      bounded = false;
    } catch {
      bounded = true;
    }
  }
  return bounded;
}

/** The most that one compressed byte can make (https://zlib.net/zlib_tech.html, "Maximum Compression Factor"). */
const MAX_FACTOR = 1032;
/** What may be inflated beyond the stated length without a look at it first, in bytes. */
const HARMLESS = 1 << 20;
const SCRATCH = 1 << 16;

/**
 * Refuses data that inflates to more than `length` bytes, on runtimes that would inflate all of it. Inflates into one
 * scratch buffer again and again, by the interface below that of the streams; other faults are left to be found later.
 */
function checkInflatedLength(bytes: Uint8Array, length: number): void {
  if (bytes.length * MAX_FACTOR <= length + HARMLESS) return;
  const stream = zlib.createInflate();
  // Faults of the data would come as events, which must not end the program.
  stream.on("error", () => {});
  const handle: unknown = Reflect.get(stream, "_handle");
  const writeSync: unknown = typeof handle === "object" && handle !== null
    ? Reflect.get(handle, "writeSync")
    : undefined;
  if (!isFunction(writeSync)) {
    throw new ProtocolError(
      "unsupported",
      "Cannot bound compressed packets with this version of Deno, use a newer one",
    );
  }
  try {
    const scratch = new Uint8Array(SCRATCH);
    let at = 0;
    let total = 0;
    for (;;) {
      const left = bytes.length - at;
      const after: unknown = writeSync.call(handle, zlib.constants.Z_SYNC_FLUSH, bytes, at, left, scratch, 0, SCRATCH);
      if (!Array.isArray(after)) return;
      const [inputLeft, outputLeft]: readonly unknown[] = after;
      if (typeof inputLeft !== "number" || typeof outputLeft !== "number") return;
      total += SCRATCH - outputLeft;
      if (total > length) throw tooLarge(length);
      if (outputLeft > 0) return;
      at = bytes.length - inputLeft;
    }
  } finally {
    stream.destroy();
  }
}
