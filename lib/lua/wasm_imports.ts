/**
 * What the host gives to the wasm module.
 *
 * @module
 */

/** What an import handed to the module can be. */
export type ImportFunction = (...args: never[]) => unknown;
/** Imports by module and name. */
export type Imports = Record<"env" | "wasi_snapshot_preview1", Record<string, ImportFunction>>;
