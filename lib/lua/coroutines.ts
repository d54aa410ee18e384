/**
 * `coroutine.resume` and `coroutine.wrap`, made so that what runs in a script's own coroutine can wait too.
 *
 * With the library's own, a wait in there would look to the script like a `coroutine.yield`. Here the whole chain of coroutines
 * yields, outwards to the hook's, and is resumed in the same order, inwards.
 *
 * @module
 */
import type { Coroutine } from "./coroutine_pool.ts";
import { type FunctionPointer, LuaStatus, LuaType, type Pointer, type State, upvalueIndex } from "./lua_api.ts";
import type { LuaFunctions } from "./lua_functions.ts";
import { ArgumentError } from "./lua_values.ts";

/** Hands results back to the script: pushes on `L`, returns how many. */
type Delivery = (L: State, co: State, ok: boolean) => number;

/** The script's coroutines that run, and those that wait. */
export class ScriptCoroutines {
  readonly #lua: LuaFunctions;
  readonly #current: () => Coroutine | undefined;
  readonly #resultCount: Pointer;
  readonly #continueResume: FunctionPointer;
  readonly #continueWrap: FunctionPointer;
  readonly #step: FunctionPointer;
  /** Coroutines that wait, each with the hook's call that it is part of. */
  readonly #waiting = new Map<State, Coroutine>();

  /**
   * Installs the functions.
   *
   * @param current Tells the call that runs now.
   */
  constructor(lua: LuaFunctions, current: () => Coroutine | undefined) {
    this.#lua = lua;
    this.#current = current;
    this.#resultCount = lua.allocate(16);
    const { api, main } = lua;
    this.#continueResume = lua.continuationPointer("resume", (L) => {
      return this.#run(L, api.lua_tothread(L, 1), 0, this.#afterResume, this.#continueResume);
    });
    this.#continueWrap = lua.continuationPointer("wrap", (L) => {
      return this.#run(L, api.lua_tothread(L, upvalueIndex(1)), 0, this.#afterWrap, this.#continueWrap);
    });
    this.#step = lua.functionPointer("wrap", (L) => {
      const co = api.lua_tothread(L, upvalueIndex(1));
      return this.#start(L, co, api.lua_gettop(L), this.#afterWrap, this.#continueWrap);
    });
    api.lua_getglobal(main, lua.cstring("coroutine"));
    lua.setFunctions(main, { resume: (L) => this.#resume(L), wrap: (L) => this.#wrap(L) });
    api.lua_settop(main, -2);
  }

  /** Whether the function that runs on `L` can wait: it and all around it can yield. */
  canWait(L: State): boolean {
    const { api } = this.#lua;
    const current = this.#current();
    if (current === undefined || L !== (current.inner.at(-1) ?? current.L)) return false;
    return api.lua_isyieldable(current.L) !== 0 && current.inner.every((inner) => api.lua_isyieldable(inner) !== 0);
  }

  /** The call is over, or given up: its coroutines do not wait any more. */
  forget(call: Coroutine): void {
    if (this.#waiting.size === 0) return;
    for (const [co, owner] of this.#waiting) {
      if (owner === call) this.#waiting.delete(co);
    }
  }

  #resume(L: State): number {
    const { api } = this.#lua;
    const co = api.lua_tothread(L, 1);
    if (co === 0) throw new ArgumentError(1, "coroutine expected");
    return this.#start(L, co, api.lua_gettop(L) - 1, this.#afterResume, this.#continueResume);
  }

  #wrap(L: State): number {
    const { api } = this.#lua;
    if (api.lua_type(L, 1) !== LuaType.FUNCTION) throw new ArgumentError(1, "function expected");
    const co = api.lua_newthread(L);
    api.lua_pushvalue(L, 1);
    api.lua_xmove(L, co, 1);
    api.lua_pushcclosure(L, this.#step, 1);
    return 1;
  }

  #start(L: State, co: State, count: number, deliver: Delivery, continuation: FunctionPointer): number {
    const { api } = this.#lua;
    const refusal = this.#waiting.has(co)
      ? "cannot resume non-suspended coroutine"
      : api.lua_checkstack(co, count) === 0
      ? "too many arguments to resume"
      : undefined;
    if (refusal !== undefined) {
      // Where an error of the coroutine's own would lie, the message lies on the caller's stack.
      api.lua_settop(L, api.lua_gettop(L) - count);
      this.#lua.pushText(L, refusal);
      return deliver(L, 0, false);
    }
    api.lua_xmove(L, co, count);
    return this.#run(L, co, count, deliver, continuation);
  }

  #run(L: State, co: State, count: number, deliver: Delivery, continuation: FunctionPointer): number {
    const { api } = this.#lua;
    const call = this.#current();
    this.#waiting.delete(co);
    let status: number;
    call?.inner.push(co);
    try {
      status = api.lua_resume(co, L, count, this.#resultCount);
    } finally {
      call?.inner.pop();
    }
    if (status === LuaStatus.YIELD && call?.waiting !== undefined) {
      this.#waiting.set(co, call);
      return api.lua_yieldk(L, 0, 0, continuation);
    }
    return deliver(L, co, status === LuaStatus.OK || status === LuaStatus.YIELD);
  }

  /** As `auxresume` of lcorolib.c: true and the results, or false and the error. */
  readonly #afterResume: Delivery = (L, co, ok) => {
    const { api } = this.#lua;
    const count = ok ? this.#moveResults(L, co) : -1;
    if (count < 0) {
      if (!ok && co !== 0) api.lua_xmove(co, L, 1);
      api.lua_pushboolean(L, 0);
      api.lua_rotate(L, -2, 1);
      return 2;
    }
    api.lua_pushboolean(L, 1);
    api.lua_rotate(L, -(count + 1), 1);
    return count + 1;
  };

  /** As `auxwrap` of lcorolib.c: the results, or the error with the caller's position in front. */
  readonly #afterWrap: Delivery = (L, co, ok) => {
    const { api } = this.#lua;
    const count = ok ? this.#moveResults(L, co) : -1;
    if (count >= 0) return count;
    if (!ok && co !== 0) {
      // A coroutine that has failed has its variables closed, which may replace the error.
      if (api.lua_status(co) > LuaStatus.YIELD) api.lua_resetthread(co);
      api.lua_xmove(co, L, 1);
    }
    if (api.lua_type(L, -1) === LuaType.STRING) {
      api.luaL_where(L, 1);
      api.lua_rotate(L, -2, 1);
      api.lua_concat(L, 2);
    }
    return api.lua_error(L);
  };

  /** Moves the results, and returns how many they are; -1, with a message on the stack, if they are too many. */
  #moveResults(L: State, co: State): number {
    const { api } = this.#lua;
    const count = this.#lua.wordAt(this.#resultCount);
    if (api.lua_checkstack(L, count + 1) === 0) {
      api.lua_settop(co, -count - 1);
      this.#lua.pushText(L, "too many results to resume");
      return -1;
    }
    api.lua_xmove(co, L, count);
    return count;
  }
}
