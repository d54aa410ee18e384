import { assertEquals, assertRejects } from "@std/assert";
import { LuaCancelled, type LuaEngine, LuaError } from "../../lib/lua/engine.ts";
import { httpFunction, sleepFunction } from "../../lib/lua/waits.ts";
import { call, define, withEngine } from "./open_engine.ts";

async function withWaits(test: (engine: LuaEngine) => Promise<void>): Promise<void> {
  await withEngine({ timeLimitMs: 500 }, async (engine) => {
    define(engine, "sleep", sleepFunction(engine));
    define(engine, "http", httpFunction(engine));
    await test(engine);
  });
}

Deno.test("sleep() lets others run for at least that time", async () => {
  await withWaits(async (engine) => {
    const start = performance.now();
    const order: unknown[] = [];
    await Promise.all([
      call(engine, "sleep(0.04) return 'long'").then((value) => order.push(...value)),
      call(engine, "sleep(0.005) return 'short'").then((value) => order.push(...value)),
      call(engine, "return sleep(0)"),
    ]);
    assertEquals(order, ["short", "long"]);
    assertEquals(performance.now() - start >= 39, true);
  });
});

Deno.test("sleep() refuses what is no time", async () => {
  await withWaits(async (engine) => {
    for (const seconds of ["-1", "1/0", "0/0", "'x'", "3e9"]) {
      await assertRejects(() => call(engine, `sleep(${seconds})`), LuaError);
    }
  });
});

Deno.test("a sleep that is given up leaves no timer", async () => {
  await withWaits(async (engine) => {
    const coroutine = engine.begin();
    engine.load(coroutine.L, "sleep(1000)", "=t");
    const result = engine.run(coroutine, 0, () => {});
    engine.cancel(coroutine);
    await assertRejects(async () => await result, LuaCancelled);
  });
});

Deno.test("http() sends and receives binary data", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const body = new Uint8Array(await request.arrayBuffer());
    const headers = { "x-method": request.method, "x-kind": request.headers.get("x-kind") ?? "none" };
    return new Response(body.toReversed(), { status: 201, headers });
  });
  try {
    await withWaits(async (engine) => {
      const url = `http://127.0.0.1:${server.addr.port}/`;
      const source = `
        local plain = http("${url}")
        local r = http("${url}", { method = "PUT", headers = { ["X-Kind"] = "test" }, body = "a\\0\\255b", timeout = 5 })
        return plain.status, plain.body, r.headers["x-method"], r.headers["x-kind"], r.body == "b\\255\\0a"`;
      assertEquals(await call(engine, source), [201, "", "PUT", "test", true]);
    });
  } finally {
    await server.shutdown();
  }
});

Deno.test("http() returns nil and a message when there is no answer", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${listener.addr.port}/`;
  const accepted = listener.accept().catch(() => undefined);
  try {
    await withWaits(async (engine) => {
      assertEquals(await call(engine, `return http("${url}", { timeout = 0.05 })`), [
        undefined,
        `no response from "${url}" within 0.05 seconds`,
      ]);
      for (
        const other of ["no url", "", "/etc/hostname", "file:///etc/hostname", "data:text/plain,x", "blob:http://x/y"]
      ) {
        assertEquals(await call(engine, `return http('${other}')`), [
          undefined,
          `"${other}" is no URL of a web server`,
        ]);
      }
      const [nothing, message] = await call(engine, "return http('http://')");
      assertEquals([nothing, typeof message], [undefined, "string"]);
      await assertRejects(() => call(engine, `http("${url}", 1)`), LuaError, "table expected");
    });
  } finally {
    listener.close();
    (await accepted)?.close();
  }
});
