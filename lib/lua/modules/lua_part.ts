/**
 * The parts of modules that are written in Lua.
 *
 * @module
 */
import type { LuaEngine } from "../engine.ts";
import type { State } from "../lua_api.ts";

/**
 * Runs `<name>.lua` beside this file; what `pushArguments` pushes are its arguments.
 *
 * @param results How many results it leaves on the stack.
 */
export function runLuaPart(
  engine: LuaEngine,
  L: State,
  name: string,
  pushArguments: () => void,
  results: number,
): void {
  const source = Deno.readTextFileSync(new URL(`./${name}.lua`, import.meta.url));
  engine.load(L, source, `=${name}`);
  const { api } = engine;
  const at = api.lua_gettop(L);
  pushArguments();
  api.lua_callk(L, api.lua_gettop(L) - at, results, 0, 0);
}
