/**
 * What goes on between the login and the end, as the session sees it.
 *
 * @module
 */
import type { ProtocolError } from "../protocol/mod.ts";
import type { Side } from "./effects.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Refusal } from "./refusal.ts";

/** Commands one way, responses the other. Bytes come in decompressed. */
export interface Traffic {
  fromClient(chunk: Uint8Array): void;
  fromServer(chunk: Uint8Array): void;
  /** Whether nothing is under way in either direction. */
  readonly idle: boolean;
  /** Whether another client could go on with the server: nothing is under way, and no transaction is open. */
  readonly serverAtRest: boolean;
  /** Whether a transaction is open on the server, by its last word. */
  readonly inTransaction: boolean;
  /** How many responses have been completed. */
  readonly responses: number;
  /** Whether a response has begun and is not over, so that more bytes are likely to follow soon. */
  readonly responding: boolean;
  /** Whether the client is in the middle of a packet. */
  readonly uploading: boolean;
  /** Whether the response has no end to wait for. */
  readonly endless: boolean;
  /** Whether a server that closes now does so because it has refused a change of user. */
  readonly leavesAfterRefusal: boolean;
  /** The sequence id of an ERR packet of ours, `undefined` where it would land inside another packet. */
  readonly nextSequenceId: number | undefined;
}

/** What traffic leads to beyond itself. */
export interface TrafficHost {
  readonly life: Lifecycle;
  readonly clientOpen: boolean;
  readonly serverOpen: boolean;
  toClient(bytes: Uint8Array): void;
  /** @param newCommand whether the bytes begin an exchange. */
  toServer(bytes: Uint8Array, newCommand: boolean): void;
  /** The client is to get an ERR packet, and both sides are to be closed. */
  refuse(refusal: Refusal): void;
  /** What a side has sent cannot be read any further. */
  garbled(from: Side, error: ProtocolError): void;
  /** A response has ended. */
  finished(): void;
}
