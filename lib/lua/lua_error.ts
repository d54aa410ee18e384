/**
 * The error class of this floor, and what a Lua call can end with besides a result.
 *
 * @module
 */

/** How a Lua call has failed. */
export type LuaErrorCode =
  /** The script raised an error. */
  | "script"
  /** The source is no Lua. */
  | "syntax"
  /** The memory limit was reached. */
  | "memory"
  /** The script ran longer than it may. */
  | "time-limit"
  /** The call was given up while it waited. */
  | "cancelled"
  /** The engine itself failed or cannot be started. */
  | "engine";

/** A failed Lua call. */
export class LuaError extends Error {
  readonly code: LuaErrorCode;
  /** Lua's own `stack traceback:` with a line per function, innermost first; empty if there is none. */
  readonly traceback: string;

  constructor(code: LuaErrorCode, message: string, traceback = "", options?: ErrorOptions) {
    super(message, options);
    this.name = "LuaError";
    this.code = code;
    this.traceback = traceback;
  }
}

/** A script that ran too long. It unwinds all of Lua: no `pcall` of the script can catch it. */
export class LuaKilled extends LuaError {
  constructor(message: string, traceback = "") {
    super("time-limit", message, traceback);
    this.name = "LuaKilled";
  }
}

/** A waiting call that was given up. */
export class LuaCancelled extends LuaError {
  constructor(message = "The script was given up while it waited") {
    super("cancelled", message);
    this.name = "LuaCancelled";
  }
}

/** An error that Lua could not deliver to anybody, as nothing of the state `L` ran. `L` is empty afterwards. */
export class LuaPanic extends LuaError {
  readonly state: number;

  constructor(state: number, message: string) {
    super(message === "not enough memory" ? "memory" : "engine", message);
    this.name = "LuaPanic";
    this.state = state;
  }
}
