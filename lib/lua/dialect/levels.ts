/**
 * Functions that count levels of the call stack from the script that calls them.
 *
 * A function of Lua that ends with `return getfenv(2)` would be gone when a `getfenv` in Lua looks for it: such a call takes
 * its place. A function of C leaves it where it is.
 *
 * @module
 */
import type { LuaEngine } from "../engine.ts";
import { MULTIPLE_RESULTS, REGISTRY } from "../lua_api.ts";

const COUNTING: Readonly<Record<string, readonly string[]>> = {
  _G: ["getfenv", "setfenv", "module"],
  debug: ["getfenv", "setfenv", "getinfo", "traceback"],
};

/** Puts a function of C in front of each of them. */
export function installLevels(engine: LuaEngine): void {
  const { api, main } = engine;
  for (const [library, names] of Object.entries(COUNTING)) {
    api.lua_getglobal(main, engine.cstring(library));
    for (const name of names) {
      api.lua_getfield(main, -1, engine.cstring(name));
      const reference = BigInt(api.luaL_ref(main, REGISTRY));
      engine.pushFunction(main, name, (L) => {
        api.lua_rawgeti(L, REGISTRY, reference);
        api.lua_rotate(L, 1, 1);
        api.lua_callk(L, api.lua_gettop(L) - 1, MULTIPLE_RESULTS, 0, 0);
        return api.lua_gettop(L);
      });
      api.lua_setfield(main, -2, engine.cstring(name));
    }
    api.lua_settop(main, -2);
  }
}
