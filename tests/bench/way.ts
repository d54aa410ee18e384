/**
 * The ways from a client to the server that are compared: straight, through HAProxy, through the proxy.
 *
 * @module
 */

import { free, hold, holdTempDir, removeTempDir } from "../servers/leash.ts";
import { freePort, isListening, until } from "../servers/port.ts";
import { Proxy } from "../servers/proxy.ts";

/** The names of the ways, in the order in which they are run and reported. */
export type WayName = "direct" | "HAProxy" | "ours";

/** A way that is open: a port to connect to and the process in between, if there is one. */
export interface Way {
  readonly name: WayName;
  readonly port: number;
  readonly pid: number | undefined;
  close(): Promise<void>;
}

/** Where HAProxy is, or undefined when it is not installed. */
export function findHaproxy(): string | undefined {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => `${folder}/haproxy`).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

const HAPROXY_CONFIG = (port: number, server: number) => `
global
  nbthread 2
  maxconn 6000
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen mysql
  bind 127.0.0.1:${port}
  server backend 127.0.0.1:${server}
`;

async function openHaproxy(path: string, server: number): Promise<Way> {
  const folder = await holdTempDir("haproxy");
  const port = freePort();
  await Deno.writeTextFile(`${folder}/config`, HAPROXY_CONFIG(port, server));
  const child = new Deno.Command(path, {
    args: ["-db", "-f", `${folder}/config`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const { pid } = child;
  await hold({ kind: "process", pid });
  await until(5000, "HAProxy to listen", () => isListening(port));
  return {
    name: "HAProxy",
    port,
    pid,
    close: async () => {
      child.kill("SIGKILL");
      await child.status;
      await free({ kind: "process", pid });
      await removeTempDir(folder);
    },
  };
}

/** Opens a way to the server on port `server`, with a fresh process in between. */
export async function openWay(name: WayName, server: number, proxyArgs: readonly string[]): Promise<Way> {
  if (name === "direct") return { name, port: server, pid: undefined, close: () => Promise.resolve() };
  if (name === "HAProxy") return await openHaproxy(findHaproxy() ?? "haproxy", server);
  const proxy = await Proxy.start({ backends: [`127.0.0.1:${server}`], args: proxyArgs });
  return { name, port: proxy.port, pid: proxy.pid, close: () => proxy.kill() };
}
