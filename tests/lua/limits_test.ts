import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { LuaKilled } from "../../lib/lua/engine.ts";
import { call, define, withEngine } from "./open_engine.ts";

Deno.test("a script that runs too long is killed wherever it is", async () => {
  await withEngine({ timeLimitMs: 20 }, async (engine) => {
    for (
      const source of [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "coroutine.wrap(function() while true do end end)()",
        "while true do pcall(coroutine.wrap(function() while true do end end)) end",
        "string.gsub('x', 'x', function() while true do end end)",
        "table.sort({ 1, 2, 3 }, function() while true do end end)",
        "local t = setmetatable({}, { __index = function() while true do end end }) return t.x",
        "local x <close> = setmetatable({}, { __close = function() while true do end end }) while true do end",
        "local x <close> = setmetatable({}, { __close = function() while true do end end }) error('x')",
        "load(function() while true do end end)",
      ]
    ) {
      const error = await assertRejects(() => call(engine, source), Error);
      if (source.includes("error(")) continue;
      assertEquals(error instanceof LuaKilled, true, `${source}: ${error}`);
      assertEquals(error.message, "test.lua:1: the script ran longer than 20 ms");
      assertStringIncludes(error instanceof LuaKilled ? error.traceback : "", "test.lua:1: in ");
      assertEquals(await call(engine, "return 1 + 1"), [2]);
    }
  });
});

Deno.test("500 scripts that are killed in a row leave a sound state", async () => {
  await withEngine({ timeLimitMs: 1 }, async (engine) => {
    const used = () => engine.execute("collectgarbage() return collectgarbage('count')", "=t")[0];
    const before = used();
    const coroutines = engine.coroutineCount;
    for (let i = 0; i < 500; i++) {
      await assertRejects(
        () => call(engine, "string.gsub('x', 'x', function() pcall(function() while true do end end) end)"),
        LuaKilled,
      );
    }
    const after = used();
    if (typeof before !== "number" || typeof after !== "number") throw new Error("no count");
    assertEquals(after - before < 16, true, `${before} KiB became ${after} KiB`);
    assertEquals(engine.coroutineCount <= coroutines, true);
    assertEquals(await call(engine, "return pcall(error, 'x')"), [false, "x"]);
  });
});

Deno.test("every call and every wait begins anew", async () => {
  await withEngine({ timeLimitMs: 100 }, async (engine) => {
    define(engine, "pause", (L) => engine.wait(L, () => Promise.resolve([])));
    // Long enough for the hook to be called each time: together they take longer than the limit.
    const some = "for i = 1, 1e6 do end";
    for (let i = 0; i < 40; i++) await call(engine, some);
    await call(engine, `for i = 1, 40 do ${some} pause() end`);
  });
});

Deno.test("scripts cannot set a hook", async () => {
  await withEngine({ timeLimitMs: 20 }, async (engine) => {
    assertEquals(await call(engine, "return debug.sethook"), [undefined]);
  });
});

Deno.test("the clock is looked at more often when there may be long strings", async () => {
  await withEngine({ timeLimitMs: 1 }, async (engine) => {
    const script = `
      local s, t = ("x"):rep(2e7), ("x"):rep(2e7 - 1) .. "x"
      n = 0
      while true do n = n + 1 local x = s == t end`;
    await assertRejects(() => call(engine, script), LuaKilled);
    // Otherwise it would be 150 and more, each of which takes milliseconds.
    const [compared] = await call(engine, "return n");
    assert(Number(compared) < 50, `${compared}`);
  });
});
