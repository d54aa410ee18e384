/**
 * Lua: one state in one wasm instance, with functions of ours in it, that runs hooks and lets them wait.
 *
 * Each call runs in a coroutine of its own, taken from a pool. So it can wait for a promise while others run, and if it fails
 * or is killed, the coroutine is thrown away and the state stays sound.
 *
 * @module
 */
import { type Coroutine, CoroutinePool, type Outcome } from "./coroutine_pool.ts";
import { CHECK_INTERVAL, TimeLimit } from "./limits.ts";
import {
  type FunctionPointer,
  GLOBALS_KEY,
  LuaStatus,
  LuaType,
  type Pointer,
  REGISTRY,
  type State,
  typeName,
} from "./lua_api.ts";
import { LuaCancelled, LuaError, LuaKilled, LuaPanic } from "./lua_error.ts";
import { ArgumentError, type LuaValue, LuaValues } from "./lua_values.ts";
import { compile, LuaWasm } from "./wasm.ts";
import type { Streams } from "./host_files.ts";

export type { State } from "./lua_api.ts";
export type { Coroutine } from "./coroutine_pool.ts";
export { LuaCancelled, LuaError, LuaKilled } from "./lua_error.ts";
export { ArgumentError, type LuaValue } from "./lua_values.ts";

/**
 * A function that Lua calls: its arguments lie on the stack from 1, it pushes its results and returns how many they are. An
 * exception becomes a Lua error with the position of the caller in front.
 */
export type LuaFunction = (L: State) => number;

/** A module's Lua source. */
export interface EmbeddedModule {
  readonly source: Uint8Array;
  /** Such as `@/path/to/module.lua`. */
  readonly chunkName: string;
}

/** What a state is to be. */
export interface EngineOptions extends Streams {
  /** Milliseconds that a script may run without waiting; 0 for no limit. */
  readonly timeLimitMs?: number;
  /** Bytes of memory that Lua may have in all; 16 MiB are there from the start. */
  readonly memoryLimit?: number;
  /** `package.path`: templates with `?`, separated by `;`. */
  readonly luaPath?: string;
  /** Where C modules are looked for, only to say that they cannot be loaded. */
  readonly luaCPath?: string;
  /** Modules that are part of the program, looked up after `package.path`. */
  readonly embedded?: (name: string) => EmbeddedModule | undefined;
  /** `os.execute` and `io.popen` may start programs. */
  readonly allowRun?: boolean;
}

/** Called every so many instructions (`LUA_MASKCOUNT`). */
const MASK_COUNT = 8;
/** Where `wait()` goes on: it returns what has come of the work. */
type Continuation = (L: State, status: number, context: number) => number;

/** A Lua state. */
export class LuaEngine extends LuaValues {
  /** The main coroutine: for set-up. Hooks run in {@linkcode begin}'s. */
  readonly main: State;
  readonly #wasm: LuaWasm;
  readonly #pool: CoroutinePool;
  readonly #timeLimit: TimeLimit;
  readonly #stackTop: Pointer;
  /** Where `lua_resume` leaves the number of results. */
  readonly #resultCount: Pointer;
  readonly #continue: FunctionPointer;
  /** The call that runs now, and how many are inside each other. */
  #current: Coroutine | undefined;
  #depth = 0;

  /** The pinned wasmoon build, compiled: once per program, as workers get it by `postMessage`. */
  static compile(): Promise<WebAssembly.Module> {
    return compile();
  }

  /**
   * Starts a state with the standard libraries.
   *
   * @throws {LuaError} if the module is not the one of {@linkcode compile}.
   */
  static async open(module: WebAssembly.Module, options: EngineOptions = {}): Promise<LuaEngine> {
    return new LuaEngine(await LuaWasm.open(module, options), options);
  }

  private constructor(wasm: LuaWasm, options: EngineOptions) {
    super(wasm);
    const { api } = this;
    this.#wasm = wasm;
    this.#stackTop = wasm.api.stackSave();
    this.#resultCount = this.allocate(16);
    this.main = api.luaL_newstate();
    if (this.main === 0) throw new LuaError("memory", "not enough memory");
    this.#pool = new CoroutinePool(api, this.main);
    this.#timeLimit = new TimeLimit(options.timeLimitMs ?? 0);
    api.lua_atpanic(this.main, wasm.addFunction((L: State) => this.#panic(L), "ii"));
    api.luaL_openlibs(this.main);
    this.#continue = this.#register("wait", (L, _status, context) => this.#takeOutcome(L, context));
    if (this.#timeLimit.isSet) {
      const hook = wasm.addFunction((L: State) => this.#checkTime(L), "vii");
      api.lua_sethook(this.main, hook, MASK_COUNT, CHECK_INTERVAL);
    }
    this.execute('collectgarbage("incremental", 200, 100, 10) debug.sethook = nil', "=setup");
    if (this.text(this.main, this.#evaluate("return tostring(5.0)")) !== "5") {
      throw new LuaError("engine", "Lua does not print floats as in 5.1");
    }
    api.lua_settop(this.main, 0);
    this.#setPackageField("path", options.luaPath ?? "");
    this.#setPackageField("cpath", "");
  }

  #evaluate(source: string): number {
    this.push(this.main, this.execute(source, "=setup")[0]);
    return -1;
  }

  #setPackageField(name: string, value: string): void {
    this.api.lua_getglobal(this.main, this.cstring("package"));
    this.pushText(this.main, value);
    this.api.lua_setfield(this.main, -2, this.cstring(name));
    this.api.lua_settop(this.main, -2);
  }

  /**
   * Pushes a function that calls `fn`. It lives as long as the state: for set-up only.
   *
   * @param name For error messages: `bad argument #1 to 'name'`.
   */
  pushFunction(L: State, name: string, fn: LuaFunction): void {
    this.api.lua_pushcclosure(L, this.#register(name, fn), 0);
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
    for (const [key, fn] of Object.entries(functions)) {
      this.pushFunction(L, key, fn);
      api.lua_setfield(L, -2, this.cstring(key));
    }
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
    const status = api.luaL_loadbufferx(L, block + name.length, bytes.length, block, this.cstring("t"));
    api.free(block);
    if (status !== LuaStatus.OK) {
      const message = this.text(L, -1);
      api.lua_settop(L, -2);
      throw new LuaError(status === LuaStatus.MEMORY_ERROR ? "memory" : "syntax", message);
    }
  }

  /** A coroutine to push a function and its arguments on, for {@linkcode run}. */
  begin(): Coroutine {
    return this.#pool.take();
  }

  /** Gives back a coroutine that is not going to {@linkcode run}. */
  release(coroutine: Coroutine): void {
    this.#pool.put(coroutine);
  }

  /**
   * Calls the function that lies below its `argumentCount` arguments on the coroutine, which is not the caller's afterwards.
   *
   * @param finish Reads the results from the stack, at 1 to `resultCount`.
   * @returns What `finish` returns; a promise of it only if the function has waited.
   * @throws {LuaError} if the call fails; promises are rejected with it.
   */
  run<T>(
    coroutine: Coroutine,
    argumentCount: number,
    finish: (L: State, resultCount: number) => T,
  ): T | Promise<T> {
    const status = this.#resume(coroutine, argumentCount);
    if (status === LuaStatus.OK) return this.#finish(coroutine, finish);
    if (status === LuaStatus.YIELD && coroutine.waiting !== undefined) return this.#goOn(coroutine, finish);
    throw this.#failure(coroutine, status);
  }

  /**
   * Lets the calling function wait: `return engine.wait(L, work)` at its end. What the work resolves to are the function's
   * results, a rejection becomes a Lua error.
   *
   * @param work A promise, or better a function that starts the work: it is called only if waiting is possible here, and
   *   given a signal that is aborted when the call is given up.
   * @param signal Gives the call up when it is aborted, like {@linkcode cancel}.
   * @throws if the function cannot wait here: below `table.sort`, `string.gsub`, a metamethod or `require`.
   */
  wait(
    L: State,
    work: Promise<readonly LuaValue[]> | ((signal: AbortSignal) => Promise<readonly LuaValue[]>),
    signal?: AbortSignal,
  ): number {
    const { api } = this;
    const coroutine = this.#current;
    if (coroutine === undefined || coroutine.L !== L || api.lua_isyieldable(L) === 0) {
      if (typeof work !== "function") work.catch(() => {});
      throw new Error("cannot wait here: attempt to yield across a C-call boundary");
    }
    if (typeof work === "function") {
      coroutine.abort = new AbortController();
      coroutine.waiting = work(coroutine.abort.signal);
    } else {
      coroutine.waiting = work;
    }
    coroutine.signal = signal;
    return api.lua_yieldk(L, 0, api.lua_gettop(L), this.#continue);
  }

  /** Gives up a call that waits: its promise is rejected with {@linkcode LuaCancelled}. Does nothing to others. */
  cancel(coroutine: Coroutine): void {
    coroutine.abort?.abort();
    coroutine.settle?.({ kind: "cancelled" });
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

  #finish<T>(coroutine: Coroutine, finish: (L: State, resultCount: number) => T): T {
    try {
      return finish(coroutine.L, this.api.lua_gettop(coroutine.L));
    } finally {
      this.#pool.put(coroutine);
    }
  }

  async #goOn<T>(coroutine: Coroutine, finish: (L: State, resultCount: number) => T): Promise<T> {
    for (;;) {
      const outcome = await this.#settled(coroutine);
      if (outcome.kind === "cancelled") {
        this.#discard(coroutine);
        throw new LuaCancelled();
      }
      coroutine.outcome = outcome;
      coroutine.resuming?.();
      const status = this.#resume(coroutine, 0);
      if (status === LuaStatus.OK) return this.#finish(coroutine, finish);
      if (status !== LuaStatus.YIELD || coroutine.waiting === undefined) throw this.#failure(coroutine, status);
    }
  }

  async #settled(coroutine: Coroutine): Promise<Outcome> {
    const { waiting: work, signal } = coroutine;
    const cancel = () => this.cancel(coroutine);
    try {
      return await new Promise<Outcome>((settle) => {
        coroutine.settle = settle;
        if (signal?.aborted === true) cancel();
        signal?.addEventListener("abort", cancel);
        work?.then((values) => settle({ kind: "values", values }), (error) => settle({ kind: "error", error }));
      });
    } finally {
      signal?.removeEventListener("abort", cancel);
      coroutine.signal = undefined;
      coroutine.waiting = undefined;
      coroutine.settle = undefined;
      coroutine.abort = undefined;
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
      return this.api.lua_resume(coroutine.L, caller === undefined ? 0 : caller.L, argumentCount, this.#resultCount);
    } catch (error) {
      // Thrown through all of Lua: what it was about to do is lost, the stack in wasm memory has to be reset.
      stackRestore(sp);
      this.#pool.drop(coroutine);
      throw error instanceof LuaError
        ? error
        : new LuaError("engine", `Lua has failed: ${error}`, "", { cause: error });
    } finally {
      this.#depth--;
      this.#current = caller;
    }
  }

  /** The error of a call that has ended with `status`. */
  #failure(coroutine: Coroutine, status: number): LuaError {
    const { api } = this;
    const { L } = coroutine;
    try {
      const message = status === LuaStatus.YIELD
        ? "attempt to yield from outside a coroutine"
        : api.lua_isstring(L, -1) !== 0
        ? this.text(L, -1)
        : `(error object is a ${typeName(api.lua_type(L, -1))} value)`;
      if (status === LuaStatus.MEMORY_ERROR) return new LuaError("memory", message);
      api.luaL_traceback(this.main, L, 0, 0);
      const traceback = this.text(this.main, -1);
      api.lua_settop(this.main, -2);
      return new LuaError("script", message, traceback);
    } catch (error) {
      if (error instanceof LuaError) return error;
      throw error;
    } finally {
      this.#discard(coroutine);
    }
  }

  /** Closes what the coroutine has open, and gives it up. */
  #discard(coroutine: Coroutine): void {
    try {
      this.api.lua_resetthread(coroutine.L);
    } finally {
      this.#pool.drop(coroutine);
    }
  }

  /** In the function that has waited: returns what came of it. */
  #takeOutcome(L: State, base: number): number {
    const outcome = this.#current?.outcome;
    if (this.#current !== undefined) this.#current.outcome = undefined;
    if (outcome?.kind === "error") throw outcome.error;
    const values = outcome?.kind === "values" ? outcome.values : [];
    this.reserve(L, values.length + 4);
    for (const value of values) this.push(L, value);
    return this.api.lua_gettop(L) - base;
  }

  /** A C function that calls `fn`, whose exceptions become Lua errors. */
  #register(name: string, fn: LuaFunction | Continuation): FunctionPointer {
    const guarded = (L: State, status: number, context: number): number => {
      try {
        return fn(L, status, context);
      } catch (error) {
        return this.#raise(L, name, error);
      }
    };
    return fn.length > 1
      ? this.#wasm.addFunction(guarded, "iiii")
      : this.#wasm.addFunction((L: State) => guarded(L, 0, 0), "ii");
  }

  #raise(L: State, name: string, error: unknown): number {
    // longjmp, and what no script is to catch: all the way out. So must a panic in the very state that is to be told of it.
    if (error === Infinity || error instanceof LuaKilled || error instanceof WebAssembly.RuntimeError) throw error;
    if (error instanceof LuaPanic && error.state === L) throw error;
    const { api } = this;
    if (error instanceof LuaError) {
      this.pushText(L, error.message);
      return api.lua_error(L);
    }
    api.luaL_where(L, 1);
    this.pushText(L, messageOf(name, error));
    api.lua_concat(L, 2);
    return api.lua_error(L);
  }

  #panic(L: State): never {
    const message = this.api.lua_type(L, -1) === LuaType.STRING ? this.text(L, -1) : "Lua has failed";
    const begun = this.#pool.find(L);
    if (begun !== undefined) this.#pool.drop(begun);
    throw new LuaPanic(L, message);
  }

  #checkTime(L: State): void {
    if (this.#depth === 0) return;
    this.#timeLimit.check(() => {
      const { api } = this;
      api.luaL_where(L, 0);
      const where = this.text(L, -1);
      api.luaL_traceback(L, L, 0, 0);
      const traceback = this.text(L, -1);
      api.lua_settop(L, -3);
      return { where, traceback };
    });
  }

  /** Pushes the table of globals. */
  pushGlobals(L: State): void {
    this.api.lua_rawgeti(L, REGISTRY, GLOBALS_KEY);
  }
}

function messageOf(name: string, error: unknown): string {
  if (error instanceof ArgumentError) return `bad argument #${error.index} to '${name}' (${error.message})`;
  return error instanceof Error ? error.message : String(error);
}
