/**
 * Listens on a loopback port of the system's choice.
 *
 * The listeners of `lib/net` share one socket per address and process, also when the port is left to the system, which
 * is what event threads want. The demo has two servers that must be told apart by their ports.
 *
 * @module
 */
import type { Address } from "../../lib/net/address.ts";
import { NetError } from "../../lib/net/net_error.ts";
import { Stream } from "../../lib/net/stream.ts";

/** After a failed accept the next try waits for so many milliseconds. */
const RETRY_MS = 100;

/** A socket of its own that clients connect to. */
export class LoopbackListener {
  readonly #listener: Deno.TcpListener;
  #closed = false;

  private constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
  }

  /** @throws {NetError} `cannot-listen` */
  static open(): LoopbackListener {
    try {
      return new LoopbackListener(Deno.listen({ hostname: "127.0.0.1", port: 0 }));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new NetError("cannot-listen", `Cannot listen on 127.0.0.1: ${reason}`, { cause });
    }
  }

  get address(): Extract<Address, { transport: "tcp" }> {
    const { hostname, port } = this.#listener.addr;
    return { transport: "tcp", hostname, port };
  }

  /** Waits for the next client; `undefined` when the listener has been closed. */
  async accept(failed: (reason: string) => void): Promise<Stream | undefined> {
    while (!this.#closed) {
      try {
        return new Stream(await this.#listener.accept());
      } catch (error) {
        if (this.#closed) return undefined;
        failed(error instanceof Error ? error.message : String(error));
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    return undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
  }
}
