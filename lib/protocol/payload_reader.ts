/**
 * A cursor over the payload of one packet.
 *
 * @module
 */
import { ProtocolError } from "./error.ts";
import { readUint16, readUint24, readUint32, readUint64, readUint8 } from "./integer.ts";
import {
  type Integer,
  readLengthEncodedBytes,
  readLengthEncodedInteger,
  readLengthEncodedNullable,
} from "./length_encoded.ts";
import { decodeText } from "./text.ts";

/**
 * Reads a payload from front to back. Each method takes its bytes or throws a {@linkcode ProtocolError}
 * (`truncated` or `malformed`) and leaves the cursor where it was. Byte results are views of the payload.
 */
export class PayloadReader {
  readonly #payload: Uint8Array;
  #at: number;

  constructor(payload: Uint8Array, at = 0) {
    this.#payload = payload;
    this.#at = at;
  }

  /** The offset of the next byte in the payload. */
  get offset(): number {
    return this.#at;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#payload.length - this.#at;
  }

  /** The next byte without taking it, or undefined at the end. */
  peek(): number | undefined {
    return this.#payload[this.#at];
  }

  u8(): number {
    const value = readUint8(this.#payload, this.#at);
    this.#at += 1;
    return value;
  }

  u16(): number {
    const value = readUint16(this.#payload, this.#at);
    this.#at += 2;
    return value;
  }

  u24(): number {
    const value = readUint24(this.#payload, this.#at);
    this.#at += 3;
    return value;
  }

  u32(): number {
    const value = readUint32(this.#payload, this.#at);
    this.#at += 4;
    return value;
  }

  u64(): bigint {
    const value = readUint64(this.#payload, this.#at);
    this.#at += 8;
    return value;
  }

  /** A length-encoded integer. */
  lenencInt(): Integer {
    const { value, end } = readLengthEncodedInteger(this.#payload, this.#at);
    this.#at = end;
    return value;
  }

  /** A length-encoded integer that counts something in memory, so a `bigint` is malformed. */
  lenencCount(): number {
    const { value, end } = readLengthEncodedInteger(this.#payload, this.#at);
    if (typeof value === "bigint") {
      throw new ProtocolError("malformed", `Expected a count at offset ${this.#at}, got "${value}"`);
    }
    this.#at = end;
    return value;
  }

  /** A length-encoded string. */
  lenencBytes(): Uint8Array {
    const { value, end } = readLengthEncodedBytes(this.#payload, this.#at);
    this.#at = end;
    return value;
  }

  /** A length-encoded string, or null for the byte 0xfb. */
  lenencNullable(): Uint8Array | null {
    const { value, end } = readLengthEncodedNullable(this.#payload, this.#at);
    this.#at = end;
    return value;
  }

  /** A length-encoded string as UTF-8. */
  lenencText(): string {
    return decodeText(this.lenencBytes());
  }

  /** The bytes up to the next NUL, which is taken too. */
  nulBytes(): Uint8Array {
    const end = this.#payload.indexOf(0, this.#at);
    if (end < 0) {
      throw new ProtocolError("truncated", `Expected a NUL byte after offset ${this.#at}: there is none`);
    }
    const bytes = this.#payload.subarray(this.#at, end);
    this.#at = end + 1;
    return bytes;
  }

  /** The text up to the next NUL, which is taken too. */
  nulText(): string {
    return decodeText(this.nulBytes());
  }

  /** The bytes up to the next NUL or the end: for the fields whose NUL some peers leave out. */
  nulOrRestBytes(): Uint8Array {
    return this.#payload.indexOf(0, this.#at) < 0 ? this.rest() : this.nulBytes();
  }

  /** The text up to the next NUL or the end. */
  nulOrRestText(): string {
    return decodeText(this.nulOrRestBytes());
  }

  /** Exactly `length` bytes. */
  bytes(length: number): Uint8Array {
    if (length < 0 || length > this.remaining) {
      throw new ProtocolError(
        "truncated",
        `Expected ${length} bytes at offset ${this.#at}: the packet has ${this.#payload.length} bytes`,
      );
    }
    const bytes = this.#payload.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  /** Steps over `length` bytes. */
  skip(length: number): this {
    this.bytes(length);
    return this;
  }

  /** Everything that is left. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** Everything that is left, as UTF-8. */
  restText(): string {
    return decodeText(this.rest());
  }

  /**
   * Takes one byte that must have the given value.
   *
   * @throws {ProtocolError} `malformed` if it has another; `what` names the packet in the message.
   */
  expect(byte: number, what: string): this {
    const got = readUint8(this.#payload, this.#at);
    if (got !== byte) {
      throw new ProtocolError(
        "malformed",
        `Expected ${what} with the byte "0x${byte.toString(16)}" at offset ${this.#at}, got "0x${got.toString(16)}"`,
      );
    }
    this.#at += 1;
    return this;
  }
}
