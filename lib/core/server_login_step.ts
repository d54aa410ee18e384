/**
 * What comes out of a login on a server inside this program.
 *
 * @module
 */
import type { ConnectionAttributes } from "../protocol/mod.ts";
import type { CompressionAlgorithm } from "../protocol/compression.ts";
import type { ServerPlugin } from "./server_authentication.ts";

/** A client whose password was right. */
export interface LoggedIn {
  readonly username: string;
  /** Undefined for none. */
  readonly database: string | undefined;
  /** What both sides can do. */
  readonly capabilities: bigint;
  readonly attributes: ConnectionAttributes;
  readonly plugin: ServerPlugin;
  /** How everything behind the OK packet is compressed. */
  readonly compression: CompressionAlgorithm | undefined;
  /** The level of zstd that the client wishes for, 1 to 22. */
  readonly zstdLevel: number | undefined;
  /** Belongs into the OK packet. */
  readonly info: string;
}

/**
 * What to do. `write` goes out as it is, framed; it may be empty. `rest` is what of the chunk is not part of the login,
 * a view of it.
 */
export type ServerLoginStep =
  /** Wait for more of the client. */
  | { readonly kind: "more"; readonly write: Uint8Array; readonly rest: Uint8Array }
  /** Go on with TLS, whose first bytes are in `rest`. */
  | { readonly kind: "secure"; readonly write: Uint8Array; readonly rest: Uint8Array }
  /** Send an OK packet with number `sequenceId` behind `write`, or an ERR packet if the database is none. */
  | {
    readonly kind: "accepted";
    readonly write: Uint8Array;
    readonly rest: Uint8Array;
    readonly client: LoggedIn;
    readonly sequenceId: number;
  }
  /** The login is over: `write` tells the client why. */
  | { readonly kind: "refused"; readonly write: Uint8Array; readonly rest: Uint8Array };
