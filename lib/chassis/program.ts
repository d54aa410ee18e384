/**
 * The running program: starts the plugins and event threads in order, and stops them.
 *
 * @module
 */
import { type MainHalf, valuesOf } from "../plugin/mod.ts";
import { ChassisError, reasonOf } from "./chassis_error.ts";
import { EventThreads } from "./event_threads.ts";
import type { LogOutput } from "./log_output.ts";
import { CHASSIS_OPTIONS } from "./options.ts";
import { writePidFile } from "./pid_file.ts";
import type { LoadedPlugin } from "./plugin_loader.ts";
import type { Settings } from "./settings.ts";
import type { ThreadPlugin } from "./thread_messages.ts";

const MILLISECONDS = 1000;
/** Milliseconds that a main half has to stop beyond the time for running work. */
const STOP_GRACE = 1000;

/** What a program is made of. */
export interface ProgramOptions {
  readonly settings: Settings;
  readonly plugins: readonly LoadedPlugin[];
  readonly log: LogOutput;
  /** Asks for a clean stop that ends with this exit code. */
  readonly requestStop: (exitCode: number) => void;
}

/** One run of the program. */
export class Program {
  readonly #options: ProgramOptions;
  readonly #mainHalves: { readonly name: string; readonly half: MainHalf<unknown> }[] = [];
  #threads: EventThreads | undefined;
  #removePidFile: (() => Promise<void>) | undefined;
  #stopping = false;

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  /**
   * Starts everything, in the order that the plugin contract promises.
   *
   * @throws {ChassisError} if something cannot start; call {@linkcode stop} then, as after a success.
   */
  async start(): Promise<void> {
    const { settings, plugins, log, requestStop } = this.#options;
    for (const { plugin } of plugins) {
      await blame(plugin.name, () =>
        plugin.prepare?.({
          values: settings.values,
          log,
          setDefault: (name, value) => settings.setDefault(name, value),
        }));
    }
    const values = new Map(settings.values);
    const { "event-threads": threads, "log-level": level, "pid-file": pidFile } = valuesOf(CHASSIS_OPTIONS, values);

    const threadPlugins: ThreadPlugin[] = [];
    for (const { plugin, source } of plugins) {
      if (this.#stopping) return;
      const { name } = plugin;
      const context = { values, log, threads, shutdown: () => requestStop(0) };
      const half = await blame(name, () => plugin.startMain(context));
      this.#mainHalves.push({ name, half });
      if (plugin.startThread !== undefined) threadPlugins.push({ name, source, shared: half.shared });
    }

    if (this.#stopping) return;
    const allDied = () => requestStop(1);
    this.#threads = new EventThreads({
      threads,
      values,
      level,
      plugins: threadPlugins,
      log,
      allDied,
      shutdown: () => requestStop(0),
    });
    await this.#threads.start();
    for (const { name, half } of this.#mainHalves) await blame(name, () => half.ready?.());
    if (this.#stopping) return;
    if (pidFile !== undefined) this.#removePidFile = await writePidFile(pidFile);
    for (const { plugin: { name, version } } of plugins) log.write("message", `plugin ${name} ${version} started`);
  }

  /** Stops what has been started: the thread halves, then the main halves. Failures are logged. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const { settings } = this.#options;
    const timeout = valuesOf(CHASSIS_OPTIONS, settings.values)["shutdown-timeout"] * MILLISECONDS;
    await this.#threads?.stop(timeout);
    for (const { name, half } of this.#mainHalves.toReversed()) {
      await this.#attempt(`Plugin "${name}" failed to stop`, timeout, () => half.stop?.());
    }
    await this.#attempt("Clean-up failed", timeout, () => this.#removePidFile?.());
  }

  /** Runs a step of the stop; neither an error nor a hang in it keeps the next one from running. */
  async #attempt(what: string, timeout: number, step: () => void | Promise<void>): Promise<void> {
    const timeUp = Promise.withResolvers<never>();
    const timer = setTimeout(() => timeUp.reject(new Error("it takes too long")), timeout + STOP_GRACE);
    try {
      await Promise.race([step(), timeUp.promise]);
    } catch (error) {
      this.#options.log.write("critical", `${what}: ${reasonOf(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Runs a step of a plugin's start and names the plugin if it fails. */
async function blame<Result>(plugin: string, step: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    throw new ChassisError("plugin", `Plugin "${plugin}" cannot start: ${reasonOf(error)}`, { cause: error });
  }
}
