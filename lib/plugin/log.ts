/**
 * The log as plugins see it. Records of event threads travel to the main thread, which writes them.
 *
 * @module
 */

/** The original's levels, most severe first (GLib's names; `--log-level` takes the same). */
export const LOG_LEVELS = ["error", "critical", "warning", "message", "info", "debug"] as const;

/** One of {@linkcode LOG_LEVELS}. */
export type LogLevel = typeof LOG_LEVELS[number];

/** Writes lines to the log. */
export interface Log {
  /** Whether a record of `level` would be written; ask before building an expensive text. */
  enabled(level: LogLevel): boolean;
  /** Writes one record. `text` is one line, sentence case, without a full stop. */
  write(level: LogLevel, text: string): void;
}
