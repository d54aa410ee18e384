/**
 * The ways from a client to the server that are compared: straight, through HAProxy or MySQL Router, through the proxy.
 *
 * @module
 */

import { free, hold, holdTempDir, removeTempDir } from "../servers/leash.ts";
import { freePort, isListening, until } from "../servers/port.ts";
import { Proxy } from "../servers/proxy.ts";

/** The names of the ways, in the order in which they are run and reported. */
export type WayName = "direct" | "HAProxy" | "Router" | "ours" | ScriptWay;

/** The proxy with a script: its path or name behind `script:`. */
export type ScriptWay = `script:${string}`;

/** Whether a way is the proxy with a script. */
export function isScriptWay(name: WayName): name is ScriptWay {
  return name.startsWith("script:");
}

/** A way that is open: a port to connect to and the process in between, if there is one. */
export interface Way {
  readonly name: WayName;
  readonly port: number;
  readonly pid: number | undefined;
  close(): Promise<void>;
}

/** Where HAProxy is, or undefined when it is not installed. */
export function findHaproxy(): string | undefined {
  return find("haproxy");
}

function find(program: string): string | undefined {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => `${folder}/${program}`).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** The words that start MySQL Router, from the environment or PATH, or undefined when it is not installed. */
export function findRouter(): string[] | undefined {
  const words = (Deno.env.get("MYSQL_PROXY_BENCH_ROUTER") ?? "").split(" ").filter((word) => word !== "");
  if (words.length > 0) return words;
  const path = find("mysqlrouter");
  return path === undefined ? undefined : [path];
}

const ROUTER_CONFIG = (port: number, server: number, tls: string | undefined, folder: string) => `
[DEFAULT]
logging_folder=${folder}
runtime_folder=${folder}
data_folder=${folder}
[io]
threads=2
[logger]
level=WARNING
[routing:mysql]
bind_address=127.0.0.1
bind_port=${port}
destinations=127.0.0.1:${server}
routing_strategy=first-available
protocol=classic
max_connections=6000
connection_sharing=0
client_ssl_mode=${tls === undefined ? "DISABLED" : "REQUIRED"}
server_ssl_mode=${tls === undefined ? "DISABLED" : "REQUIRED"}
${tls === undefined ? "" : `client_ssl_cert=${tls}/server-cert.pem\nclient_ssl_key=${tls}/server-key.pem`}
`;

async function openRouter(words: readonly string[], server: number, tls: string | undefined): Promise<Way> {
  const folder = await holdTempDir("router");
  const port = freePort();
  await Deno.writeTextFile(`${folder}/config`, ROUTER_CONFIG(port, server, tls, folder));
  const [program = "mysqlrouter", ...before] = words;
  return await openProcess("Router", program, [...before, `--config=${folder}/config`, "--user=root"], port, folder);
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
  return await openProcess("HAProxy", path, ["-db", "-f", `${folder}/config`], port, folder);
}

async function openProcess(name: WayName, program: string, args: string[], port: number, folder: string): Promise<Way> {
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
  const { pid } = child;
  await hold({ kind: "process", pid });
  await until(5000, `${name} to listen`, () => isListening(port));
  return {
    name,
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

/** What all ways have in common. */
export interface WayOptions {
  /** Further options of the proxy. */
  readonly proxyArgs: readonly string[];
  /** A folder with `server-cert.pem` and `server-key.pem`: TLS on both sides, without it none. */
  readonly tls: string | undefined;
}

/** Opens a way to the server on port `server`, with a fresh process in between. */
export async function openWay(name: WayName, server: number, { proxyArgs, tls }: WayOptions): Promise<Way> {
  if (isScriptWay(name)) {
    const script = `--proxy-lua-script=${name.slice("script:".length)}`;
    return { ...await openProxy(server, [script, ...proxyArgs], tls), name };
  }
  switch (name) {
    case "direct":
      return { name, port: server, pid: undefined, close: () => Promise.resolve() };
    case "HAProxy":
      return await openHaproxy(findHaproxy() ?? "haproxy", server);
    case "Router":
      return await openRouter(findRouter() ?? ["mysqlrouter"], server, tls);
    case "ours":
      return await openProxy(server, proxyArgs, tls);
  }
}

async function openProxy(server: number, proxyArgs: readonly string[], tls: string | undefined): Promise<Way> {
  const mode = tls === undefined ? "disabled" : "required";
  const cert = tls === undefined ? [] : [`--ssl-cert=${tls}/server-cert.pem`, `--ssl-key=${tls}/server-key.pem`];
  const args = [`--ssl-mode=${mode}`, `--backend-ssl-mode=${mode}`, ...cert, ...proxyArgs];
  const proxy = await Proxy.start({ backends: [`127.0.0.1:${server}`], args });
  return { name: "ours", port: proxy.port, pid: proxy.pid, close: () => proxy.kill() };
}
