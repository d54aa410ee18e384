/**
 * What is made once for the scripts of a host: the functions behind the objects, the global `proxy`, the modules, the prelude.
 *
 * @module
 */
import { Capability } from "../protocol/mod.ts";
import type { ScriptWorld } from "../script/mod.ts";
import { backendFunctions } from "./backend_objects.ts";
import { connectionFunctions } from "./connection_objects.ts";
import { CONSTANTS } from "./constants.ts";
import { type CounterStore, installCounters } from "./counter.ts";
import { installDialect } from "./dialect/dialect.ts";
import { type LuaEngine, LuaError, type LuaFunction, type State } from "./engine.ts";
import { type GlobalTable, type GlobalTransport, installGlobal } from "./global_table.ts";
import { HookErrors } from "./hook_errors.ts";
import { LocalCounters } from "./local_counters.ts";
import { LuaType, REGISTRY } from "./lua_api.ts";
import { installLpeg } from "./modules/lpeg.ts";
import { installModules } from "./modules/mod.ts";
import { queryFunction } from "./query_function.ts";
import { queueFunctions } from "./query_queue.ts";
import { encodeResponse, ResponseError } from "./response.ts";
import { ResultSets } from "./result_set.ts";
import { RunningScripts } from "./running_scripts.ts";
import { type Hook, HOOK_NAMES, type ScriptOwner, type ScriptRoom, SERVICE_NAMES } from "./script_room.ts";
import { httpFunction, sleepFunction } from "./waits.ts";

/** What scripts share with those of other threads. */
export interface SharingOptions {
  /** The event thread, from 0. */
  readonly threadIndex: number;
  /** How many event threads there are. Default: 1. */
  readonly threads?: number;
  /** How `proxy.global` reaches the other threads: needed with more than one. */
  readonly transport?: GlobalTransport;
  /** Where `proxy.counter` counts. Default: for this thread alone. */
  readonly counters?: CounterStore;
  /** The folder to which scripts' paths in the log are relative. */
  readonly basedir?: string;
}

/** The parts of the object model, in the order in which they are made. */
const PRELUDE = ["queries", "connection", "backends", "result_set", "hooks"] as const;
/** Clients of scripts use neither `CLIENT_DEPRECATE_EOF` nor session tracking. */
const RESPONSE_CAPABILITIES = Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_TRANSACTIONS;

/** The {@linkcode ScriptRoom} of a host. */
export class HostRoom implements ScriptRoom {
  readonly engine: LuaEngine;
  readonly results: ResultSets;
  readonly scripts: RunningScripts<ScriptOwner>;
  readonly errors: HookErrors;
  readonly hooks: ScriptRoom["hooks"];
  readonly global: GlobalTable;
  readonly returned: (L: State, count: number) => number;
  nowStarting: ScriptOwner | undefined;
  #factory = 0n;
  #response: Uint8Array[] | undefined;
  #responseError: unknown;

  constructor(engine: LuaEngine, world: ScriptWorld, options: SharingOptions) {
    const { api } = engine;
    // As Lua has them: the dialect's next() looks for metamethods, its setmetatable() keeps finalizers out.
    const natives = {
      next: libraryFunction(engine, "_G", "next"),
      setmetatable: libraryFunction(engine, "debug", "setmetatable"),
    };
    installDialect(engine);
    this.engine = engine;
    this.results = new ResultSets(engine);
    this.scripts = new RunningScripts(engine);
    this.errors = new HookErrors((level, text) => world.log(level, text));
    this.returned = (L, count) => count > 0 ? api.lua_tonumberx(L, 1, 0) : 0;
    const raw: Record<string, LuaFunction> = {
      ...queueFunctions(engine, this.scripts),
      ...connectionFunctions(engine, this.scripts, (level, text) => this.errors.report(level, text)),
      ...backendFunctions(engine, world),
      ...this.results.functions(),
      starting: (L) => {
        this.nowStarting?.starting(L);
        return 0;
      },
      encode_response: (L) => this.#encodeResponse(L),
      unknown_injection_field: (L) => {
        this.errors.report("message", `(lua) the injection object has no field "${engine.text(L, 1)}"`);
        return 0;
      },
    };
    this.#makeProxy(world);
    this.global = this.#makeGlobal(world, options);
    this.hooks = this.#runPrelude(raw, natives);
  }

  get factory(): bigint {
    return this.#factory;
  }

  /** New connections get this version from now on. */
  use(factory: bigint): void {
    if (this.#factory !== 0n) this.engine.api.luaL_unref(this.engine.main, REGISTRY, Number(this.#factory));
    this.#factory = factory;
  }

  takeResponse(): Uint8Array[] | undefined {
    const error = this.#responseError;
    const payloads = this.#response;
    this.#responseError = undefined;
    this.#response = undefined;
    if (error !== undefined) throw error;
    return payloads;
  }

  tidy(): void {
    this.results.shrink();
    if (!this.results.crowded) return;
    this.engine.execute("collectgarbage()", "=collect");
    this.results.relax();
  }

  #encodeResponse(L: State): number {
    try {
      const warn = (text: string) => this.errors.report("warning", `(lua) ${text}`);
      this.#response = encodeResponse(this.engine, L, RESPONSE_CAPABILITIES, warn);
    } catch (error) {
      if (!(error instanceof ResponseError)) throw error;
      this.#responseError = error;
    }
    return 0;
  }

  /** The global `proxy`, with what all connections share. */
  #makeProxy(world: ScriptWorld): void {
    const { engine } = this;
    const { api, main } = engine;
    engine.push(main, CONSTANTS);
    const functions: Record<string, LuaFunction> = {
      sleep: sleepFunction(engine),
      http: httpFunction(engine),
      query: queryFunction(engine, world),
    };
    for (const [name, fn] of Object.entries(functions)) {
      engine.pushFunction(main, name, fn);
      api.lua_setfield(main, -2, engine.cstring(name));
    }
    api.lua_setglobal(main, engine.cstring("proxy"));
  }

  /** What scripts share with those of other threads, and what they `require`. */
  #makeGlobal(world: ScriptWorld, options: SharingOptions): GlobalTable {
    const { engine } = this;
    const log = world.log.bind(world);
    const { threadIndex, threads = 1, transport, counters = new LocalCounters(), basedir = "" } = options;
    const global = installGlobal(engine, {
      threads,
      index: threadIndex,
      ...(transport === undefined ? {} : { transport }),
      failed: (message) => this.errors.report("critical", `(lua) ${message}`),
    });
    installCounters(engine, counters);
    installModules(engine, { log, shutdown: () => world.shutdown(), stats: () => ({}), basedir });
    installLpeg(engine, { checkTime: (L) => engine.checkTimeLimit(L) });
    return global;
  }

  /** Runs the prelude's parts and keeps the functions that run hooks. */
  #runPrelude(raw: Record<string, LuaFunction>, natives: Record<string, bigint>): ScriptRoom["hooks"] {
    const { engine } = this;
    const { api, main } = engine;
    api.lua_createtable(main, 0, 64);
    for (const [name, fn] of Object.entries(raw)) {
      engine.pushFunction(main, name.replace(/^queue_/, ""), fn);
      api.lua_setfield(main, -2, engine.cstring(name));
    }
    for (const [name, reference] of Object.entries(natives)) {
      api.lua_rawgeti(main, REGISTRY, reference);
      api.lua_setfield(main, -2, engine.cstring(name));
    }
    api.lua_createtable(main, 0, 8);
    for (const part of PRELUDE) {
      const co = engine.begin();
      engine.load(co.L, Deno.readFileSync(new URL(`./prelude/${part}.lua`, import.meta.url)), `=(proxy.${part})`);
      api.lua_pushvalue(main, -2);
      api.lua_pushvalue(main, -2);
      api.lua_xmove(main, co.L, 2);
      engine.run(co, 2, (L, count) => {
        if (count > 0) api.lua_xmove(L, main, 1);
      });
    }
    const hooks: Record<string, Hook> = {};
    for (const name of [...HOOK_NAMES, ...SERVICE_NAMES]) {
      if (api.lua_getfield(main, -1, engine.cstring(name)) !== LuaType.FUNCTION) {
        throw new LuaError("engine", `The prelude has no "${name}"`);
      }
      const dispatcher = BigInt(api.luaL_ref(main, REGISTRY));
      engine.pushText(main, name);
      hooks[name] = { dispatcher, name: BigInt(api.luaL_ref(main, REGISTRY)) };
    }
    api.lua_settop(main, 0);
    if (!isComplete(hooks)) throw new LuaError("engine", "The prelude is not complete");
    return hooks;
  }
}

/** A reference to a function of Lua's libraries. */
function libraryFunction(engine: LuaEngine, library: string, name: string): bigint {
  const { api, main } = engine;
  api.lua_getglobal(main, engine.cstring(library));
  api.lua_getfield(main, -1, engine.cstring(name));
  const reference = BigInt(api.luaL_ref(main, REGISTRY));
  api.lua_settop(main, -2);
  return reference;
}

function isComplete(hooks: Record<string, Hook>): hooks is ScriptRoom["hooks"] {
  return [...HOOK_NAMES, ...SERVICE_NAMES].every((name) => name in hooks);
}
