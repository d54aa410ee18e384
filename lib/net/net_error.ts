/**
 * The error class of this floor.
 *
 * @module
 */

/** What went wrong with an address, a listener or a connection. */
export type NetErrorCode =
  | "bad-address"
  | "unknown-host"
  | "cannot-listen"
  | "cannot-connect"
  | "timed-out"
  | "bad-certificate"
  | "bad-option";

/** An error of the network floor; its message says what to do. */
export class NetError extends Error {
  readonly code: NetErrorCode;

  constructor(code: NetErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "NetError";
    this.code = code;
  }
}
