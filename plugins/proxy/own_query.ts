/**
 * The queries that scripts run on connections of the proxy's own: each one finds a session as it is after a login. A
 * connection is kept for a while for the next query of the same account.
 *
 * @module
 */
import type { QueryOutcome } from "../../lib/script/mod.ts";
import { type OwnAccount, OwnConnection, OwnQueryError, type OwnTarget } from "./own_connection.ts";

/** How to run one query. */
export interface OwnQueryOptions {
  /** For all of it, in seconds. */
  readonly timeout: number;
  /** To connect, in seconds; the same as `timeout` if left out. */
  readonly connectTimeout?: number;
  /** Gives up: the connection is closed. The server may go on with the statement, as when a client vanishes. */
  readonly signal: AbortSignal;
}

/** Options of {@linkcode OwnQueries}. */
export interface OwnQueriesOptions {
  /** How many connections are kept for each account at each backend; 4 if left out. */
  readonly idleLimit?: number;
  /** How long they are kept, in seconds; 30 if left out. */
  readonly idleTimeout?: number;
  /** The most memory that a result may take, in bytes; 64 MB if left out. */
  readonly resultLimit?: number;
}

/** A connection that waits for the next query. */
interface Parked {
  readonly connection: OwnConnection;
  /** Whether its session is as after the login again. */
  readonly clean: Promise<boolean>;
  readonly timer: ReturnType<typeof setTimeout>;
}

const IDLE_LIMIT = 4;
const IDLE_TIMEOUT_S = 30;

/** A timer takes no more than 2^31 milliseconds. */
const LONGEST_TIMEOUT_S = 2_000_000;

/** What the longest reset may take, in milliseconds: a large transaction may have to be rolled back. */
const RESET_TIMEOUT_MS = 10_000;

/** Connections of the proxy's own, on one thread. */
export class OwnQueries {
  readonly #options: OwnQueriesOptions;
  readonly #parked = new Map<string, Parked[]>();
  readonly #open = new Set<OwnConnection>();
  #closed = false;

  constructor(options: OwnQueriesOptions = {}) {
    this.#options = options;
  }

  /** How many connections wait for a query. */
  get idle(): number {
    return [...this.#parked.values()].reduce((sum, list) => sum + list.length, 0);
  }

  /**
   * Runs a statement; the server's errors of the statement are an outcome.
   *
   * @throws {OwnQueryError} if there is no outcome: the backend cannot be reached, refuses the login, takes too long.
   * @throws the signal's reason.
   */
  async run(
    target: OwnTarget,
    sql: Uint8Array,
    account: OwnAccount,
    options: OwnQueryOptions,
  ): Promise<QueryOutcome> {
    const { timeout, signal } = options;
    const connectTimeout = Math.min(options.connectTimeout ?? timeout, LONGEST_TIMEOUT_S);
    signal.throwIfAborted();
    const controller = new AbortController();
    const expire = () => {
      controller.abort(new OwnQueryError("timed-out", target, `there was no answer within ${timeout} s`));
    };
    const timer = setTimeout(expire, Math.min(timeout, LONGEST_TIMEOUT_S) * 1000);
    const giveUp = () => controller.abort(signal.reason);
    signal.addEventListener("abort", giveUp);
    let connection: OwnConnection | undefined;
    const destroy = () => connection?.destroy(controller.signal.reason);
    controller.signal.addEventListener("abort", destroy);
    const key = keyOf(target, account);
    try {
      for (let parked = this.#take(key); parked !== undefined; parked = this.#take(key)) {
        connection = parked.connection;
        if (await parked.clean && connection.usable) break;
        controller.signal.throwIfAborted();
        connection.close();
        connection = undefined;
      }
      if (connection === undefined) {
        const { resultLimit } = this.#options;
        connection = await OwnConnection.open(target, account, {
          timeout: connectTimeout,
          signal: controller.signal,
          ...(resultLimit === undefined ? {} : { resultLimit }),
        });
        this.#follow(key, connection);
        // Given up between the end of the login and here, where nobody could tell the connection.
        if (controller.signal.aborted) destroy();
      }
      controller.signal.throwIfAborted();
      const outcome = await connection.query(sql);
      this.#park(key, connection);
      return outcome;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** Closes what is idle, and what is in use when it becomes idle. Resolves when all sockets are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const list of this.#parked.values()) {
      for (const { connection, timer } of list) {
        clearTimeout(timer);
        connection.close();
      }
    }
    this.#parked.clear();
    await Promise.all([...this.#open].map(({ ended }) => ended));
  }

  #follow(key: string, connection: OwnConnection): void {
    this.#open.add(connection);
    connection.ended.then(() => {
      this.#open.delete(connection);
      this.#discard(key, connection);
    });
  }

  #take(key: string): Parked | undefined {
    const list = this.#parked.get(key);
    const parked = list?.pop();
    if (list?.length === 0) this.#parked.delete(key);
    clearTimeout(parked?.timer);
    return parked;
  }

  #park(key: string, connection: OwnConnection): void {
    const { idleLimit = IDLE_LIMIT, idleTimeout = IDLE_TIMEOUT_S } = this.#options;
    const list = this.#parked.get(key) ?? [];
    if (this.#closed || list.length >= idleLimit) return connection.close();
    this.#parked.set(key, list);
    const timer = setTimeout(() => this.#discard(key, connection), idleTimeout * 1000);
    const clean = reset(connection);
    list.push({ connection, clean, timer });
    clean.then((isClean) => isClean || this.#discard(key, connection));
  }

  #discard(key: string, connection: OwnConnection): void {
    const list = this.#parked.get(key) ?? [];
    const at = list.findIndex((parked) => parked.connection === connection);
    if (at < 0) return;
    const [parked] = list.splice(at, 1);
    clearTimeout(parked?.timer);
    if (list.length === 0) this.#parked.delete(key);
    connection.close();
  }
}

async function reset(connection: OwnConnection): Promise<boolean> {
  const late = setTimeout(() => connection.destroy(new Error("The reset took too long")), RESET_TIMEOUT_MS);
  try {
    return await connection.reset();
  } finally {
    clearTimeout(late);
  }
}

function keyOf(target: OwnTarget, { user, password, database }: OwnAccount): string {
  return JSON.stringify([target.name, user, password, database ?? null]);
}

/** Runs a statement on a connection that nobody uses afterwards; see {@linkcode OwnQueries.run}. */
export async function runOwnQuery(
  target: OwnTarget,
  sql: Uint8Array,
  account: OwnAccount,
  options: OwnQueryOptions,
): Promise<QueryOutcome> {
  const queries = new OwnQueries({ idleLimit: 0 });
  try {
    return await queries.run(target, sql, account, options);
  } finally {
    await queries.close();
  }
}
