/**
 * Engines for tests.
 *
 * @module
 */
import { type EngineOptions, LuaEngine, type LuaValue } from "../../lib/lua/engine.ts";

let module: Promise<WebAssembly.Module> | undefined;

/** Runs `test` with an engine of its own that is closed afterwards. */
export async function withEngine(
  options: EngineOptions,
  test: (engine: LuaEngine) => void | Promise<void>,
): Promise<void> {
  module ??= LuaEngine.compile();
  const engine = await LuaEngine.open(await module, options);
  try {
    await test(engine);
  } finally {
    engine.close();
  }
}

/** The value with its strings as text. */
export function legible(value: LuaValue): LuaValue {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (value instanceof Array) return value.map(legible);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, content]) => [key, legible(content)]));
  }
  return value;
}

/** Runs a chunk as a hook would be: what it returns, with strings as text. Waits if it waits. */
export async function call(engine: LuaEngine, source: string): Promise<LuaValue[]> {
  const coroutine = engine.begin();
  engine.load(coroutine.L, source, "@test.lua");
  return await engine.run(coroutine, 0, (L, count) => {
    return Array.from({ length: count }, (_, i) => legible(engine.value(L, i + 1)));
  });
}

/** Sets a global function. */
export function define(engine: LuaEngine, name: string, fn: (L: number) => number): void {
  engine.pushFunction(engine.main, name, fn);
  engine.api.lua_setglobal(engine.main, engine.cstring(name));
}
