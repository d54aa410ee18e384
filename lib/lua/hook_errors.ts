/**
 * Errors of hooks in the log: the first of a kind with its traceback, those after it counted.
 *
 * @module
 */
import type { ScriptLogLevel } from "../script/mod.ts";
import { classicTraceback } from "./dialect/dialect.ts";
import { LuaError } from "./lua_error.ts";

/** How long the same error is only counted. */
const PAUSE_MS = 10_000;
/** Different errors that are remembered. */
const REMEMBERED = 200;
/** Characters of a message that are logged: a script can make it as long as memory allows. */
const LONGEST = 4000;

interface Occurrence {
  count: number;
  loggedAt: number;
}

function isPowerOfTen(count: number): boolean {
  return /^10*$/.test(String(count));
}

/** Writes what goes wrong in hooks into the log. */
export class HookErrors {
  readonly #log: (level: ScriptLogLevel, text: string) => void;
  readonly #now: () => number;
  readonly #seen = new Map<string, Occurrence>();

  constructor(log: (level: ScriptLogLevel, text: string) => void, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  /** A hook has failed. */
  failed(hook: string, error: unknown): void {
    const raised = error instanceof Error ? error.message : String(error);
    // A hook that blames its caller, with error(message, 2), means the host: to a script that has no position.
    const whole = raised.replace(/^\(proxy\.\w+\):\d+: /, "");
    const message = whole.length > LONGEST ? `${whole.slice(0, LONGEST)}...` : whole;
    const traceback = error instanceof LuaError
      ? classicTraceback(error.traceback.replace(/(?:\n\t\(proxy\.\w+\):.*)+$/, ""))
      : error instanceof Error
      ? error.stack?.match(/^ {4}at [^]*$/m)?.[0] ?? ""
      : "";
    this.report("critical", `(${hook}) ${message}`, traceback);
  }

  /** Logs a text, or counts it if it was logged a short time ago. */
  report(level: ScriptLogLevel, text: string, detail = ""): void {
    const now = this.#now();
    // Not every message tells where: "not enough memory" does not.
    const key = `${text}\n${/^.*:\d+: in .*$/m.exec(detail)?.[0] ?? ""}`;
    const seen = this.#seen.get(key);
    if (seen === undefined) {
      const [oldest] = this.#seen.keys();
      if (this.#seen.size >= REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
      this.#seen.set(key, { count: 1, loggedAt: now });
      this.#log(level, detail === "" ? text : `${text}\n${detail}`);
      return;
    }
    seen.count++;
    if (!isPowerOfTen(seen.count) && now - seen.loggedAt < PAUSE_MS) return;
    seen.loggedAt = now;
    this.#log(level, `${text} (${seen.count} times so far)`);
  }
}
