/**
 * The host of a script on one event thread: one Lua state, one script, and the connections that it looks at.
 *
 * @module
 */
import type { ConnectionView, Script, ScriptWorld } from "../script/mod.ts";
import { ConnectionScript } from "./connection_script.ts";
import { translate } from "./dialect/dialect.ts";
import { LuaEngine, LuaError } from "./engine.ts";
import { HostRoom, type SharingOptions } from "./host_room.ts";
import { REGISTRY } from "./lua_api.ts";
import { ScriptFileError } from "./script_error.ts";
import { ScriptFile, type ScriptSource, shippedModule } from "./script_file.ts";

/** What a host is to be. */
export interface HostOptions extends SharingOptions {
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
}

/** Opens the scripts of connections. */
export class LuaHost {
  readonly engine: LuaEngine;
  readonly #file: ScriptFile;
  readonly #world: ScriptWorld;
  readonly #room: HostRoom;
  #reloading = false;
  /** Another look at the file was asked for. */
  #asked = false;
  /** Why the file cannot be had, and how often that was found. */
  #trouble: { readonly reason: string; readonly times: number } | undefined;

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
    this.#room = new HostRoom(engine, world, options);
  }

  /** The folder of the script's file, to be watched; `undefined` for a script that is part of the program. */
  get folder(): string | undefined {
    return this.#file.folder;
  }

  /** Ends Lua: what scripts have open is closed. Nothing may be called afterwards. */
  close(): void {
    this.#room.global.flush();
    this.engine.close();
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
    this.#asked = true;
    if (this.#reloading) return false;
    this.#reloading = true;
    let renewed = false;
    try {
      while (this.#asked) {
        this.#asked = false;
        if (await this.#reloadOnce()) renewed = true;
      }
    } finally {
      this.#reloading = false;
    }
    return renewed;
  }

  async #reloadOnce(): Promise<boolean> {
    try {
      const source = await this.#file.reread();
      this.#trouble = undefined;
      if (source === undefined) return false;
      this.#room.use(this.#compile(source));
      this.#world.log(
        "message",
        `(lua) loaded the script "${this.#file.path}" again: new connections get this version`,
      );
      return true;
    } catch (error) {
      this.#reloadFailed(error);
      return false;
    }
  }

  /** Says why once, and of a file that is being written only if that goes on. */
  #reloadFailed(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const before = this.#trouble?.reason === reason ? this.#trouble.times : 0;
    this.#trouble = { reason, times: before + 1 };
    const first = error instanceof ScriptFileError && error.code === "unfinished" ? 2 : 1;
    const isLasting = error instanceof ScriptFileError && error.code !== "syntax";
    if (isLasting && before + 1 !== first) return;
    this.#world.log("critical", `(lua) ${reason}; new connections get the version from before`);
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
      const shown = cause.message.replace(/^\[string ".*?"\]:/, `${chunkName}:`);
      const where = shown.startsWith(chunkName) ? shown : `${chunkName}: ${shown}`;
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
