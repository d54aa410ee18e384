/**
 * Lua: one state in one wasm instance, with the host's files and programs, that runs hooks and lets them wait.
 *
 * Everything that others need of the engine is exported from here.
 *
 * @module
 */
import type { Streams } from "./host_files.ts";
import { installProcess } from "./host_process.ts";
import { LuaCalls } from "./lua_calls.ts";
import { LuaError } from "./lua_error.ts";
import { installPackages, type PackageOptions } from "./packages.ts";
import { compile, LuaWasm } from "./wasm.ts";

export type { Coroutine } from "./coroutine_pool.ts";
export type { LuaApi, State } from "./lua_api.ts";
export { LuaCancelled, LuaError, type LuaErrorCode, LuaKilled } from "./lua_error.ts";
export type { LuaFunction } from "./lua_functions.ts";
export { ArgumentError, type LuaValue } from "./lua_values.ts";
export type { EmbeddedModule } from "./packages.ts";
export type { Finish } from "./lua_calls.ts";

/** What a state is to be. */
export interface EngineOptions extends Streams, PackageOptions {
  /** Milliseconds that a script may run without waiting; 0 for no limit. */
  readonly timeLimitMs?: number;
  /** Bytes of memory that Lua may have in all; 16 MiB are there from the start. */
  readonly memoryLimit?: number;
  /** `os.execute` and `io.popen` may start programs. */
  readonly allowRun?: boolean;
}

/**
 * Small steps of the garbage collector keep the pauses short. A script that could set a hook could lift its time limit. Last
 * a proof that floats print as in Lua 5.1.
 */
const SETUP = `
collectgarbage("incremental", 200, 100, 10)
debug.sethook = nil
return tostring(5.0) == "5"
`;

/** A Lua state with its libraries. */
export class LuaEngine extends LuaCalls {
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
    super(wasm, options.timeLimitMs ?? 0);
    installPackages(this, options);
    installProcess(this, options.allowRun ?? false);
    if (this.execute(SETUP, "=setup")[0] !== true) {
      throw new LuaError(
        "engine",
        "Floats do not print as in Lua 5.1: this is not the build of wasmoon that is expected",
      );
    }
  }
}
