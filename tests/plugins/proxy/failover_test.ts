import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { freePort, until } from "../../servers/port.ts";
import { Proxy } from "../../servers/proxy.ts";
import { closing, connect, failure, ignore, serverPort, startServer, value, withProxy } from "./stage.ts";

Deno.test({
  name: "proxy spreads clients over backends, leaves out what died, and takes it back by itself",
  ignore,
  async fn() {
    const [one, two] = await Promise.all([startServer(), startServer()]);
    await withProxy([one, two], async (proxy) => {
      const clients = await Promise.all(Array.from({ length: 6 }, () => connect(proxy.port)));
      const ports = await Promise.all(clients.map(serverPort));
      assertEquals([one, two].map(({ port }) => ports.filter((other) => other === port).length), [3, 3]);

      // Nobody talks, and still those of the dead server learn of it at once; the others live on.
      const ends = clients.filter((_, index) => ports[index] === one.port).map((client) => closing(client, 5000));
      await one.kill("SIGKILL");
      await Promise.all(ends);
      for (const [index, client] of clients.entries()) {
        if (ports[index] === two.port) assertEquals(await value(client, "SELECT 1"), 1);
        client.destroy();
      }

      const next = await connect(proxy.port);
      assertEquals(await serverPort(next), two.port);
      assertStringIncludes(proxy.log, `Backend 127.0.0.1:${one.port} is down`);

      await one.resume();
      await until(
        10_000,
        "the probe to find it",
        () => proxy.log.includes(`Backend 127.0.0.1:${one.port} is up again`),
      );
      const back = await connect(proxy.port);
      assertEquals(await serverPort(back), one.port);
      next.destroy();
      back.destroy();
    });
  },
});

Deno.test("proxy tells the client when all backends are down", async () => {
  const proxy = await Proxy.start({ backends: [`127.0.0.1:${freePort()}`, `127.0.0.1:${freePort()}`] });
  const { errno, sqlState, message } = await failure(connect(proxy.port));
  assertEquals([errno, sqlState], [1105, "HY000"]);
  assertStringIncludes(message, "(proxy) all backends are down");
  await proxy.stop();
});

Deno.test({
  name: "proxy answers a query whose backend dies with an ERR that names it",
  ignore,
  async fn() {
    const server = await startServer();
    await withProxy([server], async (proxy) => {
      const client = await connect(proxy.port);
      client.on("error", () => {});
      const running = failure(client.query("SELECT SLEEP(30)"));
      const watch = await connect(server.port);
      await until(5000, "the query to run", async () => {
        return await value(
          watch,
          "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(30)'",
        ) === 1;
      });
      watch.on("error", () => {});
      await server.kill("SIGKILL");
      const { errno, sqlState, message } = await running;
      assertEquals([errno, sqlState], [2013, "08S01"]);
      assertStringIncludes(message, `lost connection to backend 127.0.0.1:${server.port} during query`);
      watch.destroy();
      client.destroy();
      assert(proxy.isRunning);
    });
  },
});

Deno.test({
  name: "proxy takes the next backend when one accepts and never greets, and does not wait for ever",
  ignore,
  async fn() {
    const server = await startServer();
    const mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const held: Deno.Conn[] = [];
    const accepting = (async () => {
      for await (const conn of mute) held.push(conn);
    })();
    const backends = [`127.0.0.1:${mute.addr.port}`, `127.0.0.1:${server.port}`];
    await withProxy([server], async (proxy) => {
      const started = performance.now();
      const clients = await Promise.all([1, 2].map(() => connect(proxy.port, { connectTimeout: 30_000 })));
      assertEquals(await Promise.all(clients.map(serverPort)), [server.port, server.port]);
      assert(performance.now() - started < 15_000);
      assertStringIncludes(proxy.log, "no greeting within 10 s");
      clients.forEach((client) => client.destroy());
    }, { backends });
    mute.close();
    await accepting;
    for (const conn of held) conn.close();
  },
});
