/**
 * What the life cycle of a connection asks of a script, and what it tells it.
 *
 * The session calls it, the Lua host implements it; neither knows the other.
 *
 * @module
 */

/** A query in the script's queue, `proxy.queries` (spec 4.6). */
export interface QueuedQuery {
  readonly id: number;
  /** The payload, with the command byte. */
  readonly packet: Uint8Array;
  /** The response is kept for the script. */
  readonly resultsetIsNeeded: boolean;
  /** Milliseconds, by `performance.now()`. */
  readonly appendedAt: number;
}

/** How a response begins that is no result set, or how it ends: the original's numbers. */
export type QueryStatus = 0 | 255;

/** The response to a queued query (spec 4.7), as the proxy has followed it. */
export interface QueryResult {
  readonly query: QueuedQuery;
  /** Microseconds from append() to the first and to the last packet of the response. */
  readonly queryTime: number;
  readonly responseTime: number;
  /** Row packets, and their bytes with headers, over all result sets. */
  readonly rowCount: number;
  readonly bytes: number;
  /** `undefined` for a request for a local file. */
  readonly status: QueryStatus | undefined;
  /** Of the last OK packet, 0 without one; `undefined` for a result with rows and a request for a file (spec 4.7). */
  readonly affectedRows: number | undefined;
  readonly insertId: number | undefined;
  readonly warnings: number;
  /** The server's last status flags. */
  readonly serverStatus: number;
  /** Capabilities that client and server agreed on: they decide how the packets look. */
  readonly capabilities: bigint;
  /**
   * The payloads of the whole response in order, fragments joined; `undefined` unless they were asked for. Those of a
   * response of less than 64 KB must be copied before the call returns.
   */
  readonly packets: readonly Uint8Array[] | undefined;
}

/** What a hook has decided: the original's numbers (spec 4.1), and 0 for no decision. */
export const Verdict = { NONE: 0, SEND_QUERY: 1, SEND_RESULT: 2, IGNORE_RESULT: 4 } as const;
/** One of {@linkcode Verdict}. */
export type Verdict = typeof Verdict[keyof typeof Verdict];

/** A hook's decision; a promise if the hook waits for something. */
export type Decision = Verdict | Promise<Verdict>;

/** A connection's script, as the proxy uses it. One hook runs at a time. */
export interface Script {
  connectServer(): Decision;
  readHandshake(): Decision;
  readAuth(): Decision;
  readAuthResult(packet: Uint8Array): Decision;
  readQuery(packet: Uint8Array): Decision;
  readQueryResult(result: QueryResult): Decision;
  /** Resolves when the hook is over; the connection's environment is released then. */
  disconnectClient(): void | Promise<void>;
  /** Whether the script has a `read_query` now: without one, commands need not be looked at. */
  readonly readsQueries: boolean;
  /** The queries that are still to be sent, in order; the proxy takes them from the front. */
  readonly queries: QueuedQuery[];
  /**
   * `proxy.response` as the payloads of a whole response, after {@linkcode Verdict.SEND_RESULT}. One that cannot be used
   * becomes an ERR, and a record in the log.
   */
  response(): Uint8Array[];
  /** The client is gone: a hook that waits is given up. */
  cancel(): void;
}
