/**
 * A socket to a backend. It outlives the client it was opened for if a script puts it into the pool.
 *
 * @module
 */
import type { Keeper, ParkedSocket } from "../../lib/core/effects.ts";
import type { Stream, StreamEnd, StreamHandler } from "../../lib/net/stream.ts";

/** Whoever has the socket at the moment. */
export interface SocketOwner {
  data(view: Uint8Array): Promise<void> | undefined;
  busy(): boolean;
  /** The socket has come to its end. */
  ended(end: StreamEnd): void;
  /** A fault of the proxy's own, thrown by one of the others. */
  failed(error: unknown): void;
}

/** Nobody: a parked socket is to be silent, but for what its keeper waits for. */
class Parked implements SocketOwner {
  readonly #stream: Stream;
  readonly #keeper: Keeper;

  constructor(stream: Stream, keeper: Keeper) {
    this.#stream = stream;
    this.#keeper = keeper;
  }

  data(view: Uint8Array): undefined {
    if (this.#keeper.heard(view)) return;
    this.#keeper.lost();
    this.#stream.destroy();
  }

  busy(): boolean {
    return false;
  }

  ended(): void {
    this.#keeper.lost();
  }

  failed(): void {
    this.#keeper.lost();
  }
}

const NOBODY: Keeper = { heard: () => true, lost: () => {} };

/** One socket and who has it. */
export class ServerSocket implements ParkedSocket, StreamHandler {
  readonly stream: Stream;
  #owner: SocketOwner;

  constructor(stream: Stream, owner: SocketOwner) {
    this.stream = stream;
    this.#owner = owner;
  }

  /** Reads until the socket ends, for one owner after the other. */
  async run(): Promise<void> {
    try {
      const end = await this.stream.run(this);
      this.#owner.ended(end);
    } catch (error) {
      this.#owner.failed(error);
    }
    this.stream.destroy();
  }

  data(view: Uint8Array): Promise<void> | undefined {
    return this.#owner.data(view);
  }

  busy(): boolean {
    return this.#owner.busy();
  }

  broken(): void {
    // What a server said before it stopped listening is still to be read.
  }

  /** Gives it to somebody else. */
  give(owner: SocketOwner): void {
    this.#owner = owner;
  }

  /** Gives it to nobody. */
  park(keeper: Keeper): void {
    this.#owner = new Parked(this.stream, keeper);
  }

  send(bytes: Uint8Array): void {
    this.stream.write(bytes);
  }

  /** Closes it without a word. */
  abandon(): void {
    this.park(NOBODY);
    this.stream.destroy();
  }

  discard(farewell: Uint8Array): void {
    this.park(NOBODY);
    this.stream.write(farewell);
    this.stream.end(false);
  }
}
