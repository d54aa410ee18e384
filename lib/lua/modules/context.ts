/**
 * What the modules need of the program around them.
 *
 * @module
 */
import type { ScriptLogLevel } from "../../script/mod.ts";

/** Given by whoever installs the modules. */
export interface ModuleContext {
  log(level: ScriptLogLevel, text: string): void;
  /** Begins a clean stop of the program. */
  shutdown(): void;
  /** Numbers by plugin and name. */
  stats(): Record<string, Record<string, number>>;
  /** The folder to which scripts' paths in the log are relative. */
  readonly basedir: string;
}

/** The fields that every module has. */
export function about(name: string, description: string): Record<string, string> {
  return {
    _VERSION: `${name} 0.9`,
    _DESCRIPTION: description,
    _COPYRIGHT: "Copyright (c) 2026 The MySQL Proxy authors",
  };
}
