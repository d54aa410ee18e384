/**
 * The errors of this floor that are not Lua's.
 *
 * @module
 */

/** What is wrong with a script's file. */
export type ScriptFileErrorCode =
  /** There is no such file, and no shipped script of that name. */
  | "not-found"
  | "unreadable"
  /** It is no Lua. */
  | "syntax"
  /** Somebody writes it at this moment. */
  | "unfinished";

/** A script that cannot be loaded. */
export class ScriptFileError extends Error {
  override readonly name = "ScriptFileError";
  readonly code: ScriptFileErrorCode;

  constructor(code: ScriptFileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
