/**
 * Suppression of identical consecutive texts (spec section 1.8).
 *
 * @module
 */
import type { LogEntry, LogFormat } from "./log_record.ts";

/** So many repeats are told of at once, even if the text goes on repeating. */
const MOST_REPEATS = 100;
/** Milliseconds after which repeats are told of. */
const LONGEST_SILENCE = 30_000;

/** Turns records into lines and leaves out what only repeats the record before. */
export class RepeatFilter {
  readonly #format: LogFormat;
  #last: LogEntry | undefined;
  #repeats = 0;
  /** When the last line was printed, in milliseconds since 1970. */
  #printed = 0;

  constructor(format: LogFormat) {
    this.#format = format;
  }

  /** The lines to write for `entry`; empty if it is suppressed. */
  lines(entry: LogEntry): string {
    const { text, level, thread } = entry;
    const last = this.#last;
    if (last !== undefined && last.text === text && last.level === level && last.thread === thread) {
      this.#repeats++;
      const due = this.#repeats > MOST_REPEATS || entry.time - this.#printed > LONGEST_SILENCE;
      return due ? this.flush(entry.time) : "";
    }
    const told = this.flush(entry.time);
    this.#last = entry;
    this.#printed = entry.time;
    return told + this.#format(entry);
  }

  /** The line that tells of repeats if any were suppressed for long enough, else an empty text. */
  overdue(time: number): string {
    return time - this.#printed > LONGEST_SILENCE ? this.flush(time) : "";
  }

  /** The line that tells of suppressed repeats, or an empty text if there were none. */
  flush(time: number): string {
    if (this.#last === undefined || this.#repeats === 0) return "";
    const line = this.#format({ ...this.#last, time }, this.#repeats);
    this.#repeats = 0;
    this.#printed = time;
    return line;
  }
}
