/**
 * Field names by the address of their Lua string: short strings exist once, so a look at the address spares reading them.
 *
 * @module
 */
import type { LuaEngine, State } from "./engine.ts";
import { LuaType, REGISTRY } from "./lua_api.ts";

/** The names that objects have fields for, kept in the registry so that their addresses stay. */
export class KnownKeys {
  readonly #engine: LuaEngine;
  readonly #names = new Map<number, string>();

  constructor(engine: LuaEngine, names: readonly string[]) {
    this.#engine = engine;
    const { main, api } = engine;
    for (const name of names) {
      this.#names.set(engine.pushText(main, name), name);
      api.luaL_ref(main, REGISTRY);
    }
  }

  /** The known name at `i` of the stack; `undefined` for any other value. */
  at(L: State, i: number): string | undefined {
    const { api } = this.#engine;
    return api.lua_type(L, i) === LuaType.STRING ? this.#names.get(api.lua_tolstring(L, i, 0)) : undefined;
  }

  /** The value at `i` for a message. */
  spelled(L: State, i: number): string {
    const { api } = this.#engine;
    if (api.lua_type(L, i) === LuaType.STRING) return this.#engine.text(L, i);
    api.luaL_tolstring(L, i, 0);
    const text = this.#engine.text(L, -1);
    api.lua_settop(L, -2);
    return text;
  }
}
