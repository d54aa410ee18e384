/**
 * The proxy plugin in the test's own process, on one thread, so that a test can look at its counters.
 *
 * @module
 */
import { type Log, LOG_LEVELS, type LogLevel, type OptionValue } from "../../../lib/plugin/mod.ts";
import { TLS_OPTIONS } from "../../../lib/net/tls_options.ts";
import { LUA_OPTIONS, type LuaValues } from "../../../lib/script/lua_options.ts";
import { startMain } from "../../../plugins/proxy/main_half.ts";
import { options, type ProxyValues } from "../../../plugins/proxy/options.ts";
import { ProxyThread } from "../../../plugins/proxy/thread_half.ts";
import type { TlsValues } from "../../../lib/net/tls_options.ts";
import { holdTempDir } from "../../servers/leash.ts";
import { freePort } from "../../servers/port.ts";

/** The options that differ from their defaults. */
export type LocalOptions = Partial<ProxyValues & TlsValues & LuaValues>;

/** One record of the log. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly text: string;
}

/** A running proxy. */
export interface LocalProxy extends AsyncDisposable {
  readonly port: number;
  readonly records: readonly LogRecord[];
  /** What the log says, a line for each record. */
  readonly log: string;
  /** How many clients all backends count together. */
  readonly connectedClients: number;
  /** As the chassis does about once a second. */
  wake(): void;
}

let folder: Promise<string> | undefined;

/** A folder for what proxies make themselves, the same for all of a test run's file: making keys takes time. */
export function dataFolder(): Promise<string> {
  return folder ??= holdTempDir("proxy-data");
}

/** Starts a proxy on a port of its own; clients must have gone when it is disposed of. */
export async function startLocal(changed: LocalOptions): Promise<LocalProxy> {
  const values = new Map<string, OptionValue>();
  for (const option of [...options, ...TLS_OPTIONS, ...LUA_OPTIONS]) {
    values.set(option.name, "default" in option ? option.default : undefined);
  }
  values.set("data-dir", await dataFolder());
  // Not 0: all listeners of a process that ask for 127.0.0.1:0 share one socket, also those of another proxy.
  const port = freePort();
  values.set("proxy-address", [`127.0.0.1:${port}`]);
  for (const [name, value] of Object.entries(changed)) values.set(name, value);
  const records: LogRecord[] = [];
  const log: Log = {
    enabled: (level) => LOG_LEVELS.includes(level),
    write: (level, text) => void records.push({ level, text }),
  };
  const main = await startMain({ values, log, threads: 1, shutdown: () => {} });
  const thread = await ProxyThread.start({
    values,
    log,
    index: 0,
    threads: 1,
    shared: structuredClone(main.shared),
    wakeOthers: () => {},
    shutdown: () => {},
  });
  await main.ready?.();
  return {
    port,
    records,
    get log() {
      return text(records);
    },
    get connectedClients() {
      return Object.entries(main.stats?.() ?? {}).filter(([name]) => name.endsWith(".connected_clients"))
        .reduce((sum, [, count]) => sum + count, 0);
    },
    wake: () => thread.wake(),
    async [Symbol.asyncDispose]() {
      await thread.stop(AbortSignal.abort());
      await main.stop?.();
    },
  };
}

function text(records: readonly LogRecord[]): string {
  return records.map(({ level, text }) => `${level}: ${text}\n`).join("");
}
