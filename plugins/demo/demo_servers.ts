/**
 * The pair of servers and the database behind them.
 *
 * @module
 */
import type { Log } from "../../lib/plugin/mod.ts";
import { newOffer } from "./offer.ts";
import { DemoServer } from "./server.ts";
import { Database } from "./sql/database.ts";
import type { DemoTls } from "./tls.ts";

/** Options of {@linkcode DemoServers.open}. */
export interface DemoOptions {
  /** The password of every user; empty for none. */
  readonly password: string;
  /** Undefined where TLS cannot be had, or is not wanted. */
  readonly tls: DemoTls | undefined;
}

/** A read/write and a read-only server on one database. */
export class DemoServers {
  readonly readWrite: DemoServer;
  readonly readOnly: DemoServer;
  readonly password: string;
  readonly #database: Database;

  private constructor({ password, tls }: DemoOptions, log: Log) {
    this.password = password;
    this.#database = new Database();
    const failed = (reason: string) => log.write("warning", `The demo server could not accept a client: ${reason}`);
    const offer = newOffer(password, tls);
    const shared = { database: this.#database, offer, failed };
    this.readWrite = DemoServer.open({ ...shared, name: "demo-rw", serverId: 1, readOnly: false });
    this.readOnly = DemoServer.open({ ...shared, name: "demo-ro", serverId: 2, readOnly: true });
  }

  /** Opens both. @throws {NetError} `cannot-listen` */
  static open(options: DemoOptions, log: Log): DemoServers {
    return new DemoServers(options, log);
  }

  /** Connections by server, for the admin side. */
  stats(): Record<string, number> {
    return {
      "read-write-connected": this.readWrite.counts.connected,
      "read-write-accepted": this.readWrite.counts.accepted,
      "read-only-connected": this.readOnly.counts.connected,
      "read-only-accepted": this.readOnly.counts.accepted,
    };
  }

  /** Cuts all clients off and forgets the data. */
  async close(): Promise<void> {
    await Promise.all([this.readWrite.close(), this.readOnly.close()]);
    this.#database.close();
  }
}
