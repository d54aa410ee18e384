/**
 * What scripts see of the world, as interfaces: the proxy implements them, the Lua host reads and calls them.
 *
 * @module
 */

/** The original's levels, the most severe first. */
export type ScriptLogLevel = "error" | "critical" | "warning" | "message" | "info" | "debug";

/** One end of a socket (spec 4.4, address object). */
export interface AddressView {
  /** `ip:port`, `[v6]:port` or `/path`. */
  readonly name: string;
  /** The IP address, or the path. */
  readonly address: string;
  /** Left out for Unix sockets. */
  readonly port?: number;
  /** The address family: 1 Unix, 2 IPv4, 10 IPv6. */
  readonly type: number;
}

/** One side of a connection (spec 4.4, socket object). What is not known yet is `undefined`. */
export interface SocketView {
  readonly src: AddressView;
  readonly dst: AddressView;
  readonly default_db: string;
  readonly username: string | undefined;
  readonly scrambled_password: Uint8Array | undefined;
  readonly auth_plugin_name: string | undefined;
  /** Such as 90704 for 9.7.4. */
  readonly mysqld_version: number | undefined;
  readonly thread_id: number | undefined;
  readonly scramble_buffer: Uint8Array | undefined;
}

/** A client's connection as its script sees it: live, while the hook runs. */
export interface ConnectionView {
  readonly client: SocketView;
  /** `undefined` while no backend's connection is attached. */
  readonly server: SocketView | undefined;
  /** 1-based, 0 for none. Assigning parks the attached connection or attaches an idle one (spec 4.4), at once. */
  backendNdx: number;
  /** Both sides are to be closed once the response at hand is sent. */
  closeAfterResponse(close: boolean): void;
}

/** A backend (spec 4.5). Live: reads and writes go to memory that all threads share. */
export interface BackendView {
  readonly dst: AddressView;
  /** 0 unknown, 1 up, 2 down. */
  state: number;
  /** 1 read/write, 2 read-only. */
  readonly type: number;
  uuid: string | undefined;
  readonly connectedClients: number;
  readonly pool: PoolView;
}

/** The idle connections of a backend on this thread (spec 4.5, pool object). */
export interface PoolView {
  maxIdleConnections: number;
  minIdleConnections: number;
  /** What `users[name].cur_idle_connections` is, by the rules of spec 4.5. */
  idle(user: string): number;
}

/** The rows and status that came of {@linkcode ScriptWorld.query}. */
export type QueryOutcome =
  | { readonly kind: "ok"; readonly affectedRows: number; readonly insertId: number; readonly warnings: number }
  | { readonly kind: "error"; readonly code: number; readonly sqlState: string; readonly message: string }
  | {
    readonly kind: "rows";
    readonly columns: readonly { readonly name: string; readonly type: number }[];
    readonly rows: readonly (readonly (Uint8Array | null)[])[];
  };

/** Whom {@linkcode ScriptWorld.query} logs in as; what is left out comes from the proxy's options. */
export interface QueryAccount {
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
}

/** What all connections of a thread have in common. */
export interface ScriptWorld {
  readonly backends: readonly BackendView[];
  log(level: ScriptLogLevel, text: string): void;
  /** Whether records of this level are written. */
  logs(level: ScriptLogLevel): boolean;
  /** Begins a clean stop of the program (`chassis.set_shutdown`). */
  shutdown(): void;
  /** Runs a statement on a connection of its own to backend `ndx` (1-based); aborted when the client is gone. */
  query(ndx: number, sql: Uint8Array, account: QueryAccount, signal: AbortSignal): Promise<QueryOutcome>;
}
