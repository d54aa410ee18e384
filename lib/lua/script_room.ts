/**
 * What the scripts of all connections of a host have in common.
 *
 * @module
 */
import type { ConnectionOwner } from "./connection_objects.ts";
import type { LuaEngine, State } from "./engine.ts";
import type { GlobalTable } from "./global_table.ts";
import type { HookErrors } from "./hook_errors.ts";
import type { QueueOwner } from "./query_queue.ts";
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

/** A connection, as the functions behind the objects know it. */
export interface ScriptOwner extends QueueOwner, ConnectionOwner {
  /** The prelude has made the connection's tables: the one of the connection is at 1, its environment at 2. */
  starting(L: State): void;
}

/** What a connection's script needs of its host. */
export interface ScriptRoom {
  readonly engine: LuaEngine;
  readonly results: ResultSets;
  readonly scripts: RunningScripts<ScriptOwner>;
  readonly errors: HookErrors;
  /** Hears what other threads have written before Lua runs, and tells them after it has run. */
  readonly global: GlobalTable;
  readonly hooks: Readonly<Record<HookName | typeof SERVICE_NAMES[number], Hook>>;
  /** The reference of the script's factory: the version that new connections get. */
  readonly factory: bigint;
  /** Whose main chunk is about to run. */
  nowStarting: ScriptOwner | undefined;
  /** Reads what a hook has returned: 0 for what is no number. */
  readonly returned: (L: State, count: number) => number;
  /** What the prelude has just made of `proxy.response`. */
  takeResponse(): Uint8Array[] | undefined;
  /** After a result: gives back memory that a large one has taken. */
  tidy(): void;
}
