/**
 * The chassis' error class.
 *
 * @module
 */

/** What kind of thing failed; all of them end the program with exit code 1. */
export type ChassisErrorCode =
  /** The command line. */
  | "usage"
  /** The config file. */
  | "config"
  /** Loading, preparing or starting a plugin. */
  | "plugin"
  /** Starting or running an event thread. */
  | "thread"
  /** A file the chassis itself opens: log, pid-file, base directory. */
  | "file";

/** An error whose message is for the person who started the program; it is logged without a stack. */
export class ChassisError extends Error {
  override readonly name = "ChassisError";
  readonly code: ChassisErrorCode;

  constructor(code: ChassisErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The text of anything that was thrown, on one line. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return text.replaceAll(/\s*[\r\n]+\s*/g, " ").trim();
}

/** The stack of what was thrown, or of its cause if there is one; `undefined` if it is no error. */
export function stackOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  return (thrown.cause instanceof Error ? thrown.cause.stack : undefined) ?? thrown.stack;
}
