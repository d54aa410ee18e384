/**
 * The servers that a test run shares. The runner (`tests/run.ts`) starts them once and names them in the environment;
 * a test file that is run alone starts its own, which end with it.
 *
 * @module
 */

import {
  ensureInstallation,
  ensureVersion,
  findInstallation,
  type Installation,
  type Kind,
  KINDS,
} from "./installation.ts";
import { makeTemplate, Server, type ServerInfo, type ServerOptions } from "./server.ts";

/** The environment variable by which the runner hands its servers to the tests: {@linkcode SharedServers} as JSON. */
export const SHARED_VARIABLE = "MYSQL_PROXY_TEST_SERVERS";

/** A kind of server in a test run: there, with a data folder to copy for further servers, or missing with the reason. */
export type SharedServer = { readonly server: ServerInfo; readonly template: string } | { readonly missing: string };

/** What the runner hands to the tests. */
export type SharedServers = Readonly<Record<Kind, SharedServer>>;

function isSharedServer(value: unknown): value is SharedServer {
  if (typeof value !== "object" || value === null) return false;
  return "missing" in value || ("server" in value && "template" in value);
}

function isSharedServers(value: unknown): value is SharedServers {
  return typeof value === "object" && value !== null &&
    KINDS.every((kind) => kind in value && isSharedServer(Reflect.get(value, kind)));
}

function fromEnvironment(): SharedServers | undefined {
  const text = Deno.env.get(SHARED_VARIABLE);
  if (!text) return undefined;
  const value: unknown = JSON.parse(text);
  if (!isSharedServers(value)) throw new Error(`${SHARED_VARIABLE} is not what the test runner writes: ${text}`);
  return value;
}

async function start(installation: Installation | { missing: string }): Promise<SharedServer> {
  if ("missing" in installation) return installation;
  try {
    const template = await makeTemplate(installation);
    return { server: (await Server.start(installation, { template })).info(), template };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

/** Starts a server of each kind for this run, installing what is not there. */
export async function startShared(): Promise<SharedServers> {
  const found = { mariadb: await ensureInstallation("mariadb"), mysql: await ensureInstallation("mysql") };
  // Debian's stable MariaDB lacks what tests of log-in need.
  await ensureVersion("mariadb", 11);
  const [mariadb, mysql] = await Promise.all([start(found.mariadb), start(found.mysql)]);
  return { mariadb, mysql };
}

const started = new Map<Kind, Promise<SharedServer>>();

/** The shared server of `kind`. Tests must not stop it, nor rely on being alone with it. */
export function sharedServer(kind: Kind): Promise<SharedServer> {
  const shared = fromEnvironment();
  if (shared !== undefined) return Promise.resolve(shared[kind]);
  const pending = started.get(kind) ?? start(findInstallation(kind));
  started.set(kind, pending);
  return pending;
}

/** Why there is no server of `kind`, or undefined when there is one. Known without starting it. */
export function whyMissing(kind: Kind): string | undefined {
  const shared = fromEnvironment()?.[kind] ?? findInstallation(kind);
  return "missing" in shared ? shared.missing : undefined;
}

/** Starts a server that the test may restart, stop and kill. It must call `stop()`. */
async function startPrivate(kind: Kind, options: ServerOptions): Promise<Server> {
  const installation = findInstallation(kind);
  if ("missing" in installation) throw new Error(installation.missing);
  const shared = await sharedServer(kind);
  return Server.start(installation, "missing" in shared ? options : { template: shared.template, ...options });
}

/** Starts a MariaDB server of the caller's own; see {@linkcode Server}. */
export function startMariadb(options: ServerOptions = {}): Promise<Server> {
  return startPrivate("mariadb", options);
}

/** Starts a MySQL server of the caller's own; see {@linkcode Server}. */
export function startMysql(options: ServerOptions = {}): Promise<Server> {
  return startPrivate("mysql", options);
}
