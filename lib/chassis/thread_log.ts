/**
 * The log as an event thread sees it: records travel to the main thread through the ring.
 *
 * @module
 */
import type { Log, LogLevel } from "../plugin/mod.ts";
import type { Sender } from "../shared/bell.ts";
import { isWritten } from "./log_record.ts";
import { encodeNotice } from "./thread_messages.ts";

/** Characters of one record's text; what is longer is cut, so that a record always fits into the ring. */
const LONGEST_TEXT = 8192;
/** Milliseconds to wait for room: the thread carries traffic, which is worth more than a complete log. */
const LONGEST_WAIT = 50;

/** Sends records to the main thread; drops and counts them when it does not keep up. */
export class ThreadLog implements Log {
  readonly #level: LogLevel;
  readonly #outbox: Sender;
  #dropped = 0;

  constructor(level: LogLevel, outbox: Sender) {
    this.#level = level;
    this.#outbox = outbox;
  }

  enabled(level: LogLevel): boolean {
    return isWritten(level, this.#level);
  }

  write(level: LogLevel, text: string): void {
    if (!this.enabled(level)) return;
    if (this.#dropped > 0) {
      if (!this.#send("warning", `log records dropped because they came too fast: ${this.#dropped}`, 0)) {
        this.#dropped++;
        return;
      }
      this.#dropped = 0;
    }
    if (!this.#send(level, text, LONGEST_WAIT)) this.#dropped++;
  }

  #send(level: LogLevel, text: string, timeout: number): boolean {
    const shown = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}...` : text;
    return this.#outbox.send(encodeNotice({ kind: "log", entry: { time: Date.now(), level, text: shown } }), timeout);
  }
}
