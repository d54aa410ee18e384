import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { LuaEngine, LuaError } from "../../lib/lua/engine.ts";
import { call, withEngine } from "./open_engine.ts";

Deno.test("LuaEngine.open() refuses a module that is another one", async () => {
  const empty = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  const error = await assertRejects(async () => {
    return await LuaEngine.open(await WebAssembly.compile(empty), {});
  }, LuaError);
  assertStringIncludes(error.message, "wasmoon 1.16.0");
});

Deno.test("whole floats print as in Lua 5.1", async () => {
  await withEngine({}, async (engine) => {
    assertEquals(
      await call(engine, 'return tostring(5.0), 2^53 .. "", table.concat({ 1.5, 10 / 2 }, ","), -0.0 .. ""'),
      [
        "5",
        "9.007199254741e+15",
        "1.5,5",
        "-0",
      ],
    );
  });
});

Deno.test("a worker runs the module that the main thread has compiled", async () => {
  const source = `
    import { LuaEngine } from ${JSON.stringify(import.meta.resolve("../../lib/lua/engine.ts"))};
    self.onmessage = async ({ data }) => {
      const engine = await LuaEngine.open(data, {});
      self.postMessage(engine.execute("return 6 * 7", "=test")[0]);
    };`;
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })), { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  worker.postMessage(await LuaEngine.compile());
  try {
    assertEquals(await promise, 42);
  } finally {
    worker.terminate();
  }
});

Deno.test("the memory grows up to the limit, and stays usable there", async () => {
  await withEngine({ memoryLimit: 48 << 20 }, async (engine) => {
    const hoard = "local all = {} for i = 1, 1e9 do all[i] = ('x'):rep(1000) .. i end";
    for (let i = 0; i < 5; i++) {
      const error = await assertRejects(() => call(engine, hoard), LuaError);
      assertEquals(error.code, "memory");
    }
    assertEquals(await call(engine, `return pcall(function() ${hoard} end)`), [false, "not enough memory"]);
    assertEquals(await call(engine, "return #('x'):rep(5e6)"), [5e6]);
    assertEquals(engine.memory.length <= 48 << 20, true);
  });
});

Deno.test("arguments that find no memory fail the call, not the state", async () => {
  await withEngine({ memoryLimit: 32 << 20 }, async (engine) => {
    const before = engine.coroutineCount;
    for (let i = 0; i < 20; i++) {
      const coroutine = engine.begin();
      engine.load(coroutine.L, "return ...", "=test");
      try {
        engine.push(coroutine.L, Array.from({ length: 10 }, () => new Uint8Array(3 << 20)));
        throw new Error("it did fit");
      } catch (error) {
        assertEquals(error instanceof LuaError && error.code, "memory");
      }
      engine.release(coroutine);
    }
    assertEquals(await call(engine, "return 1"), [1]);
    assertEquals(engine.coroutineCount - before <= 1, true);
  });
});
