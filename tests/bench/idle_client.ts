/**
 * Holds idle connections, as a process of its own: `idle_client.ts PORT COUNT`. It prints `ready` when all are logged in,
 * and runs until its standard input closes.
 *
 * @module
 */

import { RawClient } from "../interop/raw_client.ts";

const [port = 0, count = 0] = Deno.args.map(Number);
const connections: RawClient[] = [];
while (connections.length < count) {
  const batch = Math.min(50, count - connections.length);
  connections.push(
    ...await Promise.all(Array.from({ length: batch }, () => RawClient.connect({ port, database: "sbtest" }))),
  );
}
Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
while (await Deno.stdin.read(new Uint8Array(64)) !== null);
for (const connection of connections) connection[Symbol.dispose]();
