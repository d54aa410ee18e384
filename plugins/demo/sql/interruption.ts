/**
 * KILL QUERY, and the waits that it ends.
 *
 * @module
 */
import { parameterIndex } from "./quoting.ts";
import { SqlError } from "./sql_error.ts";
import type { Value } from "./value_type.ts";

/** How long SLEEP may take at most, in seconds; a timer cannot wait longer. */
const LONGEST_SLEEP = 2_000_000;

/** Ends what the statements of one session wait for. */
export class Interruption {
  #controller = new AbortController();

  /** Aborted, with an {@linkcode SqlError}, when the running statement is interrupted. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends what the running statement waits for, with error 1317. */
  raise(): void {
    this.#controller.abort(new SqlError(1317, "70100", "Query execution was interrupted"));
  }

  /** Lets the next statement wait again. */
  clear(): void {
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
  }

  /**
   * Pauses as SLEEP asks.
   *
   * @param sleeps seconds as translated expressions; one that is neither a number nor a parameter is no pause.
   * @throws {SqlError} 1317
   */
  async sleep(sleeps: readonly string[], parameters: readonly Value[]): Promise<void> {
    for (const amount of sleeps) {
      const index = parameterIndex(amount);
      const seconds = Number(index === undefined ? amount : parameters[index] ?? 0);
      if (seconds > 0) await this.#pause(Math.min(seconds, LONGEST_SLEEP) * 1000);
    }
  }

  async #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#controller;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    const interrupted = () => reject(signal.reason);
    signal.addEventListener("abort", interrupted, { once: true });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", interrupted);
    }
  }
}
