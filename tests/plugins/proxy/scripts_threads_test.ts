import { assert, assertEquals } from "@std/assert";
import type { Connection } from "mysql2/promise";
import { until } from "../../servers/port.ts";
import type { Proxy } from "../../servers/proxy.ts";
import { ignore, shared, withProcess } from "./scripts_stage.ts";
import { connect, failure, value } from "./stage.ts";

/** `LUA code` runs code; a module's variable tells which thread's state it is: `thread`. */
const SCRIPT = `
if not _G.marker then
  rawset(_G, "marker", proxy.counter and proxy.counter("threads") and proxy.counter("threads"):add(1) or 0)
end
function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local code = packet:match("^.LUA (.*)$")
  if not code then return end
  local ok, result = pcall(assert(loadstring(code)))
  proxy.response = {
    type = proxy.MYSQLD_PACKET_OK,
    resultset = {
      fields = { { name = "answer", type = proxy.MYSQL_TYPE_STRING } },
      rows = { { tostring(result) } },
    },
  }
  return proxy.PROXY_SEND_RESULT
end
`;

const THREADS = 3;

const run = (client: Connection, code: string) => value(client, `LUA ${code}`);

/** A client on each thread, by the thread's mark. */
async function clientsOfThreads(proxy: Proxy): Promise<Map<unknown, Connection>> {
  const clients = new Map<unknown, Connection>();
  await until(10_000, "clients on every thread", async () => {
    const client = await connect(proxy.port);
    const marker = await run(client, "return marker");
    if (clients.has(marker)) client.destroy();
    else clients.set(marker, client);
    return clients.size === THREADS;
  });
  return clients;
}

async function withThreads(work: (clients: Connection[], proxy: Proxy) => Promise<void>): Promise<void> {
  const args = [`--event-threads=${THREADS}`, "--lua-time-limit=5"];
  await withProcess(SCRIPT, [await shared()], async ({ proxy }) => {
    const clients = await clientsOfThreads(proxy);
    await work([...clients.values()], proxy);
    for (const client of clients.values()) client.destroy();
  }, args);
}

Deno.test({
  name: "what one thread assigns in proxy.global the others see, nested tables and removals too",
  ignore,
  async fn() {
    await withThreads(async ([writer, ...readers]) => {
      const seen = (code: string, expected: string) =>
        until(5000, `all threads to see ${expected} as ${code}`, async () => {
          const answers = await Promise.all([writer!, ...readers].map((client) => run(client, `return ${code}`)));
          return answers.every((answer) => answer === expected);
        });
      await run(writer!, "proxy.global.plain = 42");
      await seen("proxy.global.plain", "42");
      await run(writer!, "proxy.global.deep = { a = { b = { c = 'x' } }, list = { 1, 2, 3 } }");
      await seen("proxy.global.deep and proxy.global.deep.a.b.c .. #proxy.global.deep.list", "x3");
      await run(readers[0]!, "proxy.global.deep.a.b.c = 'y' table.insert(proxy.global.deep.list, 4)");
      await seen("proxy.global.deep.a.b.c .. #proxy.global.deep.list", "y4");
      await run(readers[1]!, "proxy.global.deep.a = nil");
      await seen("proxy.global.deep.a", "nil");
      await run(writer!, "proxy.global.bytes = ('\\0\\255'):rep(50000)");
      await seen("#(proxy.global.bytes or '')", "100000");
      await run(writer!, "proxy.global.config.module = { option = true }");
      await seen("proxy.global.config.module and proxy.global.config.module.option", "true");
      // What is no data stays where it is, and harms nobody.
      await run(writer!, "proxy.global.f = function() return 1 end proxy.global.after = 1");
      await seen("proxy.global.after", "1");
      assertEquals(await run(readers[0]!, "return proxy.global.f"), "nil");
    });
  },
});

Deno.test({
  name: "a large value in proxy.global comes to threads that have nothing else to do",
  ignore,
  async fn() {
    await withThreads(async ([writer, ...readers]) => {
      const started = performance.now();
      await run(writer!, "proxy.global.large = ('x'):rep(12 * 2^20)");
      await until(10_000, "all threads to have it", async () => {
        const answers = await Promise.all(readers.map((client) => run(client, "return #(proxy.global.large or '')")));
        return answers.every((answer) => answer === `${12 * 2 ** 20}`);
      });
      // One inbox of a megabyte a second would take about ten.
      assert(performance.now() - started < 5000);
    });
  },
});

Deno.test({
  name: "counters are exact over all threads, and backends are live in all of them",
  ignore,
  async fn() {
    await withThreads(async (clients) => {
      const rounds = 50;
      const step = "local c = proxy.counter('exact') for i = 1, 100 do c:add(1) end return c:get()";
      await Promise.all(clients.map(async (client) => {
        for (let i = 0; i < rounds; i++) await run(client, step);
      }));
      for (const client of clients) {
        assertEquals(await run(client, "return proxy.counter('exact'):get()"), `${rounds * 100 * THREADS}`);
      }
      await run(clients[0]!, "proxy.global.backends[1].state = proxy.BACKEND_STATE_DOWN");
      for (const client of clients) assertEquals(await run(client, "return proxy.global.backends[1].state"), "2");
      await run(clients[1]!, "proxy.global.backends[1].state = proxy.BACKEND_STATE_UP");
      for (const client of clients) assertEquals(await run(client, "return proxy.global.backends[1].state"), "1");
      const connected = await Promise.all(
        clients.map((client) => run(client, "return proxy.global.backends[1].connected_clients")),
      );
      assertEquals(connected, clients.map(() => `${THREADS}`));
    });
  },
});

Deno.test({
  name: "hooks of several threads run at the same time, and one that computes delays nobody else's clients",
  ignore,
  async fn() {
    await withThreads(async ([first, second, third]) => {
      // Each of two waits for the other without waiting: that ends only if both run at once.
      const meet = (own: string, other: string) =>
        `proxy.counter("${own}"):add(1)
         while proxy.counter("${other}"):get() == 0 do end
         return "met"`;
      const meeting = Promise.all([run(first!, meet("a", "b")), run(second!, meet("b", "a"))]);
      assertEquals(await meeting, ["met", "met"]);
      // A third client's queries are answered while one of the others computes.
      let over = false;
      const computing = run(
        first!,
        `while proxy.counter("release"):get() == 0 do end return "released"`,
      ).finally(() => over = true);
      for (let i = 0; i < 20; i++) assertEquals(await value(third!, "SELECT 1"), 1);
      assert(!over);
      await run(second!, `proxy.counter("release"):add(1)`);
      assertEquals(await computing, "released");
    });
  },
});

Deno.test({
  name: "a hook without end on one thread is stopped, and the other threads' clients do not notice",
  ignore,
  async fn() {
    await withThreads(async ([first, second, third], proxy) => {
      let over = false;
      // The command goes on to the server, who does not understand it.
      const stuck = failure(run(first!, "while true do end")).finally(() => over = true);
      let slowest = 0;
      let count = 0;
      while (!over) {
        const start = performance.now();
        assertEquals(await value(count % 2 === 0 ? second! : third!, "SELECT 1"), 1);
        slowest = Math.max(slowest, performance.now() - start);
        count++;
      }
      assertEquals((await stuck).errno, 1064);
      assert(count > 20, `Only ${count} queries in 5 s`);
      assert(slowest < 2500, `One query took ${slowest} ms`);
      assertEquals(await run(first!, "return 1"), "1");
      assert(proxy.log.includes("the script ran longer than 5000 ms"), proxy.log);
    });
  },
});
