/**
 * What a session wants done: the whole vocabulary between the life cycle and the world.
 *
 * @module
 */

/** The side of the client, or that of the server. */
export type Side = "client" | "server";

/** A server's socket that no session has, until one takes it. */
export interface ParkedSocket {
  send(bytes: Uint8Array): void;
  /** Sends a last command and closes it. */
  discard(farewell: Uint8Array): void;
}

/** Who looks after a parked socket. */
export interface Keeper {
  /** Bytes have come. @returns whether the socket may stay; it is closed otherwise. */
  heard(bytes: Uint8Array): boolean;
  /** It is closed. */
  lost(): void;
}

/** Carries out what a session asks for. Calls come in order and while an event is being handled, never later. */
export interface Effects {
  /** Open a connection to backend `index`; answer with `connected` or `connectFailed`. */
  connect(index: number): void;
  /** Give up the connection that is open or being opened, without a word. */
  drop(): void;
  /** Write `bytes`, which may be used until the event's call has returned and the write is done. */
  send(to: Side, bytes: Uint8Array): void;
  /**
   * Go on with TLS at a side: `first` is what has come of it already and is valid during the call. Answer with `secured`;
   * from then on bytes are plain ones.
   */
  secure(side: Side, first: Uint8Array): void;
  /** Close a side after everything sent to it is written. */
  close(side: Side): void;
  /** Give the server's socket away. */
  park(keeper: Keeper): ParkedSocket;
  /** Take a socket that was parked, in place of the server's (there is none now). */
  adopt(socket: ParkedSocket): void;
  /** Take no more bytes of the client until the promise has settled. */
  hold(until: Promise<void>): void;
  /** A backend's state changed. */
  backendChanged(index: number, up: boolean, reason: string): void;
  /** Something that an operator wants to know; one line. */
  report(level: "critical" | "warning" | "info" | "debug", text: string): void;
}
