/**
 * A proxy with a script, for the tests of shipped scripts.
 *
 * @module
 */

import "../servers/node_process.ts";
import { type Connection, type ConnectionOptions, createConnection } from "mysql2/promise";
import { holdTempDir, removeTempDir } from "../servers/leash.ts";
import { Proxy } from "../servers/proxy.ts";
import { APP } from "../servers/users.ts";

/** The first test that starts a process starts the leash of all of them as well, which outlives it. */
export const LEASHED = { sanitizeOps: false, sanitizeResources: false } as const;

/** What runs in front of which servers. */
export interface ScriptProxyOptions {
  /** The name of a shipped script, a path, or Lua. */
  readonly script: { readonly name: string } | { readonly lua: string };
  /** The servers' ports on 127.0.0.1. */
  readonly backends: readonly { readonly port: number }[];
  readonly readOnly?: readonly { readonly port: number }[];
  /** One thread unless set: pools are per thread. */
  readonly threads?: number;
  readonly args?: readonly string[];
}

/** Runs `body` with a proxy that must still be well afterwards. */
export async function withScript(
  { script, backends, readOnly = [], threads = 1, args = [] }: ScriptProxyOptions,
  body: (proxy: Proxy, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await holdTempDir("script");
  const file = "name" in script ? script.name : `${folder}/script.lua`;
  if ("lua" in script) await Deno.writeTextFile(file, script.lua);
  const proxy = await Proxy.start({
    backends: backends.map(({ port }) => `127.0.0.1:${port}`),
    args: [
      `--proxy-lua-script=${file}`,
      `--event-threads=${threads}`,
      ...readOnly.map(({ port }) => `--proxy-read-only-backend-addresses=127.0.0.1:${port}`),
      ...args,
    ],
  });
  try {
    await body(proxy, folder);
  } catch (cause) {
    await proxy.kill();
    throw new Error(`With the script it fails. The proxy wrote:\n${proxy.log.slice(-4000)}`, { cause });
  } finally {
    if (proxy.isRunning) await proxy.stop();
    await removeTempDir(folder);
  }
}

/** A client that logs in as the account for ordinary work. */
export class Client {
  private constructor(readonly connection: Connection) {}

  static async open(at: { readonly port: number }, options: ConnectionOptions = {}): Promise<Client> {
    return new Client(
      await createConnection({
        host: "127.0.0.1",
        port: at.port,
        user: APP.user,
        password: APP.password,
        dateStrings: true,
        ...options,
      }),
    );
  }

  /** The rows of a statement as arrays of values; an empty list for one that has none. */
  async rows(sql: string): Promise<unknown[][]> {
    const [result] = await this.connection.query({ sql, rowsAsArray: true });
    return Array.isArray(result) ? result.map((row) => Array.isArray(row) ? row : [row]) : [];
  }

  /** The first value of the first row. */
  async value(sql: string): Promise<unknown> {
    return (await this.rows(sql))[0]?.[0];
  }

  /** What a statement fails with. */
  async failure(sql: string): Promise<{ errno: unknown; sqlState: unknown; message: string }> {
    try {
      await this.connection.query(sql);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const { message } = error;
      return { errno: Reflect.get(error, "errno"), sqlState: Reflect.get(error, "sqlState"), message };
    }
    throw new Error(`It works: ${sql}`);
  }

  /** Says goodbye. */
  async end(): Promise<void> {
    await this.connection.end();
  }

  /** Says goodbye, or hangs up where that fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end().catch(() => this.destroy());
  }

  /** Hangs up without a goodbye. */
  destroy(): void {
    this.connection.destroy();
  }
}

/** Runs `body` with a client. */
export async function withClient<T>(
  at: { readonly port: number },
  body: (client: Client) => Promise<T>,
  options: ConnectionOptions = {},
): Promise<T> {
  await using client = await Client.open(at, options);
  return await body(client);
}
