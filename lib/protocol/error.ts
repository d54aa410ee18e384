/**
 * The one error class of this floor.
 *
 * @module
 */

/**
 * What went wrong, for code that must choose a reaction:
 * - `truncated`: the bytes end before the value does
 * - `malformed`: the bytes cannot be what they are read as
 * - `out-of-order`: a packet's sequence number is not the one that must follow
 * - `too-large`: a packet is longer than the reader was told to accept
 * - `out-of-range`: a value to be written does not fit its field
 * - `unsupported`: a valid form that these codecs do not know, such as handshake version 9
 */
export type ProtocolErrorCode =
  | "truncated"
  | "malformed"
  | "out-of-order"
  | "too-large"
  | "out-of-range"
  | "unsupported";

/** Bytes that break the MySQL protocol, or values that it cannot carry. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
