/**
 * The proxy under test, as a process of its own with the permissions of its start task.
 *
 * @module
 */

import { free, hold, holdTempDir } from "./leash.ts";
import { freePort, isListening, until } from "./port.ts";

/** Where the root of the project is. */
export const PROJECT = new URL("../../", import.meta.url).pathname;

/** How to start a proxy. */
export interface ProxyOptions {
  /** Addresses of read/write backends, such as `127.0.0.1:3306` or a Unix socket's path. */
  readonly backends: readonly string[];
  /** Further options of the proxy. */
  readonly args?: readonly string[];
  /** The address to listen on instead of a free port of 127.0.0.1. `port` then must be part of it. */
  readonly address?: string;
}

/** The words of the start task: `deno run` with its permissions and `main.ts`. */
export function startTask(): [string, ...string[]] {
  const config: unknown = JSON.parse(Deno.readTextFileSync(`${PROJECT}deno.json`));
  const start = typeof config === "object" && config !== null && "tasks" in config &&
      typeof config.tasks === "object" && config.tasks !== null && "start" in config.tasks
    ? config.tasks.start
    : undefined;
  const text = typeof start === "object" && start !== null && "command" in start ? start.command : start;
  if (typeof text !== "string" || !text.startsWith("deno ")) throw new Error("deno.json has no start task");
  // A compiled binary can be tested instead.
  const binary = Deno.env.get("MYSQL_PROXY_TEST_BINARY");
  return binary ? [binary] : [Deno.execPath(), ...text.split(/\s+/).slice(1)];
}

/** Where whoever runs the tests wants them to go: nowhere, while the proxy itself is not to be tested. */
export function hasProxy(): boolean {
  return Deno.env.get("MYSQL_PROXY_TEST_DIRECT") !== "1";
}

let folder: Promise<string> | undefined;

/** Where the proxies of this test process keep their certificate; a test that wants its own gives another one. */
function dataFolder(): Promise<string> {
  return folder ??= holdTempDir("proxy-data");
}

/** A running proxy. */
export class Proxy {
  #log = "";
  #over = false;
  readonly #exited: Promise<Deno.CommandStatus>;

  private constructor(readonly child: Deno.ChildProcess, readonly port: number) {
    this.#exited = child.status.then((status) => {
      this.#over = true;
      return status;
    });
    this.#read(child.stdout);
    this.#read(child.stderr);
  }

  /** Starts a proxy and waits until it listens. */
  static async start(options: ProxyOptions): Promise<Proxy> {
    const port = options.address === undefined ? freePort() : Number(options.address.split(":").at(-1));
    const [program, ...args] = startTask();
    const child = new Deno.Command(program, {
      args: [
        ...args,
        `--proxy-address=${options.address ?? `127.0.0.1:${port}`}`,
        `--data-dir=${await dataFolder()}`,
        ...options.backends.map((backend) => `--proxy-backend-addresses=${backend}`),
        ...(options.args ?? []),
        // The same clients can be tried with a script in between.
        ...(Deno.env.get("MYSQL_PROXY_TEST_SCRIPT")
          ? [`--proxy-lua-script=${Deno.env.get("MYSQL_PROXY_TEST_SCRIPT")}`]
          : []),
      ],
      cwd: PROJECT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    child.unref();
    await hold({ kind: "process", pid: child.pid });
    const proxy = new Proxy(child, port);
    try {
      await until(15_000, "the proxy to listen", async () => {
        if (proxy.#over) throw new Error("It ended");
        if (options.address?.startsWith("/")) return await isSocket(options.address);
        return await isListening(port, options.address?.startsWith("[") ? "::1" : "127.0.0.1");
      });
    } catch (cause) {
      await proxy.kill();
      throw new Error(`Cannot start the proxy; it wrote:\n${proxy.log}`, { cause });
    }
    return proxy;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#log += decoder.decode(chunk, { stream: true });
  }

  /** All that it has written to its standard output and error output. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Whether the process is still there. */
  get isRunning(): boolean {
    return !this.#over;
  }

  /**
   * Ends it with SIGTERM and waits.
   *
   * @param limit Milliseconds after which it is killed.
   * @throws {Error} When it does not exit with 0 in time.
   */
  async stop(limit = 20_000): Promise<void> {
    this.child.ref();
    if (!this.#over) this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), limit);
    const { code, signal } = await this.#exited;
    clearTimeout(timer);
    await free({ kind: "process", pid: this.pid });
    if (code !== 0) throw new Error(`The proxy ended with ${signal ?? code}; it wrote:\n${this.#log}`);
  }

  /** Sends `signal`; after one that ends it, waits until it is gone. */
  async kill(signal: Deno.Signal = "SIGKILL"): Promise<void> {
    if (!this.#over) this.child.kill(signal);
    if (signal === "SIGSTOP" || signal === "SIGCONT") return;
    this.child.ref();
    await this.#exited;
    await free({ kind: "process", pid: this.pid });
  }
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isSocket ?? false;
  } catch {
    return false;
  }
}
