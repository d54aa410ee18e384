/**
 * C functions of Lua with something done to their arguments first.
 *
 * A function in Lua around them would stand between them and the script: their error messages would not know the script's
 * line any more, nor their own name. Here the C function is called on the script's own call, as one C function can call
 * another. That costs 30 to 40 ns.
 *
 * @module
 */
import type { LuaEngine, LuaFunction, State } from "../engine.ts";
import { LuaError } from "../lua_error.ts";

/** What the instance exports besides the API that everybody uses. */
interface FunctionTable {
  readonly __indirect_function_table: WebAssembly.Table;
  lua_tocfunction(L: State, i: number): number;
}

function hasFunctionTable(api: object): api is FunctionTable {
  return "__indirect_function_table" in api && "lua_tocfunction" in api;
}

/** The C function at `i` of the stack. */
function nativeFunction(engine: LuaEngine, L: State, i: number): LuaFunction {
  const { api } = engine;
  if (hasFunctionTable(api)) {
    const fn: unknown = api.__indirect_function_table.get(api.lua_tocfunction(L, i));
    if (typeof fn === "function") return (L) => fn(L);
  }
  throw new LuaError("engine", "A function of Lua's libraries is not there: install the expected version of wasmoon");
}

/** Does what the name promises, or has `native` do it after a change of the arguments on the stack. */
export type Replacement = (L: State, native: LuaFunction) => number;

/**
 * Replaces functions of a library.
 *
 * @param library The name of its global, `"_G"` for the basic functions.
 */
export function replace(engine: LuaEngine, library: string, functions: Readonly<Record<string, Replacement>>): void {
  const { api, main } = engine;
  api.lua_getglobal(main, engine.cstring(library));
  for (const [name, replacement] of Object.entries(functions)) {
    api.lua_getfield(main, -1, engine.cstring(name));
    const native = nativeFunction(engine, main, -1);
    api.lua_settop(main, -2);
    engine.pushFunction(main, name, (L) => replacement(L, native));
    api.lua_setfield(main, -2, engine.cstring(name));
  }
  api.lua_settop(main, -2);
}

/** Moves the value on top of the stack to `i`. */
export function putAt({ api }: LuaEngine, L: State, i: number): void {
  api.lua_copy(L, -1, i);
  api.lua_settop(L, -2);
}

/** The bytes of the string at `i` as the characters with their numbers. */
export function latin1(engine: LuaEngine, L: State, i: number): string {
  return Array.from(engine.view(L, i), (byte) => String.fromCharCode(byte)).join("");
}

/** Pushes such characters as bytes. */
export function pushLatin1(engine: LuaEngine, L: State, text: string): void {
  engine.pushBytes(L, Uint8Array.from(text, (char) => char.charCodeAt(0)));
}
