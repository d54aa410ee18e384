/**
 * `proxy.counter(name)`: named whole numbers that the scripts of all event threads count at once, and none gets lost.
 *
 *     local requests = proxy.counter("requests")
 *     requests:add()      -- adds 1, returns the new value
 *     requests:add(-2)
 *     requests:get()
 *     requests:set(0)
 *
 * A counter begins at 0 and is exact up to 2^53. Two of the same name are the same, on whatever thread.
 *
 * @module
 */
import type { LuaEngine, LuaFunction, State } from "./engine.ts";
import { GLOBALS_KEY, REGISTRY } from "./lua_api.ts";

/** Where the counters are: memory that all threads share. */
export interface CounterStore {
  /** Finds or makes a counter. @returns its slot. @throws if the name is too long or there is no room. */
  open(name: Uint8Array): number;
  /** @returns the new value. @throws if `amount` is no whole number. */
  add(slot: number, amount: number): number;
  get(slot: number): number;
  /** @throws if `value` is no whole number. */
  set(slot: number, value: number): void;
}

/** Sets `proxy.counter`, in the table `proxy` that is there or is made. */
export function installCounters(engine: LuaEngine, store: CounterStore): void {
  const { api } = engine;
  const result = (L: State, value: number) => {
    engine.pushNumber(L, value);
    return 1;
  };
  const functions: readonly (readonly [string, LuaFunction])[] = [
    ["counter", (L) => result(L, store.open(engine.argBytes(L, 1)))],
    ["add", (L) => result(L, store.add(engine.argNumber(L, 1), engine.argNumber(L, 2)))],
    ["get", (L) => result(L, store.get(engine.argNumber(L, 1)))],
    ["set", (L) => {
      store.set(engine.argNumber(L, 1), engine.argNumber(L, 2));
      return 0;
    }],
  ];
  const coroutine = engine.begin();
  const { L } = coroutine;
  engine.load(L, Deno.readTextFileSync(new URL("./counter.lua", import.meta.url)), "=proxy.counter");
  for (const [name, fn] of functions) engine.pushFunction(L, name, fn);
  engine.run(coroutine, functions.length, () => {
    api.lua_rawgeti(L, REGISTRY, GLOBALS_KEY);
    api.luaL_getsubtable(L, -1, engine.cstring("proxy"));
    api.lua_pushvalue(L, 1);
    api.lua_setfield(L, -2, engine.cstring("counter"));
  });
}
