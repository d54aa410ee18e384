/**
 * A demo server: a listener, its connections, and what SHOW STATUS counts.
 *
 * @module
 */
import { type Address, formatAddress } from "../../lib/net/address.ts";
import { Listener } from "../../lib/net/listener.ts";
import { Connection } from "./connection.ts";
import type { Offer } from "./offer.ts";
import type { Database } from "./sql/database.ts";
import type { SessionServer } from "./sql/session.ts";
import { SqlError } from "./sql/sql_error.ts";
import type { ServerIdentity } from "./sql/variables.ts";

/** Options of {@linkcode DemoServer.open}. */
export interface DemoServerOptions {
  /** `@@hostname`, by which the two servers are told apart. */
  readonly name: string;
  readonly serverId: number;
  readonly readOnly: boolean;
  readonly database: Database;
  readonly offer: Offer;
  /** Is told why a client could not be accepted. */
  readonly failed: (reason: string) => void;
}

/** A server on a loopback port of the system's choice. */
export class DemoServer {
  readonly #listener: Listener;
  readonly #options: DemoServerOptions;
  readonly #identity: ServerIdentity;
  readonly #connections = new Map<number, Connection>();
  readonly #running = new Set<Promise<void>>();
  readonly #started = Date.now();
  #accepting: Promise<void> | undefined;
  #lastConnectionId = 0;

  private constructor(listener: Listener, options: DemoServerOptions) {
    this.#listener = listener;
    this.#options = options;
    const { port } = this.address;
    this.#identity = { hostname: options.name, port, serverId: options.serverId, readOnly: options.readOnly };
  }

  /** Opens the listener and starts to accept. @throws {NetError} `cannot-listen` */
  static open(options: DemoServerOptions): DemoServer {
    const listener = Listener.open({ transport: "tcp", hostname: "127.0.0.1", port: 0 }, "alone");
    const server = new DemoServer(listener, options);
    server.#accepting = server.#accept();
    return server;
  }

  get name(): string {
    return this.#options.name;
  }

  get address(): Extract<Address, { transport: "tcp" }> {
    const { address } = this.#listener;
    if (address.transport !== "tcp") throw new TypeError("The demo listens on TCP alone");
    return address;
  }

  /** The address as options take it. */
  get addressText(): string {
    return formatAddress(this.address);
  }

  /** How many clients there are, and how many there have been. */
  get counts(): { readonly connected: number; readonly accepted: number } {
    return { connected: this.#connections.size, accepted: this.#lastConnectionId };
  }

  /** Stops accepting and cuts all connections off. */
  async close(): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections.values()) connection.close();
    await this.#accepting;
    await Promise.all(this.#running);
  }

  async #accept(): Promise<void> {
    for (let stream; (stream = await this.#listener.accept(this.#options.failed)) !== undefined;) {
      const id = ++this.#lastConnectionId;
      const connection = new Connection(id, stream, this.#sessionServer(id), this.#options.offer);
      this.#connections.set(id, connection);
      const running = connection.run().finally(() => {
        this.#connections.delete(id);
        this.#running.delete(running);
      });
      this.#running.add(running);
    }
  }

  /** The server as the session of connection `id` sees it. */
  #sessionServer(id: number): SessionServer {
    return {
      identity: this.#identity,
      database: this.#options.database,
      processes: () => [...this.#connections.values()].map(({ process }) => process),
      status: () => this.#status(id),
      kill: (other, what) => {
        const connection = this.#connections.get(other);
        if (connection === undefined || connection.ended) {
          throw new SqlError(1094, "HY000", `Unknown thread id: ${other}`);
        }
        connection.kill(what);
      },
    };
  }

  #status(id: number): [string, string][] {
    return [
      ["Aborted_clients", "0"],
      ["Connections", String(this.#lastConnectionId)],
      ...this.#connections.get(id)?.status ?? [],
      ["Threads_connected", String(this.#connections.size)],
      ["Threads_running", "1"],
      ["Uptime", String(Math.floor((Date.now() - this.#started) / 1000))],
    ];
  }
}
