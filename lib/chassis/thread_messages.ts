/**
 * What the main thread and the event threads tell each other.
 *
 * What has to be said while a thread starts goes by `postMessage` ({@linkcode StartOrder}, {@linkcode StartReport}); all
 * else goes through the rings as records: one byte for the kind, then what belongs to it, little-endian.
 *
 * @module
 */
import { LOG_LEVELS, type LogLevel, type OptionValues } from "../plugin/mod.ts";
import type { CellsHandle } from "../shared/cells.ts";
import type { LogEntry } from "./log_record.ts";
import type { PluginSource } from "./plugin_loader.ts";

/** What each event thread has in the table that all of them and the main thread share. */
export const THREAD_COLUMNS = [
  /** Goes up about once a second while the thread's event loop turns. */
  "beats",
  /** 1 while a wake-up is on its way to the thread, so that a second one need not be sent. */
  "waking",
] as const;

/** A column of the shared table. */
export type ThreadColumn = typeof THREAD_COLUMNS[number];

/** A plugin that the thread is to run. */
export interface ThreadPlugin {
  readonly name: string;
  readonly source: PluginSource;
  /** What the plugin's main half shares. */
  readonly shared: unknown;
}

/** The first message to a new thread. */
export interface StartOrder {
  readonly kind: "start";
  readonly index: number;
  readonly threads: number;
  readonly values: OptionValues;
  readonly level: LogLevel;
  readonly plugins: readonly ThreadPlugin[];
  /** Rings, seen from the thread. */
  readonly inbox: SharedArrayBuffer;
  readonly outbox: SharedArrayBuffer;
  readonly cells: CellsHandle<ThreadColumn>;
}

/** The thread's answer to {@linkcode StartOrder}. */
export type StartReport =
  | { readonly kind: "started" }
  | { readonly kind: "failed"; readonly reason: string; readonly stack?: string | undefined };

/** From the main thread to an event thread. */
export type Command =
  | { readonly kind: "wake" }
  /** `timeout`: milliseconds that running work may take to end. */
  | { readonly kind: "stop"; readonly timeout: number };

/** From an event thread to the main thread. */
export type Notice =
  | { readonly kind: "log"; readonly entry: LogEntry }
  | { readonly kind: "wake-others" }
  /** The whole program is to stop. */
  | { readonly kind: "shutdown" }
  | { readonly kind: "stopped" };

const WAKE = 1;
const STOP = 2;
const LOG = 3;
const WAKE_OTHERS = 4;
const STOPPED = 5;
const SHUTDOWN = 6;

const LOG_HEADER_BYTES = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @returns the record of a command. */
export function encodeCommand(command: Command): Uint8Array {
  if (command.kind === "wake") return Uint8Array.of(WAKE);
  const record = new Uint8Array(9);
  record[0] = STOP;
  new DataView(record.buffer).setFloat64(1, command.timeout, true);
  return record;
}

/** @throws {TypeError} if the record is none of {@linkcode encodeCommand}. */
export function decodeCommand(record: Uint8Array): Command {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  switch (record[0]) {
    case WAKE:
      return { kind: "wake" };
    case STOP:
      return { kind: "stop", timeout: view.getFloat64(1, true) };
    default:
      throw new TypeError(`There is no command ${record[0]}`);
  }
}

/** @returns the record of a notice; a log record: kind, level, time as a float of milliseconds, text in UTF-8. */
export function encodeNotice(notice: Notice): Uint8Array {
  if (notice.kind === "wake-others") return Uint8Array.of(WAKE_OTHERS);
  if (notice.kind === "stopped") return Uint8Array.of(STOPPED);
  if (notice.kind === "shutdown") return Uint8Array.of(SHUTDOWN);
  const text = encoder.encode(notice.entry.text);
  const record = new Uint8Array(LOG_HEADER_BYTES + text.length);
  record[0] = LOG;
  record[1] = LOG_LEVELS.indexOf(notice.entry.level);
  new DataView(record.buffer).setFloat64(2, notice.entry.time, true);
  record.set(text, LOG_HEADER_BYTES);
  return record;
}

/**
 * @param thread the number of the thread that it came from.
 * @throws {TypeError} if the record is none of {@linkcode encodeNotice}.
 */
export function decodeNotice(record: Uint8Array, thread: number): Notice {
  switch (record[0]) {
    case WAKE_OTHERS:
      return { kind: "wake-others" };
    case STOPPED:
      return { kind: "stopped" };
    case SHUTDOWN:
      return { kind: "shutdown" };
    case LOG: {
      const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
      const level = LOG_LEVELS[view.getUint8(1)];
      if (level === undefined) throw new TypeError(`There is no log level ${record[1]}`);
      const text = decoder.decode(record.subarray(LOG_HEADER_BYTES));
      return { kind: "log", entry: { time: view.getFloat64(2, true), level, text, thread } };
    }
    default:
      throw new TypeError(`There is no notice ${record[0]}`);
  }
}

/** Whether a message is a thread's answer to its start order. */
export function isStartReport(message: unknown): message is StartReport {
  if (typeof message !== "object" || message === null || !("kind" in message)) return false;
  return message.kind === "started" || (message.kind === "failed" && "reason" in message);
}

/** Whether a message orders a thread to start. Only the main thread posts to it, so the kind is proof enough. */
export function isStartOrder(message: unknown): message is StartOrder {
  return typeof message === "object" && message !== null && "kind" in message && message.kind === "start";
}
