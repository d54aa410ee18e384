/**
 * The contract between the chassis and its plugins.
 *
 * A plugin has two halves. The main half lives on the main thread: it checks its options, opens what must be opened
 * once, and serves the control side. The thread half lives on every event thread and carries traffic. What both need
 * to share is built by the main half and handed over by structured clone; put `SharedArrayBuffer`s in it.
 *
 * The order at start: `prepare` of every plugin, `startMain` of every plugin, `startThread` of every plugin on every
 * event thread, then `ready` of every plugin's main half. At stop: `stop` of every thread half, then of every main
 * half. An error thrown anywhere before `ready` has returned ends the program with exit code 1 and names the plugin.
 *
 * @module
 */
import type { Log } from "./log.ts";
import type { OptionDefinition, OptionValue, OptionValues } from "./option.ts";

/** The version of this contract. A plugin that was built for another one is refused at start. */
export const PLUGIN_API_VERSION = 1;

/** What a plugin may use before anything is started. */
export interface PrepareContext {
  readonly values: OptionValues;
  readonly log: Log;
  /**
   * Replaces the default of an option, also of another plugin. A value that the user gave stays as it is.
   *
   * @returns whether the value was taken.
   */
  setDefault(name: string, value: OptionValue): boolean;
}

/** What the main half of a plugin may use. */
export interface MainContext {
  readonly values: OptionValues;
  readonly log: Log;
  /** How many event threads there will be, at least 1. */
  readonly threads: number;
  /** Begins a clean stop of the whole program. */
  shutdown(): void;
}

/** The running main half of a plugin. */
export interface MainHalf<Shared> {
  /** Handed to every thread half by structured clone. */
  readonly shared: Shared;
  /** Called when every thread half has started; from here on clients are served. */
  ready?(): void | Promise<void>;
  /** Counters by name, for the admin side and the tests. */
  stats?(): Readonly<Record<string, number>>;
  /** Releases what this half opened. Called once, after all thread halves have stopped. */
  stop?(): void | Promise<void>;
}

/** What the thread half of a plugin may use. */
export interface ThreadContext<Shared> {
  readonly values: OptionValues;
  readonly log: Log;
  /** The event thread's number, from 0. */
  readonly index: number;
  readonly threads: number;
  readonly shared: Shared;
  /**
   * Wakes the other event threads: each runs its {@linkcode ThreadHalf.wake}. Cheap enough for control traffic, not for
   * every query.
   */
  wakeOthers(): void;
  /** Begins a clean stop of the whole program. */
  shutdown(): void;
}

/** The running thread half of a plugin. */
export interface ThreadHalf {
  /** Runs after another thread called `wakeOthers`, and about once a second. */
  wake?(): void;
  /**
   * Stops accepting at once and resolves when the work in hand has ended, or when `signal` says that time is up and
   * what is left has been cut off.
   */
  stop(signal: AbortSignal): Promise<void>;
}

/** A plugin, as the default export of its `mod.ts`. */
export interface Plugin<Shared = unknown> {
  /** The {@linkcode PLUGIN_API_VERSION} that it was built for. */
  readonly apiVersion: number;
  /** The name that `--plugins` takes. */
  readonly name: string;
  readonly version: string;
  /** One line for `--help`. */
  readonly text: string;
  readonly options: readonly OptionDefinition[];
  /** The name of a flag of this plugin that, when it is given, also loads the plugin. Only shipped plugins have one. */
  readonly activatedBy?: string;
  /** Runs first and may change defaults. Anything it opens is released by the main half's `stop`. */
  prepare?(context: PrepareContext): void | Promise<void>;
  /** Starts the main half. */
  startMain(context: MainContext): MainHalf<Shared> | Promise<MainHalf<Shared>>;
  /** Starts the thread half, on every event thread. A plugin without one has no part in traffic. */
  startThread?(context: ThreadContext<Shared>): ThreadHalf | Promise<ThreadHalf>;
}
