/**
 * Length-encoded integers and strings: one byte below 0xfb is the value, 0xfc, 0xfd and 0xfe announce 2, 3 and 8 bytes
 * of value. 0xfb stands for NULL where a string of a text row is expected, and 0xff never begins one.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html
 *
 * @module
 */
import { ProtocolError } from "./error.ts";
import { readUint16, readUint24, readUint64, readUint8, writeUint16, writeUint24, writeUint64 } from "./integer.ts";

/** A 64-bit value: a `bigint` only where a `number` would not be exact. */
export type Integer = number | bigint;

/** The first byte that means NULL in a text row. */
export const LENGTH_ENCODED_NULL = 0xfb;

/** A value and the offset of the byte after it. */
export interface LengthEncoded<T> {
  readonly value: T;
  readonly end: number;
}

/** Turns a 64-bit value into a `number` if that is exact. */
export function toInteger(value: bigint): Integer {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value;
}

/**
 * Reads a length-encoded integer at `at`. Also takes forms that are longer than needed, as servers send them.
 *
 * @throws {ProtocolError} `truncated` if `buf` ends within it, `malformed` if it begins with 0xfb (NULL) or 0xff.
 */
export function readLengthEncodedInteger(buf: Uint8Array, at: number): LengthEncoded<Integer> {
  const first = readUint8(buf, at);
  if (first < 0xfb) return { value: first, end: at + 1 };
  if (first === 0xfc) return { value: readUint16(buf, at + 1), end: at + 3 };
  if (first === 0xfd) return { value: readUint24(buf, at + 1), end: at + 4 };
  if (first === 0xfe) return { value: toInteger(readUint64(buf, at + 1)), end: at + 9 };
  throw new ProtocolError(
    "malformed",
    `Expected a length-encoded integer at offset ${at}, got the byte "0x${first.toString(16)}"`,
  );
}

/**
 * Reads a length-encoded string at `at` as a view of `buf`.
 *
 * @throws {ProtocolError} `truncated` if `buf` ends within it, `malformed` if it is NULL or begins with 0xff.
 */
export function readLengthEncodedBytes(buf: Uint8Array, at: number): LengthEncoded<Uint8Array> {
  const { value: length, end: start } = readLengthEncodedInteger(buf, at);
  if (length > buf.length - start) {
    throw new ProtocolError(
      "truncated",
      `Expected a string of ${length} bytes at offset ${start}: the packet has ${buf.length} bytes`,
    );
  }
  const end = start + Number(length);
  return { value: buf.subarray(start, end), end };
}

/**
 * Reads a length-encoded string that may be NULL, as in text rows.
 *
 * @throws {ProtocolError} `truncated` if `buf` ends within it, `malformed` if it begins with 0xff.
 */
export function readLengthEncodedNullable(buf: Uint8Array, at: number): LengthEncoded<Uint8Array | null> {
  if (buf[at] === LENGTH_ENCODED_NULL) return { value: null, end: at + 1 };
  return readLengthEncodedBytes(buf, at);
}

/**
 * The number of bytes that the shortest form of a length-encoded integer takes: 1, 3, 4 or 9.
 *
 * @throws {ProtocolError} `out-of-range` if `value` is negative, not an integer, or above 64 bits.
 */
export function lengthEncodedSize(value: Integer): 1 | 3 | 4 | 9 {
  if (value < 0 || value >= 1n << 64n || (typeof value === "number" && !Number.isSafeInteger(value))) {
    throw new ProtocolError("out-of-range", `Cannot write "${value}" as a length-encoded integer`);
  }
  if (value < 0xfb) return 1;
  if (value <= 0xffff) return 3;
  return value <= 0xffffff ? 4 : 9;
}

/**
 * Writes the shortest form of a length-encoded integer at `at`.
 *
 * @returns the offset after it.
 * @throws {ProtocolError} `truncated` without room, `out-of-range` if it does not fit 64 bits.
 */
export function writeLengthEncodedInteger(buf: Uint8Array, at: number, value: Integer): number {
  const size = lengthEncodedSize(value);
  if (at < 0 || at + size > buf.length) {
    throw new ProtocolError("truncated", `Cannot write ${size} bytes at offset ${at}: there are ${buf.length} bytes`);
  }
  switch (size) {
    case 1:
      buf[at] = Number(value);
      break;
    case 3:
      buf[at] = 0xfc;
      writeUint16(buf, at + 1, Number(value));
      break;
    case 4:
      buf[at] = 0xfd;
      writeUint24(buf, at + 1, Number(value));
      break;
    case 9:
      buf[at] = 0xfe;
      writeUint64(buf, at + 1, BigInt(value));
  }
  return at + size;
}

/** The shortest form of a length-encoded integer. */
export function encodeLengthEncodedInteger(value: Integer): Uint8Array {
  const buf = new Uint8Array(lengthEncodedSize(value));
  writeLengthEncodedInteger(buf, 0, value);
  return buf;
}

/** A length-encoded string; `null` becomes the single byte 0xfb. */
export function encodeLengthEncodedBytes(bytes: Uint8Array | null): Uint8Array {
  if (bytes === null) return Uint8Array.of(LENGTH_ENCODED_NULL);
  const buf = new Uint8Array(lengthEncodedSize(bytes.length) + bytes.length);
  buf.set(bytes, writeLengthEncodedInteger(buf, 0, bytes.length));
  return buf;
}
