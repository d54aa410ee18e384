/**
 * A scenario is something that a client does. It is run twice against each server: straight, and through the proxy. Both
 * runs must have the same outcome; what they return is compared.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Kind, KINDS } from "../servers/installation.ts";
import { hasProxy, Proxy } from "../servers/proxy.ts";
import type { ServerInfo } from "../servers/server.ts";
import { sharedServer, whyMissing } from "../servers/servers.ts";
import { query } from "../servers/sql.ts";

/** Where one run of a scenario goes. */
export interface Target {
  /** On 127.0.0.1: the server's, or the proxy's. */
  readonly port: number;
  /** An empty database of this run. Both runs get the same name, one after the other. */
  readonly database: string;
  /** The server behind it, for statements that set the stage or look behind the scenes. */
  readonly server: ServerInfo;
  /** How this run goes. */
  readonly via: "direct" | "proxy";
}

/** On which servers and how long a scenario runs. */
export interface ScenarioOptions {
  /** The kinds of servers that it makes sense for; both unless named. */
  readonly servers?: readonly Kind[];
  /** Why this machine cannot run it, such as a client that is not installed. */
  readonly missing?: string | undefined;
  /** Milliseconds after which one run counts as hanging (20,000). */
  readonly limit?: number;
}

const proxies = new Map<Kind, Proxy>();
let databases = 0;

/** The proxy of this test file in front of `server`, started when it is first needed; it ends with the file. */
async function proxyFor(server: ServerInfo): Promise<Proxy> {
  const running = proxies.get(server.kind);
  if (running?.isRunning) return running;
  const proxy = await Proxy.start({ backends: [`127.0.0.1:${server.port}`] });
  proxies.set(server.kind, proxy);
  return proxy;
}

/** Fails when `work` has not ended within `limit` milliseconds. */
export async function within<T>(limit: number, what: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs: it has not ended within ${limit} ms`)), limit);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function runOnce<T>(
  server: ServerInfo,
  via: Target["via"],
  limit: number,
  body: (target: Target) => Promise<T>,
): Promise<T> {
  const database = `interop_${Deno.pid}_${databases}`;
  await query(server, `DROP DATABASE IF EXISTS ${database}`, `CREATE DATABASE ${database}`);
  const proxy = via === "proxy" ? await proxyFor(server) : undefined;
  try {
    const target: Target = { port: proxy?.port ?? server.port, database, server, via };
    return await within(limit, `The scenario (${via})`, body(target));
  } catch (error) {
    if (proxy === undefined) throw error;
    // What hangs or broke must not spoil the next scenario.
    await proxy.kill();
    throw new Error(`Through the proxy it fails, direct it works. The proxy wrote:\n${proxy.log.slice(-3000)}`, {
      cause: error,
    });
  } finally {
    await query(server, `DROP DATABASE IF EXISTS ${database}`);
  }
}

/**
 * Registers a test of each kind of server that runs `body` straight and through the proxy, and compares what it returns.
 * `body` asserts what it knows about the outcome itself, so that both runs cannot be wrong together.
 */
export function scenario<T>(name: string, body: (target: Target) => Promise<T>, options: ScenarioOptions = {}): void {
  const limit = options.limit ?? 20_000;
  for (const kind of options.servers ?? KINDS) {
    const missing = options.missing ?? whyMissing(kind);
    Deno.test({
      name: missing === undefined ? `${kind}: ${name}` : `${kind}: ${name} [skipped: ${missing}]`,
      ignore: missing !== undefined,
      // The clients and the proxy of this file live longer than one test.
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async () => {
        const shared = await sharedServer(kind);
        if ("missing" in shared) throw new Error(shared.missing);
        databases++;
        const direct = await runOnce(shared.server, "direct", limit, body);
        if (!hasProxy()) return;
        const proxied = await runOnce(shared.server, "proxy", limit, body);
        assertEquals(proxied, direct, "The outcome through the proxy differs from the direct one");
        assert(proxies.get(kind)?.isRunning, `The proxy is gone; it wrote:\n${proxies.get(kind)?.log}`);
      },
    });
  }
}
