/**
 * Listens for clients.
 *
 * All event threads accept from one TCP socket: `loadBalanced`, which is not in Deno's type definitions, makes listeners
 * on the same address in one process share it (works in 2.4 and 2.9 without a flag). A Unix socket cannot be shared, so
 * one thread accepts for it.
 *
 * @module
 */
import { type Address, formatAddress } from "./address.ts";
import { NetError } from "./net_error.ts";
import { Stream } from "./stream.ts";

/** After a failed accept (out of file descriptors, mostly) the next try waits for so many milliseconds. */
const RETRY_MS = 100;

/** Connections that the kernel may hold back until they are accepted. */
const BACKLOG = 1024;

/** A socket that clients connect to. */
export class Listener {
  readonly #listener: Deno.Listener;
  #closed = false;

  private constructor(listener: Deno.Listener) {
    this.#listener = listener;
  }

  /**
   * Opens a listener.
   *
   * @param use `shared`: those on one TCP address, also in different threads, share a socket, and a port of 0 is the same
   *   one for all of them; `alone`: the socket is this listener's own.
   * @throws {NetError} `cannot-listen`
   */
  static open(address: Address, use: "shared" | "alone"): Listener {
    try {
      if (address.transport === "unix") return new Listener(Deno.listen({ transport: "unix", path: address.path }));
      const { hostname, port } = address;
      const options = { hostname, port, loadBalanced: use === "shared", tcpBacklog: BACKLOG };
      return new Listener(Deno.listen(options));
    } catch (cause) {
      throw new NetError("cannot-listen", `Cannot listen on ${formatAddress(address)}: ${why(cause)}`, { cause });
    }
  }

  /** The address with the port that the system gave. */
  get address(): Address {
    const { addr } = this.#listener;
    if (addr.transport === "tcp") return { transport: "tcp", hostname: addr.hostname, port: addr.port };
    if (addr.transport === "unix") return { transport: "unix", path: addr.path };
    throw new TypeError(`Listening on a "${addr.transport}" socket was never asked for`);
  }

  /**
   * Waits for the next client. A failure is reported and tried again.
   *
   * @returns `undefined` when the listener has been closed.
   */
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

function why(cause: unknown): string {
  if (cause instanceof Deno.errors.AddrInUse) {
    return "the address is in use; stop the program that listens there or choose another port";
  }
  if (cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable) {
    return `not permitted (${cause.message})`;
  }
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * Removes the file of a Unix socket that nobody listens on any more, as a crash leaves it behind.
 *
 * @throws {NetError} `cannot-listen` if somebody does, or if the file is something else.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.lstat(path);
  } catch {
    return;
  }
  if (!info.isSocket) {
    throw new NetError("cannot-listen", `Cannot listen on ${path}: a file of that name is in the way`);
  }
  try {
    const conn = await Deno.connect({ transport: "unix", path });
    conn.close();
  } catch {
    await Deno.remove(path);
    return;
  }
  throw new NetError("cannot-listen", `Cannot listen on ${path}: another program listens there`);
}
