/**
 * Fixed-width integers. Everything in the MySQL protocol is little-endian.
 *
 * Source: "Integer Types", https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html
 *
 * @module
 */
import { ProtocolError } from "./error.ts";

function check(buf: Uint8Array, at: number, width: number): void {
  if (at < 0 || at + width > buf.length) {
    throw new ProtocolError(
      "truncated",
      `Cannot access ${width} bytes at offset ${at}: the packet has ${buf.length} bytes`,
    );
  }
}

function checkValue(value: number, bits: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
    throw new ProtocolError("out-of-range", `Cannot write "${value}" as an unsigned integer of ${bits} bits`);
  }
}

/** @throws {ProtocolError} `truncated` if `buf` has no byte at `at`. */
export function readUint8(buf: Uint8Array, at: number): number {
  check(buf, at, 1);
  return buf[at]!;
}

/** @throws {ProtocolError} `truncated` if `buf` ends within the value. */
export function readUint16(buf: Uint8Array, at: number): number {
  check(buf, at, 2);
  return buf[at]! | buf[at + 1]! << 8;
}

/** @throws {ProtocolError} `truncated` if `buf` ends within the value. */
export function readUint24(buf: Uint8Array, at: number): number {
  check(buf, at, 3);
  return buf[at]! | buf[at + 1]! << 8 | buf[at + 2]! << 16;
}

/** @throws {ProtocolError} `truncated` if `buf` ends within the value. */
export function readUint32(buf: Uint8Array, at: number): number {
  check(buf, at, 4);
  return (buf[at]! | buf[at + 1]! << 8 | buf[at + 2]! << 16 | buf[at + 3]! << 24) >>> 0;
}

/** @throws {ProtocolError} `truncated` if `buf` ends within the value. */
export function readUint64(buf: Uint8Array, at: number): bigint {
  check(buf, at, 8);
  return BigInt(readUint32(buf, at)) | BigInt(readUint32(buf, at + 4)) << 32n;
}

/** @throws {ProtocolError} `truncated` without room at `at`, `out-of-range` if the value does not fit. */
export function writeUint8(buf: Uint8Array, at: number, value: number): void {
  check(buf, at, 1);
  checkValue(value, 8);
  buf[at] = value;
}

/** @throws {ProtocolError} `truncated` without room at `at`, `out-of-range` if the value does not fit. */
export function writeUint16(buf: Uint8Array, at: number, value: number): void {
  check(buf, at, 2);
  checkValue(value, 16);
  buf[at] = value;
  buf[at + 1] = value >>> 8;
}

/** @throws {ProtocolError} `truncated` without room at `at`, `out-of-range` if the value does not fit. */
export function writeUint24(buf: Uint8Array, at: number, value: number): void {
  check(buf, at, 3);
  checkValue(value, 24);
  buf[at] = value;
  buf[at + 1] = value >>> 8;
  buf[at + 2] = value >>> 16;
}

/** @throws {ProtocolError} `truncated` without room at `at`, `out-of-range` if the value does not fit. */
export function writeUint32(buf: Uint8Array, at: number, value: number): void {
  check(buf, at, 4);
  checkValue(value, 32);
  buf[at] = value;
  buf[at + 1] = value >>> 8;
  buf[at + 2] = value >>> 16;
  buf[at + 3] = value >>> 24;
}

/** @throws {ProtocolError} `truncated` without room at `at`, `out-of-range` if the value does not fit. */
export function writeUint64(buf: Uint8Array, at: number, value: bigint): void {
  check(buf, at, 8);
  if (value < 0n || value >= 1n << 64n) {
    throw new ProtocolError("out-of-range", `Cannot write "${value}" as an unsigned integer of 64 bits`);
  }
  writeUint32(buf, at, Number(value & 0xffffffffn));
  writeUint32(buf, at + 4, Number(value >> 32n));
}
