/**
 * The host of a script on one event thread: one Lua state, one script, and the connections that it looks at.
 *
 * @module
 */
import { Capability } from "../protocol/mod.ts";
import type { ConnectionView, Script, ScriptWorld } from "../script/mod.ts";
import { backendFunctions } from "./backend_objects.ts";
import { connectionFunctions } from "./connection_objects.ts";
import { ConnectionScript } from "./connection_script.ts";
import { type CounterStore, installCounters } from "./counter.ts";
import { CONSTANTS } from "./constants.ts";
import { installDialect, translate } from "./dialect/dialect.ts";
import { LuaEngine, LuaError, type LuaFunction, type State } from "./engine.ts";
import { type GlobalTable, type GlobalTransport, installGlobal } from "./global_table.ts";
import { HookErrors } from "./hook_errors.ts";
import { LuaType, REGISTRY } from "./lua_api.ts";
import { LocalCounters } from "./local_counters.ts";
import { installLpeg } from "./modules/lpeg.ts";
import { installModules } from "./modules/mod.ts";
import { queryFunction } from "./query_function.ts";
import { queueFunctions } from "./query_queue.ts";
import { encodeResponse, ResponseError } from "./response.ts";
import { ResultSets } from "./result_set.ts";
import { RunningScripts } from "./running_scripts.ts";
import { ScriptFileError } from "./script_error.ts";
import { ScriptFile, type ScriptSource, shippedModule } from "./script_file.ts";
import { type Hook, HOOK_NAMES, type ScriptOwner, type ScriptRoom, SERVICE_NAMES } from "./script_room.ts";
import { httpFunction, sleepFunction } from "./waits.ts";

/** What a host is to be. */
export interface HostOptions {
  /** {@linkcode LuaEngine.compile}'s. */
  readonly module: WebAssembly.Module;
  /** The script's path, or the name of a shipped script. */
  readonly script: string;
  /** `package.path`. */
  readonly luaPath: string;
  /** Where C modules are looked for, only to say that they cannot be loaded. */
  readonly luaCPath?: string;
  /** `os.execute` and `io.popen` may start programs. */
  readonly allowRun: boolean;
  /** Milliseconds that a hook may run without waiting; 0 for no limit. */
  readonly timeLimitMs: number;
  /** Bytes of memory that Lua may have in all. */
  readonly memoryLimit: number;
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

/** Opens the scripts of connections. */
export class LuaHost {
  readonly engine: LuaEngine;
  readonly #file: ScriptFile;
  readonly #world: ScriptWorld;
  readonly #room: Room;
  #reloading = false;

  /**
   * Starts Lua and compiles the script. Nothing of it runs before the first client.
   *
   * @throws {ScriptFileError} `not-found`, `unreadable` or `syntax`, with file and line
   * @throws {LuaError} if Lua cannot be started.
   */
  static async open(options: HostOptions, world: ScriptWorld): Promise<LuaHost> {
    const file = new ScriptFile(options.script);
    const { module, luaPath, luaCPath = "", allowRun, timeLimitMs, memoryLimit } = options;
    const embedded = (name: string) => {
      const found = shippedModule(name);
      return found === undefined ? undefined : { ...found, source: translate(found.source) };
    };
    const engine = await LuaEngine.open(module, {
      luaPath,
      luaCPath,
      allowRun,
      timeLimitMs,
      memoryLimit,
      embedded,
    });
    const host = new LuaHost(engine, file, world, options);
    host.#room.use(host.#compile(file.read()));
    return host;
  }

  private constructor(engine: LuaEngine, file: ScriptFile, world: ScriptWorld, options: HostOptions) {
    this.engine = engine;
    this.#file = file;
    this.#world = world;
    this.#room = new Room(engine, world, options);
  }

  /** The folder of the script's file, to be watched; `undefined` for a script that is part of the program. */
  get folder(): string | undefined {
    return this.#file.folder;
  }

  /** How many connections have a script. */
  get connections(): number {
    return this.#room.scripts.size;
  }

  /** How many responses are kept outside of Lua's memory, because they are large. */
  get keptResponses(): number {
    return this.#room.results.kept;
  }

  /** The script of a new client. Its main chunk runs before its first hook. */
  connection(view: ConnectionView): Script {
    return new ConnectionScript(this.#room, view);
  }

  /** About once a second, and when another thread asks to: takes over what other threads have written to `proxy.global`. */
  wake(): void {
    this.#room.global.wake();
  }

  /** Sends what scripts have written to `proxy.global`, and what is in the buffers of their files. */
  flush(): void {
    this.#room.global.flush();
    this.engine.flush();
  }

  /**
   * Loads the script again if its file has changed. Connections that exist keep the version they have. What is broken or half
   * written is not taken: a record in the log says why.
   *
   * @returns whether new connections get a new version.
   */
  async reload(): Promise<boolean> {
    if (this.#reloading) return false;
    this.#reloading = true;
    try {
      const source = await this.#file.reread();
      if (source === undefined) return false;
      this.#room.use(this.#compile(source));
      this.#world.log(
        "message",
        `(lua) loaded the script "${this.#file.path}" again: new connections get this version`,
      );
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#room.errors.report("critical", `(lua) ${reason}; new connections get the version from before`);
      return false;
    } finally {
      this.#reloading = false;
    }
  }

  /** Compiles a script to its factory and returns the reference of that. */
  #compile(source: ScriptSource): bigint {
    const { api, main } = this.engine;
    const { chunkName } = source;
    try {
      const text = translate(source.bytes);
      // Once as it is, so that nothing can reach out of the function that it becomes.
      this.engine.load(main, text, chunkName);
      api.lua_settop(main, -2);
      this.engine.load(main, factoryOf(text), chunkName);
      return BigInt(api.luaL_ref(main, REGISTRY));
    } catch (cause) {
      if (!(cause instanceof LuaError)) throw cause;
      // Lua shortens long names of chunks.
      const where = cause.message.replace(/^\[string ".*?"\]:/, `${chunkName}:`);
      throw new ScriptFileError("syntax", `Cannot load the script: ${where}`, { cause });
    }
  }
}

/** A function that makes a script's main chunk for an environment; the script's lines keep their numbers. */
function factoryOf(text: Uint8Array): Uint8Array {
  const encoder = new TextEncoder();
  const head = encoder.encode("local _ENV=... return function(...) ");
  const tail = encoder.encode("\nend");
  const whole = new Uint8Array(head.length + text.length + tail.length);
  whole.set(head);
  whole.set(text, head.length);
  whole.set(tail, head.length + text.length);
  return whole;
}

/** The {@linkcode ScriptRoom} of a host. */
class Room implements ScriptRoom {
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

  constructor(engine: LuaEngine, world: ScriptWorld, options: HostOptions) {
    const { api } = engine;
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
    this.hooks = this.#runPrelude(raw);
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
  #makeGlobal(world: ScriptWorld, options: HostOptions): GlobalTable {
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
    installLpeg(engine);
    return global;
  }

  /** Runs the prelude's parts and keeps the functions that run hooks. */
  #runPrelude(raw: Record<string, LuaFunction>): ScriptRoom["hooks"] {
    const { engine } = this;
    const { api, main } = engine;
    api.lua_createtable(main, 0, 64);
    for (const [name, fn] of Object.entries(raw)) {
      engine.pushFunction(main, name.replace(/^queue_/, ""), fn);
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

function isComplete(hooks: Record<string, Hook>): hooks is ScriptRoom["hooks"] {
  return [...HOOK_NAMES, ...SERVICE_NAMES].every((name) => name in hooks);
}
