/**
 * The scripts of one event thread: the Lua host, the pool that scripts keep, and what they see of the world.
 *
 * @module
 */
import { basename, dirname } from "node:path";
import type { Backends } from "../../lib/core/backends.ts";
import { Pool } from "../../lib/core/pool.ts";
import type { Scripting } from "../../lib/core/session.ts";
import { formatAddress } from "../../lib/net/address.ts";
import { LuaHost } from "../../lib/lua/host.ts";
import type { ThreadContext } from "../../lib/plugin/mod.ts";
import type { QueryAccount, QueryOutcome, ScriptWorld } from "../../lib/script/mod.ts";
import { Broadcast } from "../../lib/shared/broadcast.ts";
import { Counters } from "../../lib/shared/counters.ts";
import { viewOfAddr } from "./address_view.ts";
import { OwnQueries } from "./own_query.ts";
import { ScriptBackend } from "./script_backend.ts";
import type { ScriptSetup } from "./script_setup.ts";
import { type Ends, SessionView } from "./script_view.ts";
import type { Setup } from "./setup.ts";
import type { ThreadTls } from "./thread_tls.ts";

/** How long a query of a script's own may take, in seconds. */
const QUERY_TIMEOUT = 60;

/** How long after the last sign of a change a script is read again, in milliseconds: an editor writes in steps. */
const SETTLE_MS = 50;

/** How long somebody may have the script open without writing to it, in milliseconds, before it counts as complete. */
const OPEN_MS = Deno.build.os === "linux" ? 3000 : 0;

/** How long the other threads have to make room for what is written to `proxy.global`, in milliseconds, before more is sent. */
const ROOM_MS = 12;

/** Runs the script for the connections of a thread. */
export class ThreadScripts {
  readonly pool: Pool;
  readonly #host: LuaHost;
  readonly #queries: OwnQueries;
  readonly #now: () => number;
  readonly #setup: Setup;
  #watcher: Deno.FsWatcher | undefined;
  #settling: ReturnType<typeof setTimeout> | undefined;
  #sending: ReturnType<typeof setTimeout> | undefined;
  /** When the script was last written to by somebody who has it open still. */
  #written = 0;

  /** @throws {ScriptFileError} if the script is missing or broken. */
  static async open(
    script: ScriptSetup,
    context: ThreadContext<Setup>,
    backends: Backends,
    tls: ThreadTls,
  ): Promise<ThreadScripts> {
    const pool = new Pool();
    const queries = new OwnQueries();
    const world = makeWorld(context, script, backends, tls, pool, queries);
    // Not called before a script has run.
    const wakeOthers = () => {
      context.wakeOthers();
      scripts.#sendSoon();
    };
    const host = await LuaHost.open({
      ...script,
      threadIndex: context.index,
      threads: context.threads,
      transport: new Broadcast(script.globals, context.index, wakeOthers),
      counters: new Counters(script.counterMemory),
    }, world);
    const scripts = new ThreadScripts(host, pool, queries, context.shared);
    scripts.#watch(script.script);
    return scripts;
  }

  private constructor(host: LuaHost, pool: Pool, queries: OwnQueries, setup: Setup) {
    this.#setup = setup;
    this.#host = host;
    this.pool = pool;
    this.#queries = queries;
    this.#now = () => Date.now() / 1000;
  }

  /** What the session of a connection needs. */
  scripting(ends: Ends): Scripting {
    return {
      pool: this.pool,
      script: (session) => this.#host.connection(new SessionView(session, ends)),
      // A server that is told addresses by the PROXY protocol looks for the account of that address.
      addressFor: (index) => this.#setup.terms[index]?.proxyProtocol ? ends.origin.source.address : "",
      now: this.#now,
      clock,
    };
  }

  /** About once a second, and when another thread asks to. */
  wake(): void {
    this.#host.wake();
    // Where the file system tells nothing, as on some network shares.
    this.#reload();
  }

  /** After the last connection. */
  async stop(): Promise<void> {
    clearTimeout(this.#settling);
    this.#watcher?.close();
    this.pool.clear();
    await this.#queries.close();
    this.#host.close();
    // What it has written last may have asked for another look; there is no Lua left to look with.
    clearTimeout(this.#sending);
  }

  /** The rest of what did not fit into the others' inboxes must not wait for this thread's next hook. */
  #sendSoon(): void {
    clearTimeout(this.#sending);
    this.#sending = setTimeout(() => this.#host.flush(), ROOM_MS);
  }

  #reload(): void {
    if (Date.now() - this.#written >= OPEN_MS) this.#host.reload();
  }

  async #watch(script: string): Promise<void> {
    const folder = dirname(script);
    const name = basename(script);
    try {
      this.#watcher = Deno.watchFs(folder, { recursive: false });
      for await (const { kind, paths } of this.#watcher) {
        if (!paths.some((path) => basename(path) === name)) continue;
        // Where the system tells that the writer has closed it, that is "access".
        this.#written = kind === "modify" ? Date.now() : 0;
        clearTimeout(this.#settling);
        this.#settling = setTimeout(() => this.#reload(), SETTLE_MS);
      }
    } catch {
      // Then `wake` finds the change.
    }
  }
}

function clock(): number {
  return performance.now();
}

function makeWorld(
  { log, shared: setup, shutdown }: ThreadContext<Setup>,
  script: ScriptSetup,
  backends: Backends,
  tls: ThreadTls,
  pool: Pool,
  queries: OwnQueries,
): ScriptWorld {
  return {
    backends: setup.backends.map((address, index) => {
      const dst = viewOfAddr(
        address.transport === "tcp" ? address : { transport: "unix", path: address.path },
      );
      return new ScriptBackend(backends, index, { ...dst, name: formatAddress(address) }, pool);
    }),
    // The most severe level is for a program that must end; a script must not end it.
    log: (level, text) => log.write(level === "error" ? "critical" : level, text),
    logs: (level) => log.enabled(level),
    shutdown,
    query: (ndx, sql, account, signal) => runQuery(setup, script, tls, queries, ndx, sql, account, signal),
  };
}

function runQuery(
  setup: Setup,
  script: ScriptSetup,
  tls: ThreadTls,
  queries: OwnQueries,
  ndx: number,
  sql: Uint8Array,
  account: QueryAccount,
  signal: AbortSignal,
): Promise<QueryOutcome> {
  const index = ndx - 1;
  const address = setup.backends[index];
  const terms = setup.terms[index];
  if (address === undefined || terms === undefined) {
    return Promise.reject(new Error(`There is no backend ${ndx}, only ${setup.backends.length}`));
  }
  const user = account.user ?? script.account.user;
  if (user === undefined) {
    return Promise.reject(new Error("No account to query with: give { user = ... } or --proxy-query-user"));
  }
  const password = account.password ?? (account.user === undefined ? script.account.password : "");
  const target = {
    name: formatAddress(address),
    address,
    tls: terms.tls,
    tlsContext: () => tls.backend(index),
    proxyProtocol: terms.proxyProtocol,
  };
  const { database } = account;
  return queries.run(target, sql, { user, password, ...(database === undefined ? {} : { database }) }, {
    timeout: QUERY_TIMEOUT,
    connectTimeout: setup.connectTimeout,
    signal,
  });
}
