/**
 * What several plugins need and only the first has to load.
 *
 * @module
 */
import type { Log } from "../plugin/mod.ts";

/** Loads each thing once per run of the program; the log stands for the run. A failure is not remembered. */
export class OncePerRun<Value> {
  readonly #runs = new WeakMap<Log, Map<string, Promise<Value>>>();

  /** What `load` gave for this `key` the first time. */
  get(log: Log, key: string, load: () => Promise<Value>): Promise<Value> {
    const known = this.#runs.get(log) ?? new Map<string, Promise<Value>>();
    this.#runs.set(log, known);
    const value = known.get(key) ?? load();
    known.set(key, value);
    value.catch(() => known.delete(key));
    return value;
  }
}
