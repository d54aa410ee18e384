/**
 * Functions of ours that Lua calls, chunks that are loaded, and modules made of both.
 *
 * @module
 */
import { type FunctionPointer, LuaStatus, REGISTRY, type State } from "./lua_api.ts";
import { LuaError, LuaKilled, LuaPanic } from "./lua_error.ts";
import { ArgumentError, type LuaValue, LuaValues } from "./lua_values.ts";
import type { LuaWasm } from "./wasm.ts";

/**
 * A function that Lua calls: its arguments lie on the stack from 1, it pushes its results and returns how many they are. An
 * exception becomes a Lua error with the position of the caller in front.
 */
export type LuaFunction = (L: State) => number;

/** Where a function goes on that has yielded, with the number that it gave `lua_yieldk`. */
export type Continuation = (L: State, context: number) => number;

/** A Lua state that functions can be put into. */
export class LuaFunctions extends LuaValues {
  /** The main coroutine: for set-up. Nothing may be left on its stack. */
  readonly main: State;
  readonly #wasm: LuaWasm;

  constructor(wasm: LuaWasm) {
    super(wasm);
    this.#wasm = wasm;
    this.main = this.api.luaL_newstate();
    if (this.main === 0) throw new LuaError("memory", "not enough memory");
  }

  /**
   * Makes `fn` callable by Lua, for as long as the state lives: for set-up only.
   *
   * @param name For error messages: `bad argument #1 to 'name'`.
   */
  functionPointer(name: string, fn: LuaFunction): FunctionPointer {
    return this.#wasm.addFunction((L: State) => {
      try {
        return fn(L);
      } catch (error) {
        return this.#raise(L, name, error);
      }
    }, "ii");
  }

  /** Makes `fn` callable as a continuation (`lua_KFunction`), for as long as the state lives. */
  continuationPointer(name: string, fn: Continuation): FunctionPointer {
    return this.#wasm.addFunction((L: State, _status: number, context: number) => {
      try {
        return fn(L, context);
      } catch (error) {
        return this.#raise(L, name, error);
      }
    }, "iiii");
  }

  /** Pushes a function that calls `fn`; see {@linkcode functionPointer}. */
  pushFunction(L: State, name: string, fn: LuaFunction): void {
    this.api.lua_pushcclosure(L, this.functionPointer(name, fn), 0);
  }

  /** Sets functions as fields of the table on top of the stack. */
  setFunctions(L: State, functions: Readonly<Record<string, LuaFunction>>): void {
    for (const [key, fn] of Object.entries(functions)) {
      this.pushFunction(L, key, fn);
      this.api.lua_setfield(L, -2, this.cstring(key));
    }
  }

  /**
   * Makes a module's table and leaves it on the stack; the global with the last part of `name` is set too, as `luaL_register`
   * of Lua 5.1 does.
   *
   * @returns 1, so that it can be what the module's opening function returns.
   */
  module(
    L: State,
    name: string,
    functions: Readonly<Record<string, LuaFunction>>,
    fields: Readonly<Record<string, LuaValue>> = {},
  ): number {
    const { api } = this;
    api.lua_createtable(L, 0, 0);
    this.setFunctions(L, functions);
    for (const [key, value] of Object.entries(fields)) {
      this.push(L, value);
      api.lua_setfield(L, -2, this.cstring(key));
    }
    api.lua_pushvalue(L, -1);
    api.lua_setglobal(L, this.cstring(name.slice(name.lastIndexOf(".") + 1)));
    return 1;
  }

  /** Sets `package.preload[name]`: `open` is called by the first `require(name)` and pushes the module. */
  preload(name: string, open: LuaFunction): void {
    const { api, main } = this;
    api.luaL_getsubtable(main, REGISTRY, this.cstring("_PRELOAD"));
    this.pushFunction(main, name, open);
    api.lua_setfield(main, -2, this.cstring(name));
    api.lua_settop(main, -2);
  }

  /**
   * Pushes the chunk as a function.
   *
   * @param chunkName Such as `@/path/to/script.lua`, for messages.
   * @throws {LuaError} `syntax`, `memory`
   */
  load(L: State, source: Uint8Array | string, chunkName: string): void {
    const { api } = this;
    const bytes = typeof source === "string" ? new TextEncoder().encode(source) : source;
    const name = new TextEncoder().encode(chunkName + "\0");
    const block = this.allocate(bytes.length + name.length);
    this.memory.set(name, block);
    this.memory.set(bytes, block + name.length);
    // Text only: bytecode could do anything to the memory.
    const status = api.luaL_loadbufferx(L, block + name.length, bytes.length, block, this.cstring("t"));
    api.free(block);
    if (status !== LuaStatus.OK) {
      const message = this.text(L, -1);
      api.lua_settop(L, -2);
      throw new LuaError(status === LuaStatus.MEMORY_ERROR ? "memory" : "syntax", message);
    }
  }

  #raise(L: State, name: string, error: unknown): number {
    // longjmp, and what no script is to catch: all the way out. So must a panic in the very state that is to be told of it.
    if (error === Infinity || error instanceof LuaKilled || error instanceof WebAssembly.RuntimeError) throw error;
    if (error instanceof LuaPanic && error.state === L) throw error;
    const { api } = this;
    // The stack may be full of the function's own values.
    api.lua_settop(L, 0);
    if (error instanceof LuaError) {
      this.pushText(L, error.message);
      return api.lua_error(L);
    }
    api.luaL_where(L, 1);
    this.pushText(L, messageOf(name, error));
    api.lua_concat(L, 2);
    return api.lua_error(L);
  }
}

function messageOf(name: string, error: unknown): string {
  if (error instanceof ArgumentError) return `bad argument #${error.index} to '${name}' (${error.message})`;
  return error instanceof Error ? error.message : String(error);
}
