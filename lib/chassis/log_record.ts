/**
 * One record of the log, and the two ways to print it.
 *
 * @module
 */
import { LOG_LEVELS, type LogLevel } from "../plugin/mod.ts";

/** What was logged, when and where. */
export interface LogEntry {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly level: LogLevel;
  readonly text: string;
  /** The event thread's number; `undefined` for the main thread. */
  readonly thread?: number | undefined;
}

/** Whether records of `level` are written when the threshold is `threshold`. */
export function isWritten(level: LogLevel, threshold: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(threshold);
}

/** Prints a record as one line; `repeats` tells that it stands for the last record, which came so often again. */
export type LogFormat = (entry: LogEntry, repeats?: number) => string;

/** The original's line, `YYYY-MM-DD HH:MM:SS: (level) text` in local time (spec section 1.8). */
export const formatText: LogFormat = ({ time, level, text }, repeats) => {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${clock}: (${level}) ${repeats === undefined ? text : repeatText(repeats)}\n`;
};

/** A JSON object on one line: `time` in ISO 8601, `level`, `text`, and `thread` for records of event threads. */
export const formatJson: LogFormat = ({ time, level, text, thread }, repeats) => {
  const shown = repeats === undefined ? text : repeatText(repeats);
  return `${JSON.stringify({ time: new Date(time).toISOString(), level, text: shown, thread })}\n`;
};

function repeatText(repeats: number): string {
  return `last message repeated ${repeats} times`;
}
