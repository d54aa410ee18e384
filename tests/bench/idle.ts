/**
 * What an idle connection costs a process in memory.
 *
 * @module
 */

import { free, hold } from "../servers/leash.ts";
import { residentBytes } from "./process.ts";
import { sendLoad } from "./load.ts";
import type { Way } from "./way.ts";

/**
 * The memory of `way`'s process in bytes for each of `count` idle connections, on top of what it uses after a little
 * traffic. While they are held, other clients work.
 */
export async function idleBytes(way: Way, count: number, sysbench: boolean): Promise<number | undefined> {
  if (way.pid === undefined) return undefined;
  await sendLoad({ sysbench }, way.port, 8, 1);
  const before = residentBytes(way.pid);
  const client = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-net",
      new URL("./idle_client.ts", import.meta.url).pathname,
      `${way.port}`,
      `${count}`,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  await hold({ kind: "process", pid: client.pid });
  const reader = client.stdout.getReader();
  const { done } = await reader.read();
  if (done) throw new Error(`Cannot hold ${count} idle connections by way of ${way.name}`);
  const during = residentBytes(way.pid);
  await sendLoad({ sysbench }, way.port, 8, 1);
  await reader.cancel();
  await client.stdin.close();
  await client.status;
  await free({ kind: "process", pid: client.pid });
  return (during - before) / count;
}
