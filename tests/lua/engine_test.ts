import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { LuaCancelled, type LuaEngine, LuaError, LuaKilled } from "../../lib/lua/engine.ts";
import { call, define, withEngine } from "./open_engine.ts";

/** Defines `await()`, that waits until the test lets it go on. */
function gate(engine: LuaEngine) {
  const open: { go: (values: (number | string)[]) => void; fail: (error: unknown) => void; signal: AbortSignal }[] = [];
  define(engine, "await", (L) =>
    engine.wait(L, (signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<(number | string)[]>();
      open.push({ go: resolve, fail: reject, signal });
      return promise;
    }));
  return {
    /** Lets the oldest one go on that waits. */
    next() {
      const first = open.shift();
      if (first === undefined) throw new Error("nobody waits");
      return first;
    },
  };
}

/** Starts a chunk. */
function start(engine: LuaEngine, source: string) {
  const coroutine = engine.begin();
  engine.load(coroutine.L, source, "@test.lua");
  const result = engine.run(coroutine, 0, (L, count) => Array.from({ length: count }, (_, i) => engine.text(L, i + 1)));
  return { coroutine, result };
}

Deno.test("run() returns at once what does not wait, and uses the coroutine again", async () => {
  await withEngine({}, (engine) => {
    const coroutine = engine.begin();
    engine.load(coroutine.L, "return ...", "=t");
    engine.push(coroutine.L, 1);
    engine.push(coroutine.L, "two");
    const result = engine.run(coroutine, 2, (L, count) => [count, engine.value(L, 1), engine.text(L, 2)]);
    assertEquals(result, [2, 1, "two"]);
    assertEquals(engine.begin(), coroutine);
  });
});

Deno.test("run() throws the error with its traceback", async () => {
  await withEngine({}, (engine) => {
    const error = assertThrows(
      () => start(engine, "local function f()\nlocal x\nx.y = 1 end\nlocal function g() f() end\ng()"),
      LuaError,
    );
    assertEquals(error.message, "test.lua:3: attempt to index a nil value (local 'x')");
    assertStringIncludes(error.traceback, "test.lua:3: in upvalue 'f'");
    assertStringIncludes(error.traceback, "test.lua:5: in main chunk");
  });
});

Deno.test("run() makes text of any error object", async () => {
  await withEngine({}, async (engine) => {
    for (
      const [thrown, message] of [
        ["{}", "(error object is a table value)"],
        ["nil", "(error object is a nil value)"],
        ["12", "12"],
        ["setmetatable({}, { __tostring = function() return 'mine' end })", "mine"],
        ["setmetatable({}, { __tostring = function() error({}) end })", "(error object is a table value)"],
      ]
    ) {
      const error = await assertRejects(() => call(engine, `error(${thrown})`), LuaError);
      assertEquals(error.message, message);
    }
  });
});

Deno.test("run() lets go of the coroutine when finish() throws", async () => {
  await withEngine({}, (engine) => {
    const coroutine = engine.begin();
    engine.load(coroutine.L, "return 1", "=t");
    assertThrows(
      () =>
        engine.run(coroutine, 0, () => {
          throw new RangeError("mine");
        }),
      RangeError,
    );
    assertEquals(engine.begin(), coroutine);
    assertEquals(engine.api.lua_gettop(coroutine.L), 0);
  });
});

Deno.test("a yield that is no wait is an error", async () => {
  await withEngine({}, async (engine) => {
    const error = await assertRejects(() => call(engine, "coroutine.yield(1)"), LuaError);
    assertEquals(error.message, "attempt to yield from outside a coroutine");
  });
});

Deno.test("wait() gives the values, or raises the error", async () => {
  await withEngine({}, async (engine) => {
    const gates = gate(engine);
    const { result } = start(
      engine,
      "local a, b = await() local ok, message = pcall(await) return a, b, tostring(ok), message",
    );
    gates.next().go([1, "two"]);
    for (let i = 0; i < 10; i++) await Promise.resolve();
    gates.next().fail(new Error("lost"));
    assertEquals(await result, ["1", "two", "false", "lost"]);

    const failing = start(engine, "\nlocal x = await() return x");
    gates.next().fail(new Error("lost"));
    const error = await assertRejects(async () => await failing.result, LuaError);
    assertEquals(error.message, "test.lua:2: lost");
  });
});

Deno.test("wait() takes many values and a plain promise", async () => {
  await withEngine({}, async (engine) => {
    define(engine, "many", (L) => engine.wait(L, Promise.resolve(Array.from({ length: 500 }, (_, i) => i))));
    assertEquals(await call(engine, "return select('#', many()), (select(500, many()))"), [500, 499]);
  });
});

Deno.test("others run while one waits", async () => {
  await withEngine({}, async (engine) => {
    const gates = gate(engine);
    const waiting = Array.from({ length: 100 }, (_, i) => start(engine, `return await() + ${i}`).result);
    for (let i = 0; i < 1000; i++) assertEquals(engine.execute(`return ${i}`, "=t"), [i]);
    for (let i = 0; i < 100; i++) gates.next().go([1000]);
    assertEquals(await Promise.all(waiting), Array.from({ length: 100 }, (_, i) => [`${1000 + i}`]));
  });
});

Deno.test("wait() refuses where C functions are in between, and does not start the work", async () => {
  await withEngine({}, async (engine) => {
    let started = 0;
    define(engine, "work", (L) => engine.wait(L, () => Promise.resolve([++started])));
    define(engine, "started", (L) => engine.wait(L, Promise.reject(new Error("nobody listens"))));
    engine.preload("waiter", (L) => {
      engine.load(L, "work() return 1", "@waiter.lua");
      engine.api.lua_callk(L, 0, 1, 0, 0);
      return 1;
    });
    for (
      const source of [
        "table.sort({ 3, 2, 1 }, function(a, b) work() return a < b end)",
        "string.gsub('x', 'x', work)",
        "string.gsub('x', 'x', started)",
        "tostring(setmetatable({}, { __tostring = work }))",
        "require 'waiter'",
        "string.gsub('x', 'x', coroutine.wrap(work))",
      ]
    ) {
      const error = await assertRejects(() => call(engine, source), LuaError);
      assertStringIncludes(error.message, "cannot wait here: attempt to yield across a C-call boundary");
    }
    assertEquals(started, 0);
    assertThrows(() => engine.execute("work()", "=setup"), LuaError, "cannot wait here");
  });
});

Deno.test("cancel() gives a waiting call up and aborts its work", async () => {
  await withEngine({}, async (engine) => {
    const gates = gate(engine);
    const before = engine.coroutineCount;
    const { coroutine, result } = start(engine, "await() reached = true");
    const { signal, go } = gates.next();
    engine.cancel(coroutine);
    engine.cancel(coroutine);
    assertEquals(signal.aborted, true);
    await assertRejects(async () => await result, LuaCancelled);
    go([]);
    assertEquals(await call(engine, "return reached"), [undefined]);
    assertEquals(engine.coroutineCount <= before, true);
  });
});

Deno.test("wait() is given up by a signal", async () => {
  await withEngine({}, async (engine) => {
    const client = new AbortController();
    define(engine, "hang", (L) => engine.wait(L, () => new Promise(() => {}), client.signal));
    const hanging = call(engine, "hang()");
    client.abort();
    await assertRejects(() => hanging, LuaCancelled);
    await assertRejects(() => call(engine, "hang()"), LuaCancelled);
  });
});

Deno.test("cancel() comes in time when the work is done but the call has not gone on yet", async () => {
  await withEngine({}, async (engine) => {
    const gates = gate(engine);
    const { coroutine, result } = start(engine, "await() reached = true");
    gates.next().go([]);
    await Promise.resolve();
    engine.cancel(coroutine);
    await assertRejects(async () => await result, LuaCancelled);
    assertEquals(await call(engine, "return reached"), [undefined]);
  });
});

Deno.test("close() gives up the calls that wait", async () => {
  let result: unknown;
  await withEngine({}, (engine) => {
    define(engine, "hang", (L) => engine.wait(L, () => new Promise(() => {})));
    result = start(engine, "local x <close> = setmetatable({}, { __close = print }) hang()").result;
  });
  await assertRejects(async () => await result, LuaCancelled);
});

Deno.test("what a given up call has to close is closed, within the time limit", async () => {
  await withEngine({ timeLimitMs: 20 }, async (engine) => {
    const gates = gate(engine);
    for (const source of ["closed = true", "while true do end", "await()", "error('x')"]) {
      const { coroutine, result } = start(
        engine,
        `local x <close> = setmetatable({}, { __close = function() ${source} end }) await()`,
      );
      gates.next();
      engine.cancel(coroutine);
      await assertRejects(async () => await result, LuaCancelled);
    }
    assertEquals(await call(engine, "return closed"), [true]);
  });
});

Deno.test("a function may run another call, which waits or fails on its own", async () => {
  await withEngine({ timeLimitMs: 50 }, async (engine) => {
    const gates = gate(engine);
    define(engine, "run", (L) => {
      const inner = engine.begin();
      engine.load(inner.L, engine.argText(L, 1), "@inner.lua");
      const result = engine.run(inner, 0, (l) => engine.text(l, 1));
      if (result instanceof Promise) return engine.wait(L, result.then((text) => [text]));
      engine.push(L, result);
      return 1;
    });
    assertEquals(await call(engine, "return run('return 5')"), ["5"]);
    const waiting = call(engine, "return run('return await()') .. '!'");
    gates.next().go(["late"]);
    assertEquals(await waiting, ["late!"]);
    assertEquals(await call(engine, "return pcall(run, 'error(\"x\")')"), [false, "inner.lua:1: x"]);
    await assertRejects(() => call(engine, "pcall(run, 'while true do end')"), LuaKilled);
    const error = await assertRejects(() => call(engine, "return run('return run(...)')"), LuaError);
    assertStringIncludes(error.message, "bad argument #1 to 'run'");
    assertEquals(
      await call(
        engine,
        "function nest(n) return n == 0 and 'end' or run('return nest(' .. n - 1 .. ')') end return nest(20)",
      ),
      ["end"],
    );
    const deep = await assertRejects(() => call(engine, "return nest(1000)"), LuaError);
    assertStringIncludes(deep.message, "C stack overflow");
  });
});

Deno.test("recursion ends with an error that scripts can catch", async () => {
  await withEngine({}, async (engine) => {
    for (
      const source of [
        "local function f() return 1 + f() end f()",
        "local function f() return (string.gsub('x', 'x', f)) end f()",
        "local function f() return coroutine.wrap(f)() end f()",
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x",
        "load(('('):rep(1000) .. '1' .. (')'):rep(1000), 'x') error('C stack overflow')",
      ]
    ) {
      const [ok, message] = await call(engine, `return pcall(function() ${source} end)`);
      assertEquals([ok, /stack overflow/.test(String(message))], [false, true], `${source}: ${message}`);
    }
  });
});

Deno.test("finalizers run, and what they raise hurts nobody", async () => {
  await withEngine({ timeLimitMs: 1000 }, async (engine) => {
    await call(
      engine,
      `count = 0
       for i = 1, 100 do setmetatable({}, { __gc = function() count = count + 1 error("x") end }) end
       collectgarbage()`,
    );
    assertEquals(await call(engine, "return count"), [100]);
  });
});

Deno.test("ten thousand calls leave the memory as it was", async () => {
  await withEngine({ timeLimitMs: 1000 }, async (engine) => {
    const gates = gate(engine);
    const used = () => engine.execute("collectgarbage() collectgarbage() return collectgarbage('count')", "=t")[0];
    const round = async () => {
      for (let i = 0; i < 1000; i++) engine.execute("local t = {} for i = 1, 10 do t[i] = { ('x'):rep(i) } end", "=t");
      for (let i = 0; i < 100; i++) await assertRejects(() => call(engine, "local x = {} .. 1"), LuaError);
      const { coroutine, result } = start(engine, "await()");
      gates.next();
      engine.cancel(coroutine);
      await assertRejects(async () => await result, LuaCancelled);
    };
    await round();
    const before = used();
    for (let i = 0; i < 9; i++) await round();
    const after = used();
    if (typeof before !== "number" || typeof after !== "number") throw new Error("no count");
    assertEquals(after - before < 4, true, `${before} KiB became ${after} KiB`);
  });
});
