/**
 * What the main half works out once for the scripts of all event threads.
 *
 * @module
 */
import { dirname, relative } from "node:path";
import { LuaEngine } from "../../lib/lua/engine.ts";
import { type OptionValues, valuesOf } from "../../lib/plugin/mod.ts";
import { LUA_OPTIONS } from "../../lib/script/lua_options.ts";
import { Broadcast, type BroadcastMemory } from "../../lib/shared/broadcast.ts";
import { Counters } from "../../lib/shared/counters.ts";
import type { ProxyValues } from "./options.ts";

/** Survives a structured clone. */
export interface ScriptSetup {
  readonly module: WebAssembly.Module;
  /** The file, or a name below which a shipped script may be found. */
  readonly script: string;
  readonly luaPath: string;
  readonly luaCPath: string;
  readonly allowRun: boolean;
  readonly timeLimitMs: number;
  readonly memoryLimit: number;
  readonly account: { readonly user: string | undefined; readonly password: string };
  readonly globals: BroadcastMemory;
  readonly counterMemory: SharedArrayBuffer;
  readonly basedir: string;
}

/** @returns `undefined` if there is no script. */
export async function prepareScripts(
  values: ProxyValues,
  all: OptionValues,
  threads: number,
): Promise<ScriptSetup | undefined> {
  const script = values["proxy-lua-script"];
  if (script === undefined || script === "") return undefined;
  const lua = valuesOf(LUA_OPTIONS, all);
  const basedir = baseDirectory(all);
  return {
    module: await LuaEngine.compile(),
    script: fileOrName(script, all),
    luaPath: lua["lua-path"] ?? variable("LUA_PATH") ?? `${basedir}/lib/mysql-proxy/lua/?.lua`,
    luaCPath: lua["lua-cpath"] ?? variable("LUA_CPATH") ?? "",
    allowRun: lua["lua-allow-run"],
    timeLimitMs: lua["lua-time-limit"] * 1000,
    memoryLimit: lua["lua-memory-limit"] * 2 ** 20,
    account: { user: values["proxy-query-user"], password: values["proxy-query-password"] ?? "" },
    globals: Broadcast.allocate(threads),
    counterMemory: Counters.allocate(),
    basedir,
  };
}

/** The file, or what may be a shipped script's name: as an option's path it has been made absolute. */
function fileOrName(script: string, all: OptionValues): string {
  const given = all.get("basedir");
  const name = relative(typeof given === "string" ? given : Deno.cwd(), script);
  return name.startsWith("..") || isFile(script) ? script : name;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A variable of the environment; none where it may not be read. */
function variable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

function baseDirectory(all: OptionValues): string {
  const given = all.get("basedir");
  return typeof given === "string" ? given : dirname(dirname(Deno.execPath()));
}
