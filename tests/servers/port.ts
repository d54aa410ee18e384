/**
 * Free ports, and waiting until something listens.
 *
 * @module
 */

/** A TCP port of 127.0.0.1 that nothing listens on at the moment. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/**
 * Asks `condition` again and again until it is true.
 *
 * @param limit Milliseconds.
 * @param what What is waited for, as in "Waited 5000 ms for the proxy to listen".
 * @throws {Error} When `limit` has passed, or what `condition` throws.
 */
export async function until(limit: number, what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + limit;
  while (!await condition()) {
    if (Date.now() > end) throw new Error(`Waited ${limit} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Whether a TCP connection to `port` of `hostname` is accepted. */
export async function isListening(port: number, hostname = "127.0.0.1"): Promise<boolean> {
  try {
    const connection = await Deno.connect({ hostname, port });
    connection.close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

/**
 * Whether a MySQL server greets whoever connects to `port` of 127.0.0.1: the first payload byte of a handshake is 10.
 * A server that is still starting may accept a connection and close it, or answer with an ERR packet.
 */
export async function isGreeting(port: number): Promise<boolean> {
  try {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    using _limit = closeBy(1000, connection);
    const packet = new Uint8Array(5);
    for (let length = 0; length < 5;) {
      const count = await connection.read(packet.subarray(length));
      if (count === null) return false;
      length += count;
    }
    return packet[4] === 10;
  } catch (error) {
    const { ConnectionRefused, ConnectionReset, Interrupted, BadResource } = Deno.errors;
    if ([ConnectionRefused, ConnectionReset, Interrupted, BadResource].some((kind) => error instanceof kind)) {
      return false;
    }
    throw error;
  }
}

/** Closes `connection` when disposed, or after `limit` milliseconds. */
function closeBy(limit: number, connection: Deno.Conn): Disposable {
  let open = true;
  const close = () => {
    if (open) connection.close();
    open = false;
  };
  const timer = setTimeout(close, limit);
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      close();
    },
  };
}
