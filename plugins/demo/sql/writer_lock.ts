/**
 * One writer at a time.
 *
 * All sessions share one SQLite handle: a shared-cache database with a handle per session would need permission to read
 * "files", and would let readers wait for writers. So a transaction that has written owns this lock until it ends, other
 * writers queue, and readers see what is not committed yet; the servers report READ-UNCOMMITTED, which is that.
 *
 * @module
 */
import { SqlError } from "./sql_error.ts";

interface Waiter {
  readonly owner: object;
  readonly grant: () => void;
}

/** The right to write. */
export class WriterLock {
  #owner: object | undefined;
  readonly #waiting = new Set<Waiter>();

  /** Whether `owner` has the lock. */
  isHeldBy(owner: object): boolean {
    return this.#owner === owner;
  }

  /**
   * Waits for the lock, first come, first served.
   *
   * @throws {SqlError} 1205 after `seconds`, or what `signal` was aborted with.
   */
  async acquire(owner: object, seconds: number, signal: AbortSignal): Promise<void> {
    if (this.#owner === owner) return;
    if (this.#owner === undefined) {
      this.#owner = owner;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { owner, grant: resolve };
    const timer = setTimeout(() => {
      reject(new SqlError(1205, "HY000", "Lock wait timeout exceeded; try restarting transaction"));
    }, seconds * 1000);
    const interrupted = () => reject(signal.reason);
    signal.addEventListener("abort", interrupted, { once: true });
    this.#waiting.add(waiter);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", interrupted);
      this.#waiting.delete(waiter);
    }
  }

  /** Gives the lock to the next in line; nothing happens if `owner` does not have it. */
  release(owner: object): void {
    if (this.#owner !== owner) return;
    this.#owner = undefined;
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      this.#owner = next.owner;
      next.grant();
      return;
    }
  }
}
