/**
 * The program as a child process, for tests of what only a process has: exit code, signals, stderr.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Milliseconds after which a test gives up on a line or on the end of the program. */
const PATIENCE = 30_000;

/** The fixture plugin that can fail at any step. */
export const ECHO = fileURLToPath(new URL("./fixtures/echo.ts", import.meta.url));

/** A running program. Dispose of it in any case: `await using`. */
export class Child {
  readonly #process: Deno.ChildProcess;
  readonly #ended: Promise<void>;
  readonly #waiting = new Set<() => void>();
  #stderr = "";

  constructor(args: readonly string[], cwd = ROOT) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--quiet", "-A", `${ROOT}/main.ts`, ...args],
      cwd,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#ended = this.#readAll();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** What the program has written to stderr, as texts without the time: `(level) text`. */
  get lines(): readonly string[] {
    return this.#stderr.split("\n").slice(0, -1).map((line) => {
      return line.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d: /, "");
    });
  }

  /** Resolves when a line that contains `text` has been written so many times. */
  async line(text: string, times = 1): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    while (this.lines.filter((line) => line.includes(text)).length < times) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      const timer = setTimeout(resolve, Math.max(0, deadline - Date.now()));
      await promise;
      clearTimeout(timer);
      this.#waiting.delete(resolve);
      if (Date.now() >= deadline) throw new Error(`No line "${text}" came, only:\n${this.#stderr}`);
    }
  }

  signal(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Resolves with the exit code when the program has ended by itself. */
  async end(): Promise<number> {
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), PATIENCE);
    const { code } = await this.#process.status;
    clearTimeout(timer);
    await this.#ended;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#process.status;
    await this.#ended;
  }

  async #readAll(): Promise<void> {
    for await (const text of this.#process.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr += text;
      for (const wake of this.#waiting) wake();
    }
  }
}

/** Runs the program to its end. */
export async function runToEnd(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--quiet", "-A", `${ROOT}/main.ts`, ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
