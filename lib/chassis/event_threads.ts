/**
 * The event threads, seen from the main thread: starts, watches and stops them.
 *
 * @module
 */
import type { LogLevel, OptionValues } from "../plugin/mod.ts";
import { BELL, Receiver, Sender } from "../shared/bell.ts";
import { Cells } from "../shared/cells.ts";
import { Ring } from "../shared/ring.ts";
import { ChassisError } from "./chassis_error.ts";
import type { LogOutput } from "./log_output.ts";
import {
  type Command,
  decodeNotice,
  encodeCommand,
  isStartReport,
  type Notice,
  type StartOrder,
  THREAD_COLUMNS,
  type ThreadColumn,
  type ThreadPlugin,
} from "./thread_messages.ts";

const INBOX_BYTES = 16 * 1024;
const OUTBOX_BYTES = 256 * 1024;
const WATCH_INTERVAL = 1000;
/** Seconds without a sign of life after which a thread is logged as stuck. */
const STUCK_AFTER = 5;
/** Milliseconds that a thread has, beyond the time for its work, to say that it has stopped. */
const STOP_GRACE = 1000;

/** What the threads need from the rest of the chassis. */
export interface EventThreadsOptions {
  readonly threads: number;
  readonly values: OptionValues;
  readonly level: LogLevel;
  readonly plugins: readonly ThreadPlugin[];
  readonly log: LogOutput;
  /** Called when the last thread has died of an error. */
  readonly allDied: () => void;
  /** Called when a thread asks for a clean stop of the program. */
  readonly shutdown: () => void;
}

/** One thread and what the main thread knows of it. */
interface EventThread {
  readonly index: number;
  readonly worker: Worker;
  readonly inbox: Sender;
  readonly outbox: Receiver;
  readonly started: Promise<void>;
  /** Resolves when the thread has stopped or died. */
  readonly ended: Promise<void>;
  readonly end: () => void;
  /** A thread that has failed to start, has stopped or has died is `ended`. */
  state: "starting" | "running" | "ended";
  /** Commands for which its inbox has had no room yet. */
  readonly waiting: Command[];
  beats: number;
  secondsWithoutBeat: number;
}

/** All event threads. */
export class EventThreads {
  readonly #options: EventThreadsOptions;
  readonly #cells: Cells<ThreadColumn>;
  readonly #threads: EventThread[] = [];
  #watch: ReturnType<typeof setInterval> | undefined;
  #stopping = false;

  constructor(options: EventThreadsOptions) {
    this.#options = options;
    this.#cells = Cells.create(THREAD_COLUMNS, options.threads);
  }

  /**
   * Starts all threads and, on each, the thread halves of the plugins.
   *
   * @throws {ChassisError} if a plugin fails to start on one of them; call {@linkcode terminate} then.
   */
  async start(): Promise<void> {
    for (let index = 0; index < this.#options.threads; index++) this.#threads.push(this.#startOne(index));
    await Promise.all(this.#threads.map((thread) => thread.started));
    this.#watch = setInterval(() => this.#lookAfter(), WATCH_INTERVAL);
  }

  /**
   * Lets the thread halves stop and ends the threads.
   *
   * @param timeout milliseconds that running work may take to end.
   */
  async stop(timeout: number): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#watch);
    // One that is still starting may serve clients already: it finds the command when it is ready for it.
    const running = this.#threads.filter(({ state }) => state !== "ended");
    for (const thread of running) this.#send(thread, { kind: "stop", timeout });
    const allEnded = Promise.all(running.map(({ ended }) => ended));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeUp = new Promise((resolve) => timer = setTimeout(resolve, timeout + STOP_GRACE));
    await Promise.race([allEnded, timeUp]);
    clearTimeout(timer);
    for (const thread of running) {
      if (thread.state !== "ended") {
        this.#options.log.write("warning", `Event thread ${thread.index} does not stop, it is cut off`);
      }
    }
    this.terminate();
  }

  /** Ends the threads at once. */
  terminate(): void {
    this.#stopping = true;
    clearInterval(this.#watch);
    for (const thread of this.#threads) {
      thread.state = "ended";
      thread.worker.terminate();
      thread.outbox.drain();
      thread.end();
    }
  }

  #startOne(index: number): EventThread {
    const { threads, values, level, plugins } = this.#options;
    const worker = new Worker(new URL("./event_thread.ts", import.meta.url), {
      type: "module",
      name: `event-${index}`,
    });
    const inboxRing = Ring.create(INBOX_BYTES);
    const outboxRing = Ring.create(OUTBOX_BYTES);
    const start = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const thread: EventThread = {
      index,
      worker,
      inbox: new Sender(inboxRing, () => worker.postMessage(BELL)),
      outbox: new Receiver(outboxRing, (record) => this.#take(thread, decodeNotice(record, index))),
      started: start.promise,
      ended: end.promise,
      end: end.resolve,
      state: "starting",
      waiting: [],
      beats: 0,
      secondsWithoutBeat: 0,
    };
    worker.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (data === BELL) {
        thread.outbox.drain();
      } else if (isStartReport(data)) {
        if (data.kind === "started") {
          thread.state = "running";
          return start.resolve();
        }
        thread.state = "ended";
        thread.end();
        const cause = new Error(data.reason);
        if (data.stack !== undefined) cause.stack = data.stack;
        start.reject(new ChassisError("plugin", data.reason, { cause }));
      }
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      start.reject(new ChassisError("thread", `Event thread ${index} cannot start: ${event.message}`));
      this.#died(thread, event.message);
    });
    const order: StartOrder = {
      kind: "start",
      index,
      threads,
      values,
      level,
      plugins,
      inbox: inboxRing.buffer,
      outbox: outboxRing.buffer,
      cells: this.#cells.handle,
    };
    try {
      worker.postMessage(order);
    } catch (error) {
      thread.state = "ended";
      start.reject(new ChassisError("plugin", cannotShare(plugins), { cause: error }));
    }
    thread.outbox.drain();
    return thread;
  }

  #take(from: EventThread, notice: Notice): void {
    switch (notice.kind) {
      case "log":
        return this.#options.log.take(notice.entry);
      case "wake-others":
        for (const thread of this.#threads) if (thread !== from && thread.state === "running") this.#wake(thread);
        return;
      case "shutdown":
        return this.#options.shutdown();
      case "stopped":
        from.state = "ended";
        return from.end();
    }
  }

  #wake(thread: EventThread): void {
    if (this.#cells.compareExchange(thread.index, "waking", 0, 1)) this.#send(thread, { kind: "wake" });
  }

  #send(thread: EventThread, command: Command): void {
    thread.waiting.push(command);
    this.#sendWaiting(thread);
  }

  #sendWaiting({ waiting, inbox }: EventThread): void {
    // The main thread must not block, so what finds no room is sent by a later look.
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (!inbox.trySend(encodeCommand(next))) return;
      waiting.shift();
    }
  }

  #lookAfter(): void {
    for (const thread of this.#threads) {
      if (thread.state !== "running") continue;
      this.#sendWaiting(thread);
      const beats = this.#cells.get(thread.index, "beats");
      const { log } = this.#options;
      if (beats !== thread.beats) {
        if (thread.secondsWithoutBeat >= STUCK_AFTER) {
          log.write("warning", `Event thread ${thread.index} answers again`);
        }
        thread.beats = beats;
        thread.secondsWithoutBeat = 0;
      } else if (++thread.secondsWithoutBeat === STUCK_AFTER) {
        log.write("critical", `Event thread ${thread.index} has not answered for ${STUCK_AFTER} seconds`);
      }
    }
  }

  #died(thread: EventThread, reason: string): void {
    if (thread.state === "ended") return;
    const wasRunning = thread.state === "running";
    thread.state = "ended";
    thread.outbox.drain();
    thread.end();
    // Who waits for the start is told by an error.
    if (this.#stopping || !wasRunning) return;
    this.#options.log.write("critical", `Event thread ${thread.index} died: ${reason}`);
    if (this.#threads.every(({ state }) => state === "ended")) this.#options.allDied();
  }
}

function cannotShare(plugins: readonly ThreadPlugin[]): string {
  const culprit = plugins.find(({ shared }) => {
    try {
      structuredClone(shared);
      return false;
    } catch {
      return true;
    }
  });
  const who = culprit === undefined ? "a plugin" : `plugin "${culprit.name}"`;
  return `What ${who} shares with its thread halves cannot be handed to a thread`;
}
