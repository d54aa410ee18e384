/**
 * Builds the payload of one packet.
 *
 * @module
 */
import { ProtocolError } from "./error.ts";
import { writeUint16, writeUint24, writeUint32, writeUint64, writeUint8 } from "./integer.ts";
import { type Integer, LENGTH_ENCODED_NULL, lengthEncodedSize, writeLengthEncodedInteger } from "./length_encoded.ts";
import { encodeText } from "./text.ts";

/**
 * A buffer that grows as fields are appended; all methods but {@linkcode PayloadWriter.finish} chain. A value that does not
 * fit its field throws a {@linkcode ProtocolError} with the code `out-of-range`. Text is written as UTF-8.
 */
export class PayloadWriter {
  #buf: Uint8Array;
  #at = 0;

  constructor(capacity = 64) {
    this.#buf = new Uint8Array(capacity);
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#at;
  }

  /** Makes room for `size` bytes and returns where they go. May replace `#buf`, so call it before reading that. */
  #claim(size: number): number {
    const at = this.#at;
    const end = at + size;
    if (end > this.#buf.length) {
      const grown = new Uint8Array(Math.max(end, this.#buf.length * 2));
      grown.set(this.#buf.subarray(0, at));
      this.#buf = grown;
    }
    this.#at = end;
    return at;
  }

  u8(value: number): this {
    const at = this.#claim(1);
    writeUint8(this.#buf, at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#claim(2);
    writeUint16(this.#buf, at, value);
    return this;
  }

  u24(value: number): this {
    const at = this.#claim(3);
    writeUint24(this.#buf, at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#claim(4);
    writeUint32(this.#buf, at, value);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#claim(8);
    writeUint64(this.#buf, at, value);
    return this;
  }

  /** A length-encoded integer in its shortest form. */
  lenencInt(value: Integer): this {
    const at = this.#claim(lengthEncodedSize(value));
    writeLengthEncodedInteger(this.#buf, at, value);
    return this;
  }

  /** A length-encoded string; null becomes the byte 0xfb. */
  lenencBytes(bytes: Uint8Array | null): this {
    if (bytes === null) return this.u8(LENGTH_ENCODED_NULL);
    return this.lenencInt(bytes.length).bytes(bytes);
  }

  lenencText(text: string): this {
    return this.lenencBytes(encodeText(text));
  }

  /** Bytes and a NUL after them. */
  nulBytes(bytes: Uint8Array): this {
    if (bytes.includes(0)) {
      throw new ProtocolError("out-of-range", "Cannot write a NUL-terminated string that contains a NUL byte");
    }
    return this.bytes(bytes).u8(0);
  }

  /** Text and a NUL after it. */
  nulText(text: string): this {
    return this.nulBytes(encodeText(text));
  }

  /** A string of at most 255 bytes after one byte with its length. */
  shortBytes(bytes: Uint8Array): this {
    return this.u8(bytes.length).bytes(bytes);
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#claim(bytes.length);
    this.#buf.set(bytes, at);
    return this;
  }

  text(text: string): this {
    return this.bytes(encodeText(text));
  }

  /** `count` bytes of the given value. */
  fill(count: number, byte = 0): this {
    const at = this.#claim(count);
    this.#buf.fill(byte, at, this.#at);
    return this;
  }

  /** The payload. A view of the writer's buffer, so write nothing more afterwards. */
  finish(): Uint8Array {
    return this.#buf.subarray(0, this.#at);
  }
}
