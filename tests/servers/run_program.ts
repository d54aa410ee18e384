/**
 * Runs a program to its end with input and a time limit.
 *
 * @module
 */

/** What a program did. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Input and limits of a program. */
export interface RunOptions {
  /** Written to its standard input, which is empty otherwise. */
  readonly stdin?: string | Uint8Array<ArrayBuffer>;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds after which it is killed and the run fails (60,000). */
  readonly limit?: number;
}

/**
 * Runs `command`.
 *
 * @throws {Error} When it has not ended within the limit.
 */
export async function run(command: readonly [string, ...string[]], options: RunOptions = {}): Promise<Outcome> {
  const [program, ...args] = command;
  const limit = options.limit ?? 60_000;
  const child = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env ?? {},
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, limit);
  try {
    // A program may end without reading its input.
    const input = new Blob([options.stdin ?? ""]).stream().pipeTo(child.stdin).catch(() => {});
    const { code, stdout, stderr } = await child.output();
    await input;
    const decoder = new TextDecoder();
    const outcome = { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    if (late) {
      throw new Error(
        `${command.join(" ")} has not ended within ${limit} ms; it wrote: ${
          (outcome.stderr + outcome.stdout).slice(-2000)
        }`,
      );
    }
    return outcome;
  } finally {
    clearTimeout(timer);
  }
}
