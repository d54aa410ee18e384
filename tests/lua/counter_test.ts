import { assertEquals, assertThrows } from "@std/assert";
import { installCounters } from "../../lib/lua/counter.ts";
import { LuaEngine, LuaError } from "../../lib/lua/engine.ts";
import { Counters } from "../../lib/shared/counters.ts";

const compiled = LuaEngine.compile();

async function states(count: number, counters?: number): Promise<LuaEngine[]> {
  const module = await compiled;
  const memory = Counters.allocate(counters);
  return Promise.all(Array.from({ length: count }, async () => {
    const engine = await LuaEngine.open(module);
    installCounters(engine, new Counters(memory));
    return engine;
  }));
}

Deno.test("proxy.counter() counts in all states at once", async () => {
  const [one, other] = await states(2);
  const first = one?.execute(
    "c = proxy.counter('q') return c:get(), c:add(), c:add(41), c:add(-2), c == proxy.counter('q')",
    "=t",
  );
  assertEquals(first, [0, 1, 42, 40, true]);
  assertEquals(other?.execute("local c = proxy.counter('q') c:add(2) return c:get(), proxy.counter('r'):get()", "=t"), [
    42,
    0,
  ]);
  assertEquals(one?.execute("c:set(2^53 - 2) return c:add(1), math.type(c:get())", "=t"), [
    2 ** 53 - 1,
    new TextEncoder().encode("integer"),
  ]);
  assertEquals(one?.execute("return proxy.counter('\\0'):add(), proxy.counter('\\0\\0'):add(5)", "=t"), [1, 5]);
});

Deno.test("proxy.counter() says what is wrong", async () => {
  const [engine] = await states(1, 2);
  const fails = (source: string, message: string) =>
    assertThrows(() => engine?.execute(source, "=t"), LuaError, message);
  fails("proxy.counter()", "t:1: bad argument #1 to 'counter' (string expected, got nil)");
  fails("proxy.counter({})", "t:1: bad argument #1 to 'counter' (string expected, got table)");
  fails("proxy.counter(('x'):rep(65))", "t:1: The name of a counter has at most 64 bytes, not 65");
  fails("proxy.counter('a'):add(0.5)", "t:1: a counter counts in whole numbers, 0.5 is none");
  fails("proxy.counter('a'):add('x')", "t:1: bad argument #1 to 'add' (number expected, got string)");
  fails("proxy.counter('a').add(1)", "t:1: call a counter's method with a colon: counter:add()");
  fails("proxy.counter('a').value = 1", "t:1: a counter has no fields to set");
  fails("proxy.counter('b') proxy.counter('c')", "There are 2 counters already");
});
