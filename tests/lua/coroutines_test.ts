import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { LuaCancelled, type LuaEngine, LuaError } from "../../lib/lua/engine.ts";
import { call, define, withEngine } from "./open_engine.ts";

/** Defines `soon(x)`, that waits a moment and returns `x`; an error for nil. */
function defineSoon(engine: LuaEngine): void {
  define(engine, "soon", (L) => {
    const value = engine.value(L, 1);
    return engine.wait(L, () => value === undefined ? Promise.reject(new Error("nil")) : Promise.resolve([value]));
  });
}

Deno.test("coroutine.resume() and wrap() do what the library's do", async () => {
  await withEngine({}, async (engine) => {
    const source = `
      local log = {}
      local co = coroutine.create(function(a, b)
        log[#log + 1] = a + b
        local c = coroutine.yield(a, b)
        log[#log + 1] = c
        return "end"
      end)
      local r = { coroutine.resume(co, 1, 2) }
      local s = { coroutine.resume(co, 5) }
      local t = { coroutine.resume(co) }
      local w = coroutine.wrap(function(...) for i = 1, select("#", ...) do coroutine.yield((select(i, ...))) end end)
      local u = { w(7, 8), w(), w() }
      return log, r, s, t, u, coroutine.status(co), { pcall(w) }`;
    assertEquals(await call(engine, source), [
      [3, 5],
      [true, 1, 2],
      [true, "end"],
      [false, "cannot resume dead coroutine"],
      [7, 8],
      "dead",
      [false, "cannot resume dead coroutine"],
    ]);
  });
});

Deno.test("errors of coroutines come out as the library's", async () => {
  await withEngine({}, async (engine) => {
    assertEquals(await call(engine, "return coroutine.resume(coroutine.create(function() error('x') end))"), [
      false,
      "test.lua:1: x",
    ]);
    assertEquals(await call(engine, "return pcall(coroutine.wrap(function() error({ 1 }) end))"), [false, [1]]);
    assertEquals(
      await call(engine, "return pcall(function() local x = coroutine.wrap(function() error('x') end)() end)"),
      [
        false,
        "test.lua:1: test.lua:1: x",
      ],
    );
    assertEquals(await call(engine, "return coroutine.resume(coroutine.running())"), [
      false,
      "cannot resume non-suspended coroutine",
    ]);
    for (const name of ["resume", "wrap"]) {
      const error = await assertRejects(() => call(engine, `coroutine.${name}(1)`), LuaError);
      assertStringIncludes(error.message, `bad argument #1 to '${name}'`);
    }
  });
});

Deno.test("arguments and results by the hundred go through a coroutine", async () => {
  await withEngine({}, async (engine) => {
    const source = `
      local t = {} for i = 1, 1000 do t[i] = i end
      local w = coroutine.wrap(function(...) return coroutine.yield(...) end)
      return select("#", w(table.unpack(t))), (select(1000, w(table.unpack(t))))`;
    assertEquals(await call(engine, source), [1000, 1000]);
  });
});

Deno.test("the whole chain waits for what waits in a script's coroutine", async () => {
  await withEngine({}, async (engine) => {
    defineSoon(engine);
    const source = `
      local outer = coroutine.wrap(function()
        local inner = coroutine.create(function(a) coroutine.yield(soon(a)) return soon("last") end)
        coroutine.yield(select(2, coroutine.resume(inner, "first")))
        coroutine.yield(soon("between"))
        coroutine.yield(select(2, coroutine.resume(inner)))
      end)
      local t = {}
      for value in outer do t[#t + 1] = value end
      return t, pcall(coroutine.wrap(soon))`;
    assertEquals(await call(engine, source), [["first", "between", "last"], false, "nil"]);
  });
});

Deno.test("a coroutine that waits cannot be resumed by others", async () => {
  await withEngine({}, async (engine) => {
    const { promise, resolve } = Promise.withResolvers<string[]>();
    define(engine, "later", (L) => engine.wait(L, promise));
    const waiting = call(engine, "co = coroutine.create(function() return later() end) return coroutine.resume(co)");
    assertEquals(await call(engine, "return coroutine.resume(co)"), [false, "cannot resume non-suspended coroutine"]);
    resolve(["here"]);
    assertEquals(await waiting, [true, "here"]);
  });
});

Deno.test("a chain that waits can be given up", async () => {
  await withEngine({}, async (engine) => {
    define(engine, "hang", (L) => engine.wait(L, () => new Promise(() => {})));
    const coroutine = engine.begin();
    engine.load(coroutine.L, "co = coroutine.create(function() hang() end) coroutine.resume(co)", "=t");
    const result = engine.run(coroutine, 0, () => {});
    engine.cancel(coroutine);
    await assertRejects(async () => await result, LuaCancelled);
    await call(engine, "collectgarbage() co = nil collectgarbage()");
  });
});
