import { assert, assertEquals } from "@std/assert";
import { bytes, little, packet, RawClient } from "../../interop/raw_client.ts";
import { until } from "../../servers/port.ts";
import { query } from "../../servers/sql.ts";
import { shared, withLocal, withProcess } from "./scripts_stage.ts";
import { connect, ignore, startServer, value, withProxy } from "./stage.ts";

const MB = 1 << 20;
/** How much more memory than at rest the proxy may take, as the largest of several looks. */
const LIMIT = 50 * MB;

/** The resident memory of a process, in bytes; zero where there is no /proc to ask. */
async function memoryOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

/** The most memory that `pid` takes while `work` runs. */
async function peak(memory: () => Promise<number>, work: Promise<unknown>): Promise<number> {
  let over = false;
  let most = 0;
  const done = work.finally(() => over = true);
  while (!over) {
    most = Math.max(most, await memory());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await done;
  return most;
}

Deno.test({
  name: "proxy keeps its memory flat on a large result, also for a client that reads slowly",
  ignore,
  async fn() {
    const server = await startServer();
    await withProxy([server], async (proxy) => {
      const warm = await connect(proxy.port);
      assertEquals(await value(warm, "SELECT LENGTH(REPEAT('x', 1000000))"), 1_000_000);
      await warm.end();
      const before = await memoryOf(proxy.pid);

      using client = await RawClient.connect({ port: proxy.port, database: "mysql" });
      // 400 rows of a megabyte each.
      const rows = "(SELECT 1 FROM information_schema.collations a, information_schema.collations b LIMIT 400) t";
      await client.send(3, `SELECT REPEAT('x', ${MB}) FROM ${rows}`);
      const buffer = new Uint8Array(MB);
      let total = 0;
      const reading = (async () => {
        // Slow at the start: what the proxy does not pass on it must not take.
        for (let look = 0; look < 20; look++) {
          total += await client.connection.read(buffer) ?? 0;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        while (total < 400 * MB) total += await client.connection.read(buffer) ?? Infinity;
      })();
      const most = await peak(() => memoryOf(proxy.pid), reading);
      assert(most - before < LIMIT, `${(most - before) / MB} MB more`);
    });
  },
});

Deno.test({
  name: "proxy stops taking a large command that the server does not take, and lets go when the client leaves",
  ignore,
  async fn() {
    const server = await startServer();
    await withProxy([server], async (proxy) => {
      const client = await RawClient.connect({ port: proxy.port, database: "mysql" });
      const before = await memoryOf(proxy.pid);
      Deno.kill(server.pid, "SIGSTOP");
      let sent = 0;
      const chunk = new Uint8Array(0xffffff + 4).fill(0x20);
      chunk.set([0xff, 0xff, 0xff, 0, 3]);
      const writing = (async () => {
        for (;;) {
          for (let at = 0; at < chunk.length;) {
            const written = await client.connection.write(chunk.subarray(at, at + 65536));
            at += written;
            sent += written;
          }
          chunk[3] = chunk[3]! + 1;
        }
      })().catch(() => {});
      let last = -1;
      await until(10_000, "the client to be held up", async () => {
        const held = sent === last && sent > 0;
        last = sent;
        await new Promise((resolve) => setTimeout(resolve, 500));
        return held;
      });
      assert(sent < 40 * MB, `The proxy took ${sent / MB} MB`);
      assert(await memoryOf(proxy.pid) - before < LIMIT);
      client.connection.close();
      await writing;
      Deno.kill(server.pid, "SIGCONT");
      const other = await connect(proxy.port);
      await until(10_000, "the server to be left alone", async () => {
        return await value(other, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'root'") === 1;
      });
      await other.end();
    });
  },
});

Deno.test({
  name: "proxy answers a client that sends more commands in advance than it keeps for a script",
  ignore,
  async fn() {
    await withLocal("function read_query() end", [await shared()], async ({ proxy }) => {
      using client = await RawClient.connect({ port: proxy.port, database: "mysql" });
      const query = packet(0, bytes(3, "DO 1 -- ", "x".repeat(1000)));
      // One command without a response, and 60 with one.
      const batch = bytes(packet(0, bytes(25, little(1, 4))), ...Array<Uint8Array>(60).fill(query));
      const batches = 40;
      const writing = (async () => {
        for (let n = 0; n < batches; n++) {
          for (let at = 0; at < batch.length;) at += await client.connection.write(batch.subarray(at));
        }
      })();
      // Who waits for ever is told so by a read that fails.
      const late = setTimeout(() => client.connection.close(), 30_000);
      for (let n = 0; n < batches * 60; n++) assertEquals((await client.response()).length, 1);
      clearTimeout(late);
      await writing;
    });
  },
});

Deno.test({
  name: "proxy lets go of a client that it has kept waiting when the server is gone",
  ignore,
  async fn() {
    const server = await shared();
    let log = "";
    await withProcess("function read_query() end", [server], async ({ proxy }) => {
      using client = await RawClient.connect({ port: proxy.port, database: "mysql" });
      const sleep = "SELECT SLEEP(60) -- kept waiting";
      await client.send(3, sleep);
      const more = packet(0, bytes(3, "DO 1 -- ", "x".repeat(400_000)));
      for (let at = 0; at < more.length;) at += await client.connection.write(more.subarray(at));
      const running = `SELECT id FROM information_schema.processlist WHERE info = '${sleep}'`;
      let id: unknown;
      await until(5000, "the statement to run", async () => {
        id = (await query(server, running))[0]?.[0];
        return id !== undefined;
      });
      await query(server, `KILL ${id}`);
      const buffer = new Uint8Array(1024);
      while (await client.connection.read(buffer).catch(() => null) !== null);
      client.connection.close();
      await proxy.stop();
      log = proxy.log;
    });
    assert(!log.includes("Cutting off"), log);
  },
});
