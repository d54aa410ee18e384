/**
 * A MySQL or MariaDB server of a test run: its own data folder, a free port and a Unix socket.
 *
 * @module
 */

import type { Installation, Kind } from "./installation.ts";
import { serverCommand } from "./launch.ts";
import { free, hold, holdTempDir, removeTempDir } from "./leash.ts";
import { freePort, isGreeting, until } from "./port.ts";
import { makeMariadbTemplate, mariadbOptions } from "./mariadb.ts";
import { makeMysqlTemplate, mysqlOptions } from "./mysql.ts";
import type { KeyFiles } from "./certificates.ts";
import { createAccounts } from "./users.ts";

/** Where a running server can be reached; plain data that can be handed to another process. */
export interface ServerInfo {
  readonly kind: Kind;
  readonly version: string;
  /** On 127.0.0.1. */
  readonly port: number;
  readonly socket: string;
  readonly pid: number;
  /** The folder of everything that belongs to this server: `data/`, `socket`, `server.log`. */
  readonly folder: string;
}

/**
 * Whether a server offers TLS: as it does by itself (MySQL with certificates of its own, MariaDB from 11.4 on with one that
 * it keeps in memory, older ones not at all), never, or with the files named.
 */
export type ServerTls = "automatic" | "off" | KeyFiles & { readonly ca: string };

function tlsOptions(kind: Kind, tls: ServerTls): string[] {
  if (tls === "automatic") return [];
  // MySQL has no --skip-ssl any more; MariaDB takes an empty list of versions for all of them.
  if (tls === "off") return [kind === "mysql" ? "--tls-version=" : "--skip-ssl"];
  return [`--ssl-ca=${tls.ca}`, `--ssl-cert=${tls.cert}`, `--ssl-key=${tls.key}`];
}

/** How to start a server. */
export interface ServerOptions {
  /** Further options of the server's program, such as `--max-connections=5000`. */
  readonly args?: readonly string[];
  /** A data folder made by {@linkcode makeTemplate} to copy; without it a new one is made, which takes seconds. */
  readonly template?: string;
  /** `automatic` unless set. */
  readonly tls?: ServerTls;
  /** Words that start the server's command line, such as a program that gives it another view of the file system. */
  readonly wrapper?: readonly string[];
}

const SHARED_OPTIONS = [
  "--bind-address=127.0.0.1",
  "--local-infile=ON",
  "--max-allowed-packet=1G",
  "--max-connections=2000",
  "--secure-file-priv=",
  "--server-id=1",
  "--innodb-buffer-pool-size=64M",
  "--innodb-flush-log-at-trx-commit=0",
  "--innodb-doublewrite=0",
  "--sync-binlog=0",
];

/** Makes the data folder of a new server, to be copied by {@linkcode startServer}. It lasts until the run ends. */
export async function makeTemplate(installation: Installation): Promise<string> {
  const folder = await holdTempDir(`${installation.kind}-template`);
  await (installation.kind === "mariadb" ? makeMariadbTemplate : makeMysqlTemplate)(installation, folder);
  return `${folder}/data`;
}

/** A running server that this process started. */
export class Server implements ServerInfo {
  readonly kind: Kind;
  readonly version: string;
  readonly socket: string;
  #pid = 0;
  #child: Deno.ChildProcess | undefined;

  private constructor(
    readonly installation: Installation,
    readonly port: number,
    readonly folder: string,
    readonly args: readonly string[],
    readonly wrapper: readonly string[],
  ) {
    this.kind = installation.kind;
    this.version = installation.version;
    this.socket = `${folder}/socket`;
  }

  /** The process id; a restart changes it. */
  get pid(): number {
    return this.#pid;
  }

  /** Starts a server and waits until it answers. */
  static async start(installation: Installation, options: ServerOptions = {}): Promise<Server> {
    const template = options.template ?? await makeTemplate(installation);
    const folder = await holdTempDir(installation.kind);
    const copy = await new Deno.Command("cp", { args: ["-a", template, `${folder}/data`] }).output();
    if (!copy.success) throw new Error(`Cannot copy ${template}: ${new TextDecoder().decode(copy.stderr)}`);
    await Deno.writeTextFile(`${folder}/accounts.sql`, createAccounts(installation.kind));
    const args = [...tlsOptions(installation.kind, options.tls ?? "automatic"), ...options.args ?? []];
    const server = new Server(installation, freePort(), folder, args, options.wrapper ?? []);
    await server.#run();
    return server;
  }

  async #run(): Promise<void> {
    const { installation, folder } = this;
    const [program = installation.server, ...before] = [...this.wrapper, ...serverCommand(installation)];
    const args = [
      ...before,
      `--datadir=${folder}/data`,
      `--socket=${folder}/socket`,
      `--pid-file=${folder}/pid`,
      // MariaDB removes the temporary tables of other servers in the same folder when it starts.
      `--tmpdir=${folder}`,
      `--log-error=${folder}/server.log`,
      `--port=${this.port}`,
      ...SHARED_OPTIONS,
      ...(this.kind === "mariadb" ? mariadbOptions() : mysqlOptions()),
      // At every start: a server that was killed soon after the first may have lost them.
      `--init-file=${folder}/accounts.sql`,
      ...this.args,
    ];
    const child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    child.unref();
    await hold({ kind: "process", pid: child.pid });
    this.#pid = child.pid;
    this.#child = child;
    let over = false;
    child.status.then(() => over = true);
    try {
      await until(60_000, "to answer", async () => {
        if (over) throw new Error("It ended");
        return await isGreeting(this.port);
      });
    } catch (cause) {
      await this.kill("SIGKILL");
      const log = await Deno.readTextFile(`${folder}/server.log`).catch(() => "");
      throw new Error(`Cannot start ${installation.server}:\n${log.split("\n").slice(-15).join("\n")}`, { cause });
    }
  }

  /** Sends `signal`. After one that ends the process, waits until it is gone. */
  async kill(signal: Deno.Signal): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    try {
      child.kill(signal);
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
    if (signal === "SIGSTOP" || signal === "SIGCONT") return;
    child.ref();
    await child.status;
    this.#child = undefined;
    await free({ kind: "process", pid: child.pid });
  }

  /** Shuts the server down in good order and starts it again on the same port, with the same data. */
  async restart(): Promise<void> {
    await this.kill("SIGTERM");
    await this.#run();
  }

  /** Starts the server again after {@linkcode kill}. */
  resume(): Promise<void> {
    return this.#run();
  }

  /** Ends the server and removes its data. */
  async stop(): Promise<void> {
    await this.kill("SIGKILL");
    await removeTempDir(this.folder);
  }

  /** The plain data that lets another process reach this server. */
  info(): ServerInfo {
    const { kind, version, port, socket, pid, folder } = this;
    return { kind, version, port, socket, pid, folder };
  }
}
