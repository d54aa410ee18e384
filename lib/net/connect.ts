/**
 * Opens connections.
 *
 * @module
 */
import { type Address, formatAddress } from "./address.ts";
import { NetError } from "./net_error.ts";
import { Stream } from "./stream.ts";

/** Options of {@linkcode connect}. */
export interface ConnectOptions {
  /** How long to try, in seconds. */
  readonly timeout: number;
  /** Gives up early. */
  readonly signal?: AbortSignal;
}

/**
 * Connects to `address`, whose host must be numeric already.
 *
 * @throws {NetError} `timed-out`, or `cannot-connect` with the system's reason.
 */
export async function connect(address: Address, options: ConnectOptions): Promise<Stream> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), options.timeout * 1000);
  // Not at once: Deno forgets a socket, and leaves it open, whose signal is aborted when it is connected but not handed out
  // yet. A timer runs when all that is done is handed out.
  let leaving: ReturnType<typeof setTimeout> | undefined;
  const giveUp = () => leaving = setTimeout(() => controller.abort(), 0);
  options.signal?.addEventListener("abort", giveUp);
  try {
    const { signal } = controller;
    const conn = address.transport === "tcp"
      ? await Deno.connect({ hostname: address.hostname, port: address.port, signal })
      : await connectUnix(address.path, signal);
    const stream = new Stream(conn);
    if (options.signal?.aborted === true) {
      stream.destroy();
      throw options.signal.reason;
    }
    stream.keepAlive();
    return stream;
  } catch (cause) {
    if (controller.signal.aborted && options.signal?.aborted !== true) {
      throw new NetError("timed-out", `No connection to ${formatAddress(address)} within ${options.timeout} s`, {
        cause,
      });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new NetError("cannot-connect", `Cannot connect to ${formatAddress(address)}: ${reason}`, { cause });
  } finally {
    clearTimeout(timer);
    clearTimeout(leaving);
    options.signal?.removeEventListener("abort", giveUp);
  }
}

/** A Unix socket connects or fails at once, except when its backlog is full; Deno takes no signal for it. */
async function connectUnix(path: string, signal: AbortSignal): Promise<Deno.Conn> {
  const connecting = Deno.connect({ transport: "unix", path });
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new DOMException("The backlog is full", "AbortError")), {
      once: true,
    });
  });
  try {
    return await Promise.race([connecting, aborted]);
  } catch (error) {
    connecting.then((conn) => conn.close(), () => {});
    throw error;
  }
}
