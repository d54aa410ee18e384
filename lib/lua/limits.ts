/**
 * How long a script may run without a break.
 *
 * @module
 */
import { LuaKilled } from "./lua_error.ts";

/** Instructions between two looks at the clock: microseconds, unless one of them works on a long string. */
export const CHECK_INTERVAL = 1000;
/** The same once Lua has had as much memory as {@linkcode LONG_STRINGS}: a single instruction may take milliseconds then. */
export const CLOSE_CHECK_INTERVAL = 50;
/** Bytes of memory that only scripts with long strings, or very many values, need. */
export const LONG_STRINGS = 48 << 20;

/**
 * A clock that costs nothing until a script has run {@linkcode CHECK_INTERVAL} instructions: only then the time is looked at.
 */
export class TimeLimit {
  readonly #milliseconds: number;
  #checks = 0;
  #since = 0;

  /** @param milliseconds 0 for no limit. */
  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  get isSet(): boolean {
    return this.#milliseconds > 0;
  }

  /** A script begins to run, or goes on after it has waited. */
  restart(): void {
    this.#checks = 0;
  }

  /**
   * After {@linkcode CHECK_INTERVAL} instructions.
   *
   * @param trace Tells where the script is: the position as a prefix, and the traceback.
   * @throws {LuaKilled} if the script has run too long.
   */
  check(trace: () => { where: string; traceback: string }): void {
    const now = performance.now();
    if (this.#checks++ === 0) {
      this.#since = now;
    } else if (now - this.#since > this.#milliseconds) {
      const { where, traceback } = trace();
      throw new LuaKilled(`${where}the script ran longer than ${this.#milliseconds} ms`, traceback);
    }
  }
}
