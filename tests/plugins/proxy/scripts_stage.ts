/**
 * What the tests of scripts in the proxy share: a proxy with a script, in the test's own process or in one of its own.
 *
 * @module
 */
import { type LocalOptions, type LocalProxy, startLocal } from "./in_process.ts";
import { holdTempDir, removeTempDir } from "../../servers/leash.ts";
import { until } from "../../servers/port.ts";
import { Proxy } from "../../servers/proxy.ts";
import type { ServerInfo } from "../../servers/server.ts";
import { sharedServer, whyMissing } from "../../servers/servers.ts";
import type { Kind } from "../../servers/installation.ts";

/** The kind of server for tests that need any one. */
export const anyKind: Kind = whyMissing("mariadb") === undefined ? "mariadb" : "mysql";
/** Whether there is none. */
export const ignore = whyMissing(anyKind) !== undefined;

/** The shared server of a kind. */
export async function shared(kind: Kind = anyKind): Promise<ServerInfo> {
  const found = await sharedServer(kind);
  if ("missing" in found) throw new Error(found.missing);
  return found.server;
}

/** A proxy in the test's own process, and the file of its script. */
export interface LocalStage {
  readonly proxy: LocalProxy;
  readonly file: string;
}

/** Runs `work` with a proxy and a script in this process; no clients may be left. */
export async function withLocal(
  lua: string,
  backends: readonly { readonly port: number }[],
  work: (stage: LocalStage) => Promise<void>,
  options: LocalOptions = {},
): Promise<void> {
  const folder = await holdTempDir("script");
  try {
    const file = `${folder}/script.lua`;
    await Deno.writeTextFile(file, lua);
    await using proxy = await startLocal({
      "proxy-backend-addresses": backends.map(({ port }) => `127.0.0.1:${port}`),
      "proxy-lua-script": file,
      ...options,
    });
    try {
      await work({ proxy, file });
    } catch (cause) {
      throw new Error(`With the script it fails. The proxy's log:\n${proxy.log.slice(-4000)}`, { cause });
    }
  } finally {
    await removeTempDir(folder);
  }
}

/** A proxy in a process of its own, and the file of its script. */
export interface ProcessStage {
  readonly proxy: Proxy;
  readonly file: string;
}

/** Runs `work` with a proxy and a script in a process of its own, which must end well. */
export async function withProcess(
  lua: string,
  backends: readonly { readonly port: number }[],
  work: (stage: ProcessStage) => Promise<void>,
  args: readonly string[] = [],
): Promise<void> {
  const folder = await holdTempDir("script");
  const file = `${folder}/script.lua`;
  await Deno.writeTextFile(file, lua);
  const proxy = await Proxy.start({
    backends: backends.map(({ port }) => `127.0.0.1:${port}`),
    args: [`--proxy-lua-script=${file}`, ...args],
  });
  try {
    // The port is open before the threads have read the script.
    await until(10_000, "the threads to start", () => proxy.log.includes("plugin proxy") || !proxy.isRunning);
    await work({ proxy, file });
    if (proxy.isRunning) await proxy.stop();
  } catch (cause) {
    throw new Error(`With the script it fails. The proxy wrote:\n${proxy.log.slice(-4000)}`, { cause });
  } finally {
    if (proxy.isRunning) await proxy.kill();
    await removeTempDir(folder);
  }
}
