/**
 * Calls of Lua functions that may wait, fail, or be killed.
 *
 * Each runs in a coroutine of its own, taken from a pool. So it can wait for a promise while others run, and if it fails or is
 * killed, the coroutine is thrown away and the state stays sound.
 *
 * @module
 */
import { type Coroutine, CoroutinePool, type Outcome } from "./coroutine_pool.ts";
import { ScriptCoroutines } from "./coroutines.ts";
import { CHECK_INTERVAL, CLOSE_CHECK_INTERVAL, LONG_STRINGS, TimeLimit } from "./limits.ts";
import { type FunctionPointer, LuaStatus, LuaType, type Pointer, REGISTRY, type State, typeName } from "./lua_api.ts";
import { LuaCancelled, LuaError, LuaPanic } from "./lua_error.ts";
import { LuaFunctions } from "./lua_functions.ts";
import type { LuaValue } from "./lua_values.ts";
import type { LuaWasm } from "./wasm.ts";

/** Called every so many instructions (`LUA_MASKCOUNT`). */
const MASK_COUNT = 8;

/** What Lua raises when there is no memory left. */
const NO_MEMORY = "not enough memory";

/** Reads the results of a call, which lie on the stack at 1 to `resultCount`. */
export type Finish<T> = (L: State, resultCount: number) => T;

/** A Lua state that calls can be made in. */
export class LuaCalls extends LuaFunctions {
  readonly #wasm: LuaWasm;
  readonly #pool: CoroutinePool;
  readonly #scripts: ScriptCoroutines;
  readonly #timeLimit: TimeLimit;
  /** The stack of C, in wasm memory, while nothing runs. */
  readonly #stackTop: Pointer;
  /** Where `lua_resume` leaves the number of results. */
  readonly #resultCount: Pointer;
  readonly #continue: FunctionPointer;
  readonly #toString: FunctionPointer;
  /** The reference of `collectgarbage`. */
  readonly #collector: bigint;
  /** The call that runs now, and how many are inside each other. */
  #current: Coroutine | undefined;
  #depth = 0;
  #closed = false;

  /** @param timeLimitMs Milliseconds that a call may run without waiting; 0 for no limit. */
  constructor(wasm: LuaWasm, timeLimitMs: number) {
    super(wasm);
    const { api, main } = this;
    this.#wasm = wasm;
    this.#stackTop = wasm.api.stackSave();
    this.#resultCount = this.allocate(16);
    this.#pool = new CoroutinePool(api, main);
    this.#timeLimit = new TimeLimit(timeLimitMs);
    // Not by functionPointer(): what is thrown here must not become an error that panics again.
    api.lua_atpanic(main, wasm.addFunction((L: State) => this.#panic(L), "ii"));
    api.luaL_openlibs(main);
    this.#continue = this.continuationPointer("wait", (L, base) => this.#takeOutcome(L, base));
    this.#toString = this.functionPointer("tostring", (L) => {
      api.luaL_tolstring(L, 1, 0);
      return 1;
    });
    api.lua_getglobal(main, this.cstring("collectgarbage"));
    this.#collector = BigInt(api.luaL_ref(main, REGISTRY));
    if (this.#timeLimit.isSet) {
      const hook = wasm.addFunction((L: State) => this.#checkTime(L), "vii");
      api.lua_sethook(main, hook, MASK_COUNT, CHECK_INTERVAL);
      wasm.onGrown = (size) => {
        if (size < LONG_STRINGS) return;
        wasm.onGrown = undefined;
        // Coroutines have the hook of the one that has made them. Setting one is safe at any moment.
        api.lua_sethook(main, hook, MASK_COUNT, CLOSE_CHECK_INTERVAL);
        for (const { L } of this.#pool) api.lua_sethook(L, hook, MASK_COUNT, CLOSE_CHECK_INTERVAL);
      };
    }
    this.#scripts = new ScriptCoroutines(this, () => this.#current);
  }

  /** Ends the state: calls that wait are given up, what scripts have open is closed. Nothing may be called afterwards. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const coroutine of this.#pool) this.cancel(coroutine);
    this.api.lua_close(this.main);
    this.flush();
  }

  /** Whether the state has ended. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Writes out what scripts have printed without ending the line. */
  flush(): void {
    this.api.fflush(0);
  }

  /** A coroutine to push a function and its arguments on, for {@linkcode run}. */
  begin(): Coroutine {
    if (this.#depth === 0 && this.#wasm.takeStarved()) this.#collect();
    return this.#pool.take();
  }

  /**
   * Collects garbage after memory was refused. Lua itself does so for what it allocates, but not for the buffers of
   * `string.rep` and the like, and its next turn would come when twice as much is in use.
   */
  #collect(): void {
    // What has a finalizer, as those buffers do, goes with the second turn: scattered, it would split up the memory.
    for (let turn = 0; turn < 2; turn++) {
      const coroutine = this.#pool.take();
      this.api.lua_rawgeti(coroutine.L, REGISTRY, this.#collector);
      try {
        this.run(coroutine, 0, () => {});
      } catch (error) {
        if (!(error instanceof LuaError)) throw error;
      }
    }
  }

  /** Gives back a coroutine that is not going to {@linkcode run}. */
  release(coroutine: Coroutine): void {
    this.#pool.put(coroutine);
  }

  /** How many coroutines for calls there are: running, waiting and kept for the next ones. */
  get coroutineCount(): number {
    return this.#pool.size;
  }

  /**
   * Calls the function that lies below its `argumentCount` arguments on the coroutine, which is not the caller's afterwards.
   *
   * @returns What `finish` returns; a promise of it only if the function has waited.
   * @throws {LuaError} if the call fails; promises are rejected with it.
   */
  run<T>(coroutine: Coroutine, argumentCount: number, finish: Finish<T>): T | Promise<T> {
    const status = this.#resume(coroutine, argumentCount);
    if (status === LuaStatus.OK) return this.#finish(coroutine, finish);
    if (status === LuaStatus.YIELD && coroutine.waiting !== undefined) return this.#goOn(coroutine, finish);
    throw this.#failure(coroutine, status);
  }

  /**
   * Lets the calling function wait: `return engine.wait(L, work)` at its end. What the work resolves to are the function's
   * results, a rejection becomes a Lua error. Waiting does not count as running time.
   *
   * @param work A promise, or better a function that starts the work: it is called only if waiting is possible here, and
   *   given a signal that is aborted when the call is given up.
   * @param signal Gives the call up when it is aborted, like {@linkcode cancel}.
   * @throws if the function cannot wait here, see {@linkcode canWait}.
   */
  wait(
    L: State,
    work: Promise<readonly LuaValue[]> | ((signal: AbortSignal) => Promise<readonly LuaValue[]>),
    signal?: AbortSignal,
  ): number {
    const { api } = this;
    const coroutine = this.#current;
    if (coroutine === undefined || !this.canWait(L)) {
      if (typeof work !== "function") work.catch(() => {});
      throw new Error(
        "cannot wait here: attempt to yield across a C-call boundary " +
          "(as in functions given to table.sort or string.gsub, and in a module's main part)",
      );
    }
    if (typeof work === "function") {
      const abort = new AbortController();
      coroutine.waiting = work(abort.signal);
      coroutine.abort = abort;
    } else {
      coroutine.waiting = work;
    }
    coroutine.signal = signal;
    return api.lua_yieldk(L, 0, api.lua_gettop(L), this.#continue);
  }

  /**
   * Whether the function that runs on `L` can {@linkcode wait}: not where C functions are between it and the hook, as in those
   * given to `table.sort` or `string.gsub`, and in the main part of a module.
   */
  canWait(L: State): boolean {
    return this.#scripts.canWait(L);
  }

  /** Gives up a call that waits: its promise is rejected with {@linkcode LuaCancelled}. Does nothing to others. */
  cancel(coroutine: Coroutine): void {
    const { giveUp, abort } = coroutine;
    if (giveUp === undefined) return;
    coroutine.cancelled = true;
    giveUp();
    abort?.abort();
  }

  /** Time that the running function has spent outside of Lua is not held against the script. */
  restartTimeLimit(): void {
    this.#timeLimit.restart();
  }

  /** Whether scripts may run for some time only. */
  get isTimeLimited(): boolean {
    return this.#timeLimit.isSet;
  }

  /**
   * For what takes long outside of Lua, on behalf of the function that runs on `L`: to be called now and then.
   *
   * @throws {LuaKilled} if the script has run too long.
   */
  checkTimeLimit(L: State): void {
    if (this.#timeLimit.isSet) this.#checkTime(L, 1);
  }

  /**
   * Loads and runs a chunk now, for set-up and tests.
   *
   * @returns Copies of its results.
   * @throws {LuaError} if it fails, or waits.
   */
  execute(source: Uint8Array | string, chunkName: string): LuaValue[] {
    const coroutine = this.begin();
    try {
      this.load(coroutine.L, source, chunkName);
    } catch (error) {
      this.release(coroutine);
      throw error;
    }
    const results = this.run(coroutine, 0, this.#values);
    if (results instanceof Promise) {
      results.catch(() => {});
      this.cancel(coroutine);
      throw new LuaError("script", `${chunkName}: cannot wait here`);
    }
    return results;
  }

  readonly #values = (L: State, count: number): LuaValue[] => {
    return Array.from({ length: count }, (_, i) => this.value(L, i + 1));
  };

  #finish<T>(coroutine: Coroutine, finish: Finish<T>): T {
    try {
      return finish(coroutine.L, this.api.lua_gettop(coroutine.L));
    } finally {
      this.#pool.put(coroutine);
    }
  }

  /** Waits, and goes on, until the call is over. */
  async #goOn<T>(coroutine: Coroutine, finish: Finish<T>): Promise<T> {
    for (;;) {
      coroutine.outcome = await this.#settled(coroutine);
      coroutine.waiting = undefined;
      coroutine.giveUp = undefined;
      coroutine.signal = undefined;
      coroutine.abort = undefined;
      if (coroutine.cancelled) {
        this.#discard(coroutine);
        throw new LuaCancelled();
      }
      coroutine.resuming?.();
      const status = this.#resume(coroutine, 0);
      if (status === LuaStatus.OK) return this.#finish(coroutine, finish);
      if (status !== LuaStatus.YIELD || coroutine.waiting === undefined) throw this.#failure(coroutine, status);
    }
  }

  /** How the wait ends; `undefined` if it is given up. */
  async #settled(coroutine: Coroutine): Promise<Outcome | undefined> {
    const { waiting: work, signal } = coroutine;
    const cancel = () => this.cancel(coroutine);
    try {
      return await new Promise<Outcome | undefined>((settle) => {
        coroutine.giveUp = () => settle(undefined);
        work?.then((values) => settle({ kind: "values", values }), (error) => settle({ kind: "error", error }));
        signal?.addEventListener("abort", cancel);
        if (signal?.aborted === true) cancel();
      });
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** Runs a coroutine until it ends, fails or yields. */
  #resume(coroutine: Coroutine, argumentCount: number): number {
    const caller = this.#current;
    const { stackSave, stackRestore } = this.#wasm.api;
    let sp = this.#stackTop;
    if (this.#depth === 0) this.#timeLimit.restart();
    else sp = stackSave();
    this.#depth++;
    this.#current = coroutine;
    try {
      // The caller's state passes on how deep the calls of C functions are.
      const from = caller === undefined ? 0 : caller.inner.at(-1) ?? caller.L;
      return this.api.lua_resume(coroutine.L, from, argumentCount, this.#resultCount);
    } catch (error) {
      // Thrown through all of Lua: what it was about to do is lost, and C's stack has to be reset.
      stackRestore(sp);
      this.#pool.drop(coroutine);
      this.#scripts.forget(coroutine);
      throw error instanceof LuaError
        ? error
        : new LuaError("engine", `Lua has failed: ${error}`, "", { cause: error });
    } finally {
      this.#depth--;
      this.#current = caller;
    }
  }

  /** The error of a call that has ended with `status`; its coroutine is given up. */
  #failure(coroutine: Coroutine, status: number): LuaError {
    const { L } = coroutine;
    try {
      if (status === LuaStatus.YIELD) {
        return new LuaError("script", "attempt to yield from outside a coroutine", this.#trace(L));
      }
      const traceback = this.#trace(L);
      const message = this.#errorText(L);
      // Buffers of the C library raise it as a plain string.
      const isMemory = status === LuaStatus.MEMORY_ERROR || message === NO_MEMORY;
      return new LuaError(isMemory ? "memory" : "script", message, traceback);
    } finally {
      this.#discard(coroutine);
    }
  }

  #trace(L: State): string {
    const { api, main } = this;
    try {
      api.luaL_traceback(main, L, 0, 0);
      const traceback = this.text(main, -1);
      api.lua_settop(main, -2);
      return traceback;
    } catch (error) {
      if (error instanceof LuaPanic) return "";
      throw error;
    }
  }

  /** The error object on top of `L` as text; by its `__tostring`, if it has one. */
  #errorText(L: State): string {
    const { api } = this;
    if (api.lua_isstring(L, -1) !== 0) return this.text(L, -1);
    const unnamed = `(error object is a ${typeName(api.lua_type(L, -1))} value)`;
    if (api.luaL_getmetafield(L, -1, this.cstring("__tostring")) === LuaType.NIL) return unnamed;
    api.lua_settop(L, -2);
    const other = this.begin();
    api.lua_pushcclosure(other.L, this.#toString, 0);
    api.lua_xmove(L, other.L, 1);
    try {
      const text = this.run(other, 1, (result) => this.text(result, 1));
      if (typeof text === "string") return text;
      text.catch(() => {});
      this.cancel(other);
      return unnamed;
    } catch (error) {
      if (error instanceof LuaError) return unnamed;
      throw error;
    }
  }

  /** Closes what the coroutine has open, and gives it up. */
  #discard(coroutine: Coroutine): void {
    if (this.#closed) return;
    this.#scripts.forget(coroutine);
    const caller = this.#current;
    const { stackSave, stackRestore } = this.#wasm.api;
    const sp = stackSave();
    if (this.#depth === 0) this.#timeLimit.restart();
    this.#depth++;
    this.#current = undefined;
    try {
      this.api.lua_resetthread(coroutine.L);
    } catch (error) {
      stackRestore(sp);
      // Killed while it was closing.
      if (!(error instanceof LuaError)) throw error;
    } finally {
      this.#depth--;
      this.#current = caller;
      this.#pool.drop(coroutine);
    }
  }

  /** In the function that has waited: returns what came of it. */
  #takeOutcome(L: State, base: number): number {
    const coroutine = this.#current;
    const outcome = coroutine?.outcome;
    if (coroutine !== undefined) coroutine.outcome = undefined;
    if (outcome?.kind === "error") throw outcome.error;
    const values = outcome?.kind === "values" ? outcome.values : [];
    this.reserve(L, values.length + 4);
    for (const value of values) this.push(L, value);
    return this.api.lua_gettop(L) - base;
  }

  #panic(L: State): never {
    const message = this.api.lua_type(L, -1) === LuaType.STRING ? this.text(L, -1) : "Lua has failed";
    const begun = this.#pool.find(L);
    if (begun !== undefined) this.#pool.drop(begun);
    throw new LuaPanic(L, message);
  }

  /** @param level The function to be named in the message: 0 for the one that runs on `L`, 1 for its caller. */
  #checkTime(L: State, level = 0): void {
    if (this.#depth === 0) return;
    this.#timeLimit.check(() => {
      const { api } = this;
      api.luaL_where(L, level);
      const where = this.text(L, -1);
      api.luaL_traceback(L, L, 0, 0);
      const traceback = this.text(L, -1);
      api.lua_settop(L, -3);
      return { where, traceback };
    });
  }
}
