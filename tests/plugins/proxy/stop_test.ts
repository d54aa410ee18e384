import { assertEquals, assertStringIncludes } from "@std/assert";
import { isListening, until } from "../../servers/port.ts";
import { Proxy } from "../../servers/proxy.ts";
import { sharedServer, whyMissing } from "../../servers/servers.ts";
import { closing, connect, failure, value } from "./stage.ts";

const kind = whyMissing("mariadb") === undefined ? "mariadb" : "mysql";
const ignore = whyMissing(kind) !== undefined;

async function start(...args: string[]): Promise<Proxy> {
  const shared = await sharedServer(kind);
  if ("missing" in shared) throw new Error(shared.missing);
  return Proxy.start({ backends: [`127.0.0.1:${shared.server.port}`], args });
}

Deno.test({
  name: "proxy stops at once when its clients are idle",
  ignore,
  async fn() {
    const proxy = await start();
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(proxy.port)));
    const ends = clients.map((client) => closing(client, 3000));
    await proxy.stop(3000);
    await Promise.all(ends);
    clients.forEach((client) => client.destroy());
  },
});

Deno.test({
  name: "proxy lets a running query end, takes no new client meanwhile, and exits with 0",
  ignore,
  async fn() {
    const proxy = await start();
    const client = await connect(proxy.port);
    client.on("error", () => {});
    const running = value(client, "SELECT SLEEP(1.5)");
    await until(3000, "the proxy to have the query", async () => {
      const other = await connect(proxy.port);
      const seen = await value(
        other,
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(1.5)'",
      );
      other.destroy();
      return seen === 1;
    });
    const stopped = proxy.stop(8000);
    await until(1000, "the listener to close", async () => !await isListening(proxy.port));
    assertEquals(await running, 0);
    await stopped;
    client.destroy();
  },
});

Deno.test({
  name: "proxy cuts off with an ERR what does not end in time",
  ignore,
  async fn() {
    const proxy = await start("--shutdown-timeout=0.5");
    const client = await connect(proxy.port);
    client.on("error", () => {});
    const running = failure(client.query("SELECT SLEEP(20)"));
    // Nothing says that the query has arrived, but a later stop would only make the test easier.
    await value(await connect(proxy.port), "SELECT 1");
    await proxy.stop(5000);
    const { errno, message } = await running;
    assertEquals(errno, 1053, message);
    assertStringIncludes(proxy.log, "Cutting off");
    client.destroy();
  },
});

Deno.test({
  name: "proxy ends at the second signal",
  ignore,
  async fn() {
    const proxy = await start("--shutdown-timeout=60");
    const client = await connect(proxy.port);
    client.on("error", () => {});
    const running = failure(client.query("SELECT SLEEP(30)"));
    await value(await connect(proxy.port), "SELECT 1");
    proxy.child.kill("SIGTERM");
    await until(3000, "the first signal", () => proxy.log.includes("shutting down"));
    // Another signal than the first cannot be its echo.
    await proxy.kill("SIGINT");
    await running;
    client.destroy();
  },
});
