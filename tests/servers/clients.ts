/**
 * The command-line clients of MySQL and MariaDB.
 *
 * @module
 */

import { type CommandLine, findInstallation, findProgram, type Kind } from "./installation.ts";
import { pluginFolder } from "./launch.ts";
import { type Outcome, run, type RunOptions } from "./run_program.ts";
import { type Account, APP } from "./users.ts";

/** Whom a client logs in as, and where. */
export interface ClientTarget {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Instead of the port. */
  readonly socket?: string;
  /** {@linkcode APP} unless named. */
  readonly account?: Account;
}

/** The words that start program `name` of `kind` against `target`, without further options; undefined: not on this machine. */
export function clientCommand(kind: Kind, name: string, target: ClientTarget): CommandLine | undefined {
  const program = findProgram(kind, name);
  if (program === undefined) return undefined;
  const { user, password } = target.account ?? APP;
  const installation = findInstallation(kind);
  const plugins = "missing" in installation ? undefined : pluginFolder(installation);
  const where = target.socket === undefined
    ? ["--protocol=TCP", "--host=127.0.0.1", `--port=${target.port}`]
    : [`--socket=${target.socket}`];
  return [
    ...program,
    "--no-defaults",
    ...(plugins === undefined ? [] : [`--plugin-dir=${plugins}`]),
    ...where,
    `--user=${user}`,
    `--password=${password}`,
    // caching_sha2_password without TLS: the client may ask the server for its RSA key.
    // Where no TLS is offered, MariaDB's clients send that password as if it were there, unless told to do without.
    kind === "mysql" ? "--get-server-public-key" : "--skip-ssl",
  ];
}

/**
 * Runs a command-line client to its end.
 *
 * @param kind Whose client, not whose server.
 * @param name `client`, `dump`, `binlog`, `admin`, …: see {@linkcode findProgram}.
 * @throws {Error} When this machine does not have it.
 */
export function runClient(
  kind: Kind,
  name: string,
  target: ClientTarget,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const command = clientCommand(kind, name, target);
  if (command === undefined) throw new Error(`This machine has no ${name} program of ${kind}`);
  return run([...command, ...args], options);
}
