/**
 * What the scripts of all connections of a host have in common.
 *
 * @module
 */
import type { ConnectionScript } from "./connection_script.ts";
import type { LuaEngine, State } from "./engine.ts";
import type { HookErrors } from "./hook_errors.ts";
import type { ResultSets } from "./result_set.ts";
import type { RunningScripts } from "./running_scripts.ts";

/** The hooks of a script, by the names of their functions. */
export const HOOK_NAMES = [
  "connect_server",
  "read_handshake",
  "read_auth",
  "read_auth_result",
  "read_query",
  "read_query_result",
  "disconnect_client",
] as const;

/** The name of a hook. */
export type HookName = typeof HOOK_NAMES[number];

/** What the host itself runs in Lua. */
export const SERVICE_NAMES = ["start", "close", "enter", "respond"] as const;

/** References into the registry. */
export interface Hook {
  /** The prelude's function that runs it. */
  readonly dispatcher: bigint;
  /** Its name as a Lua string. */
  readonly name: bigint;
}

/** What {@linkcode ConnectionScript} needs of its host. */
export interface ScriptRoom {
  readonly engine: LuaEngine;
  readonly results: ResultSets;
  readonly scripts: RunningScripts<ConnectionScript>;
  readonly errors: HookErrors;
  readonly hooks: Readonly<Record<HookName | typeof SERVICE_NAMES[number], Hook>>;
  /** The reference of the script's factory: the version that new connections get. */
  readonly factory: bigint;
  /** Whose main chunk is about to run. */
  nowStarting: ConnectionScript | undefined;
  /** Reads what a hook has returned: 0 for what is no number. */
  readonly returned: (L: State, count: number) => number;
  /** What the prelude has just made of `proxy.response`. */
  takeResponse(): Uint8Array[] | undefined;
  /** Lets Lua collect garbage if much memory outside of it hangs on that. */
  collectIfCrowded(): void;
}
