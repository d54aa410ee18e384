/**
 * A load generator for machines without sysbench, as a process of its own: `load_client.ts PORT CLIENTS SECONDS`. It prints
 * the number of queries in sysbench's words.
 *
 * @module
 */

import { RawClient } from "../interop/raw_client.ts";
import { ROWS, TABLES } from "./load.ts";

const [port = 0, clients = 0, seconds = 0] = Deno.args.map(Number);
const connections = await Promise.all(
  Array.from({ length: clients }, () => RawClient.connect({ port, database: "sbtest" })),
);
const start = performance.now();
const end = start + seconds * 1000;
const counts = await Promise.all(connections.map(async (client, index) => {
  let count = 0;
  let id = index * 97;
  while (performance.now() < end) {
    id = (id * 31 + 7) % ROWS;
    await client.query(`SELECT c FROM sbtest${1 + id % TABLES} WHERE id=${1 + id}`);
    count++;
  }
  client[Symbol.dispose]();
  return count;
}));
const queries = counts.reduce((sum, count) => sum + count, 0);
const elapsed = (performance.now() - start) / 1000;
Deno.stdout.writeSync(
  new TextEncoder().encode(`queries: ${queries} (${(queries / elapsed).toFixed(2)} per sec.)\n`),
);
