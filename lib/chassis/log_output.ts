/**
 * The log of the main thread, which writes for all threads. LogTape carries the records from those who log to the sink;
 * the sink prints them.
 *
 * @module
 */
import { configureSync, getLogger, type LogLevel as TapeLevel, type LogRecord } from "@logtape/logtape";
import type { Log, LogLevel } from "../plugin/mod.ts";
import { reasonOf } from "./chassis_error.ts";
import { type LogDestination, openLogFile, STDERR } from "./log_destination.ts";
import { formatJson, formatText, isWritten, type LogEntry } from "./log_record.ts";
import { RepeatFilter } from "./log_repeats.ts";
import { PROGRAM } from "./version.ts";

/** How the log is set up. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** An absolute path; stderr without one. */
  readonly file?: string | undefined;
}

const TAPE_LEVELS: Readonly<Record<LogLevel, TapeLevel>> = {
  error: "fatal",
  critical: "error",
  warning: "warning",
  message: "info",
  info: "debug",
  debug: "trace",
};

const LEVELS: Readonly<Record<TapeLevel, LogLevel>> = {
  fatal: "error",
  error: "critical",
  warning: "warning",
  info: "message",
  debug: "info",
  trace: "debug",
};

/** The open log. There is one at a time, since LogTape's set-up is global. */
export class LogOutput implements Log {
  readonly level: LogLevel;
  readonly toFile: boolean;
  readonly #destination: LogDestination;
  readonly #repeats: RepeatFilter;
  readonly #logger = getLogger([PROGRAM]);

  /** @throws {ChassisError} if the log file cannot be opened. */
  constructor({ level, format, file }: LogOptions) {
    this.level = level;
    this.toFile = file !== undefined;
    this.#destination = file === undefined ? STDERR : openLogFile(file);
    this.#repeats = new RepeatFilter(format === "json" ? formatJson : formatText);
    configureSync({
      reset: true,
      sinks: { chassis: (record) => this.#print(entryOf(record)) },
      loggers: [
        { category: [PROGRAM], sinks: ["chassis"], lowestLevel: TAPE_LEVELS[level] },
        { category: ["logtape", "meta"], sinks: ["chassis"], lowestLevel: "warning" },
      ],
    });
  }

  enabled(level: LogLevel): boolean {
    return isWritten(level, this.level);
  }

  write(level: LogLevel, text: string): void {
    if (this.enabled(level)) this.take({ time: Date.now(), level, text });
  }

  /** Logs a record that was made elsewhere, e.g. on an event thread. */
  take({ time, level, text, thread }: LogEntry): void {
    this.#logger.emit({
      timestamp: time,
      level: TAPE_LEVELS[level],
      rawMessage: text,
      message: [text],
      properties: { thread },
    });
  }

  /** To be called about once a second: tells of suppressed repeats that have waited long enough. */
  tick(): void {
    this.#writeLines(this.#repeats.overdue(Date.now()));
  }

  /** Tells of suppressed repeats and opens the log file anew. */
  reopen(): void {
    this.flush();
    try {
      this.#destination.reopen();
    } catch (error) {
      this.write("critical", `Cannot open the log file anew, the old one stays in use: ${reasonOf(error)}`);
    }
  }

  /** Tells of suppressed repeats; everything else is written already. */
  flush(): void {
    this.#writeLines(this.#repeats.flush(Date.now()));
  }

  close(): void {
    this.flush();
    this.#destination.close();
  }

  #print(entry: LogEntry): void {
    this.#writeLines(this.#repeats.lines(entry));
  }

  #writeLines(lines: string): void {
    if (lines !== "") this.#destination.write(lines);
  }
}

function entryOf({ timestamp, level, message, properties }: LogRecord): LogEntry {
  const thread = properties["thread"];
  return {
    time: timestamp,
    level: LEVELS[level],
    text: message.map(String).join(""),
    thread: typeof thread === "number" ? thread : undefined,
  };
}
