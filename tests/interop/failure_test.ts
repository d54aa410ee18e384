import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Kind, KINDS } from "../servers/installation.ts";
import { freePort, until } from "../servers/port.ts";
import { hasProxy, Proxy } from "../servers/proxy.ts";
import type { Server } from "../servers/server.ts";
import { startMariadb, startMysql, whyMissing } from "../servers/servers.ts";
import { CAPABILITY, first, RawClient, type RawPacket } from "./raw_client.ts";
import { within } from "./scenario.ts";

const START: Readonly<Record<Kind, typeof startMariadb>> = { mariadb: startMariadb, mysql: startMysql };

/** The kind of server for tests for which it makes no difference. */
const ANY: Kind = whyMissing("mariadb") === undefined ? "mariadb" : "mysql";

const LONG_RESULT =
  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT REPEAT('x', 300000) FROM n";

/** Registers a test with servers and proxies of its own, which it may kill. */
function failure(kind: Kind, name: string, body: (stage: Stage) => Promise<void>): void {
  const missing = whyMissing(kind);
  Deno.test({
    name: missing === undefined ? `${kind}: ${name}` : `${kind}: ${name} [skipped: ${missing}]`,
    ignore: missing !== undefined || !hasProxy(),
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using stage = new Stage(kind);
      await within(60_000, name, body(stage));
    },
  });
}

/** Servers and proxies of a test. They end with it. */
class Stage implements AsyncDisposable {
  readonly #servers: Server[] = [];
  readonly #proxies: Proxy[] = [];

  constructor(readonly kind: Kind) {}

  async server(): Promise<Server> {
    const server = await START[this.kind]();
    this.#servers.push(server);
    return server;
  }

  async proxy(backends: readonly string[], args: readonly string[] = [], address?: string): Promise<Proxy> {
    const proxy = await Proxy.start({ backends, args, ...(address === undefined ? {} : { address }) });
    this.#proxies.push(proxy);
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.isRunning ? proxy.kill() : undefined));
    await Promise.all(this.#servers.map((server) => server.stop()));
  }
}

function connect(at: { readonly port: number }): Promise<RawClient> {
  return RawClient.connect({ port: at.port, database: "mysql" });
}

function address(server: Server): string {
  return `127.0.0.1:${server.port}`;
}

/** Reads until the connection ends. The packets that came before. */
async function untilEnd(client: RawClient): Promise<RawPacket[]> {
  const packets: RawPacket[] = [];
  try {
    for (;;) packets.push(await client.read());
  } catch (error) {
    if (!(error instanceof Deno.errors.UnexpectedEof || error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return packets;
}

/** What a new client is told: `in` when it is let in, else the text of the ERR packet. */
async function knock(proxy: Proxy): Promise<string> {
  try {
    using client = await connect(proxy);
    return (await client.query("SELECT 1")).length === 4 ? "in" : "no result";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

for (const kind of KINDS) {
  failure(
    kind,
    "a server that dies is noticed by idle and busy clients at once, and welcome when it is back",
    async (stage) => {
      const server = await stage.server();
      const proxy = await stage.proxy([address(server)]);
      const idle = await Promise.all(Array.from({ length: 20 }, () => connect(proxy)));
      const busy = await connect(proxy);
      await busy.send(3, "SELECT SLEEP(30)");
      const reading = await connect(proxy);
      await reading.send(3, LONG_RESULT);
      await reading.read();
      await server.kill("SIGKILL");
      const ends = await within(5000, "A client of a dead server", Promise.all([...idle, busy, reading].map(untilEnd)));
      for (const packets of ends.slice(0, 20)) {
        // An ERR packet may tell why, if one is possible.
        assert(packets.length <= 1 && packets.every(({ payload }) => payload[0] === 0xff));
      }
      for (const client of [...idle, busy, reading]) client[Symbol.dispose]();

      const refusal = await knock(proxy);
      assertMatch(refusal, /#HY000\(proxy\) all backends are down/);
      assert(proxy.isRunning, proxy.log);
      await server.resume();
      await until(15_000, "the proxy to let clients in again", async () => await knock(proxy) === "in");
      await proxy.stop();
    },
  );
}

failure(ANY, "of two servers the other takes over when one dies", async (stage) => {
  const [one, two] = await Promise.all([stage.server(), stage.server()]);
  const proxy = await stage.proxy([address(one), address(two)]);
  const clients = await Promise.all(Array.from({ length: 10 }, () => connect(proxy)));
  const ports = await Promise.all(clients.map(async (client) => {
    const packets = await client.query("SELECT CAST(@@port AS CHAR)");
    return Number(new TextDecoder().decode(packets[2]?.payload.subarray(1)));
  }));
  // The shortest queue: both get their share.
  const share = ports.filter((port) => port === one.port).length;
  assert(share >= 3 && share <= 7, `${share} of 10 connections went to the first server`);
  await one.kill("SIGKILL");
  for (let attempt = 0; attempt < 20; attempt++) assertEquals(await knock(proxy), "in");
  for (const [index, client] of clients.entries()) {
    if (ports[index] === two.port) assertEquals((await client.query("SELECT 1")).length, 4);
    client[Symbol.dispose]();
  }
  await proxy.stop();
});

failure(ANY, "a server that hangs does not keep clients from the other", async (stage) => {
  const [one, two] = await Promise.all([stage.server(), stage.server()]);
  const proxy = await stage.proxy([address(one), address(two)]);
  using held = await connect(proxy);
  await one.kill("SIGSTOP");
  try {
    let served = 0;
    const clients = await Promise.all(
      Array.from({ length: 4 }, () =>
        within(3000, "A client", connect(proxy)).then((client) => {
          served++;
          return client;
        }).catch(() => undefined)),
    );
    assert(served > 0, "Nobody was served");
    for (const client of clients) client?.[Symbol.dispose]();
    assert(proxy.isRunning, proxy.log);
  } finally {
    await one.kill("SIGCONT");
  }
  assertEquals((await held.query("SELECT 1")).length, 4);
});

failure(ANY, "a proxy that is killed leaves nobody hanging on either side", async (stage) => {
  const server = await stage.server();
  const proxy = await stage.proxy([address(server)]);
  const clients = await Promise.all(Array.from({ length: 10 }, () => connect(proxy)));
  await clients[0]?.send(3, "SELECT SLEEP(30)");
  await proxy.kill("SIGKILL");
  await within(5000, "A client of a dead proxy", Promise.all(clients.map(untilEnd)));
  using direct = await connect(server);
  await until(10_000, "the server's connections to end", async () => {
    const packets = await direct.query(
      "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = 'mysql' AND COMMAND = 'Sleep'",
    );
    return new TextDecoder().decode(packets[2]?.payload.subarray(1)) === "0";
  });
});

failure(ANY, "on SIGTERM running queries end, new clients are refused, and the exit code is 0", async (stage) => {
  const server = await stage.server();
  const proxy = await stage.proxy([address(server)]);
  using busy = await connect(proxy);
  using idle = await connect(proxy);
  await busy.send(3, "SELECT SLEEP(1), 'done'");
  // The server has it before the signal comes.
  using direct = await connect(server);
  await until(5000, "the query to run", async () => {
    const packets = await direct.query("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%done%'");
    return Number(new TextDecoder().decode(packets[2]?.payload.subarray(1))) >= 2;
  });
  const stopped = proxy.stop();
  const answer = await within(5000, "The running query", busy.response());
  assertStringIncludes(new TextDecoder().decode(answer.at(-2)?.payload), "done");
  await within(5000, "The idle client", untilEnd(idle));
  await within(5000, "The proxy's end", stopped);
});

failure(ANY, "a second signal stops at once", async (stage) => {
  const server = await stage.server();
  const proxy = await stage.proxy([address(server)]);
  using busy = await connect(proxy);
  await busy.send(3, "SELECT SLEEP(30)");
  proxy.child.kill("SIGTERM");
  await until(5000, "the proxy to say that it stops", () => /shutting down/.test(proxy.log));
  // The same signal again at once would count as an echo of the first.
  proxy.child.kill("SIGINT");
  await within(3000, "The proxy's end", proxy.child.status);
});

failure(ANY, "a client that does not read holds the server's result back, not the proxy's memory", async (stage) => {
  const server = await stage.server();
  const proxy = await stage.proxy([address(server)]);
  using client = await connect(proxy);
  const before = await memory(proxy);
  await client.send(3, LONG_RESULT);
  await client.read();
  // What the sockets hold is read; then everything stands still for as long as the client does not go on.
  let last = -1;
  await until(10_000, "the memory to settle", async () => {
    const now = await memory(proxy);
    const settled = now === last;
    last = now;
    if (!settled) await new Promise((resolve) => setTimeout(resolve, 300));
    return settled;
  });
  const grown = (last - before) / 2 ** 20;
  assert(grown < 50, `The proxy has grown by ${grown.toFixed(0)} MB`);
  // The rest arrives: count, column, 900 rows and the end.
  for (let packets = 1; packets < 903; packets++) await client.read();
  assertEquals((await client.query("SELECT 1")).length, 4);
  const after = (await memory(proxy) - before) / 2 ** 20;
  assert(after < 50, `The proxy has grown by ${after.toFixed(0)} MB`);
});

failure(ANY, "Unix sockets on both sides, and IPv6 for clients", async (stage) => {
  const server = await stage.server();
  const socket = `${server.folder}/proxy`;
  await stage.proxy([server.socket], [], socket);
  using connection = await Deno.connect({ transport: "unix", path: socket });
  const greeting = new Uint8Array(100);
  await within(3000, "The greeting", connection.read(greeting));
  assertEquals(greeting[4], 10);

  const port = freePort();
  const other = await stage.proxy([server.socket], [], `[::1]:${port}`);
  using v6 = await Deno.connect({ hostname: "::1", port: other.port });
  await within(3000, "The greeting", v6.read(greeting));
  assertEquals(greeting[4], 10);

  const plain = await stage.proxy([server.socket]);
  assertEquals(await knock(plain), "in");
});

failure(ANY, "garbage instead of a log-in harms nobody else", async (stage) => {
  const server = await stage.server();
  const proxy = await stage.proxy([address(server)]);
  using good = await RawClient.connect({ port: proxy.port, database: "mysql" }, CAPABILITY.DEPRECATE_EOF);
  for (let attempt = 0; attempt < 30; attempt++) {
    const garbage = crypto.getRandomValues(new Uint8Array(1 + attempt * 40));
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
    await connection.write(garbage).catch(() => {});
    if (attempt % 2 === 0) await connection.closeWrite().catch(() => {});
  }
  // An HTTP client knocks.
  using http = await Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
  await http.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  assertEquals(first(await good.query("SELECT 1"))[0], 1);
  assertEquals(await knock(proxy), "in");
  assert(proxy.isRunning, proxy.log);
});

/** Resident memory of the proxy in bytes. */
async function memory(proxy: Proxy): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${proxy.pid}/status`] }).output();
  return Number(/VmRSS:\s+(\d+) kB/.exec(new TextDecoder().decode(stdout))?.[1]) * 1024;
}
