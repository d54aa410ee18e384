/**
 * What the tests of the proxy plugin share: a client, a stand for servers, and a server of the test's own.
 *
 * @module
 */
import { type Connection, type ConnectionOptions, createConnection } from "mysql2/promise";
import { Proxy, type ProxyOptions } from "../../servers/proxy.ts";
import type { Server } from "../../servers/server.ts";
import { startMariadb, startMysql, whyMissing } from "../../servers/servers.ts";
import { ROOT } from "../../servers/users.ts";

/** Whether a test has to be left out, and why: it needs a server of any kind that it may stop. */
export const ignore = whyMissing("mariadb") !== undefined && whyMissing("mysql") !== undefined;

/** Starts a server of whichever kind this machine has; the quicker one first. */
export function startServer(): Promise<Server> {
  return whyMissing("mariadb") === undefined ? startMariadb() : startMysql();
}

/** Connects to a port, or to the path of a Unix socket. */
export function connect(to: number | string, options: ConnectionOptions = {}): Promise<Connection> {
  const where = typeof to === "number" ? { host: "127.0.0.1", port: to } : { socketPath: to };
  return createConnection({ ...where, user: ROOT.user, ...options });
}

/** The first column of the first row. */
export async function value(connection: Connection, statement: string): Promise<unknown> {
  const [rows] = await connection.query({ sql: statement, rowsAsArray: true });
  return Array.isArray(rows) && Array.isArray(rows[0]) ? rows[0][0] : undefined;
}

/** Which server a connection leads to. */
export function serverPort(connection: Connection): Promise<unknown> {
  return value(connection, "SELECT @@port");
}

/** An error's number, state and text, as a driver reports them. */
export interface Failure {
  readonly errno: unknown;
  readonly sqlState: unknown;
  readonly message: string;
}

/** The error with which `work` fails. @throws {Error} if it does not. */
export async function failure(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return {
      errno: "errno" in error ? error.errno : undefined,
      sqlState: "sqlState" in error ? error.sqlState : undefined,
      message: error.message,
    };
  }
  throw new Error("It did not fail");
}

/** Resolves when a connection that nobody uses is closed from the other side; rejects after `limit` milliseconds. */
export function closing(connection: Connection, limit: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Still open after ${limit} ms`)), limit);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    connection.on("end", done);
    connection.on("error", done);
  });
}

/** Runs `work` with servers and a proxy in front of them, and ends them all. */
export async function withProxy(
  servers: readonly Server[],
  work: (proxy: Proxy) => Promise<void>,
  options: Partial<ProxyOptions> = {},
): Promise<void> {
  const backends = servers.map(({ port }) => `127.0.0.1:${port}`);
  let proxy: Proxy | undefined;
  try {
    proxy = await Proxy.start({ backends, ...options });
    await work(proxy);
    if (proxy.isRunning) await proxy.stop();
  } finally {
    if (proxy?.isRunning === true) await proxy.kill();
    await Promise.all(servers.map((server) => server.stop()));
  }
}
