/**
 * Two servers that hold different data, so that a test can see where its statements went.
 *
 * @module
 */

import type { Server, ServerInfo } from "../servers/server.ts";
import type { Kind } from "../servers/installation.ts";
import { sharedServer, startMariadb, startMysql } from "../servers/servers.ts";
import { query } from "../servers/sql.ts";

/** A primary and what stands for its replica; nothing is replicated. */
export interface Servers {
  readonly primary: ServerInfo;
  readonly replica: Server;
}

/** The database on both. */
export const DATABASE = "balancing";

/** Runs `body` with two servers of a kind; each has `balancing.here` with its own port, and `balancing.t` (`id`, `n`). */
export async function withServers(kind: Kind, body: (servers: Servers) => Promise<void>): Promise<void> {
  const shared = await sharedServer(kind);
  if ("missing" in shared) throw new Error(shared.missing);
  const primary = shared.server;
  const replica = await (kind === "mariadb" ? startMariadb : startMysql)({ args: ["--server-id=2"] });
  try {
    for (const server of [primary, replica]) {
      await query(
        server,
        `DROP DATABASE IF EXISTS ${DATABASE}`,
        `DROP DATABASE IF EXISTS ${DATABASE}2`,
        `CREATE DATABASE ${DATABASE}`,
        `CREATE DATABASE ${DATABASE}2`,
        `CREATE TABLE ${DATABASE}.here (port INT)`,
        `INSERT INTO ${DATABASE}.here VALUES (${server.port})`,
        `CREATE TABLE ${DATABASE}.t (id INT AUTO_INCREMENT PRIMARY KEY, n INT) ENGINE = InnoDB`,
      );
    }
    await body({ primary, replica });
  } finally {
    await replica.stop();
    await query(primary, `DROP DATABASE ${DATABASE}`, `DROP DATABASE ${DATABASE}2`);
  }
}

/** How many connections of the account for ordinary work a server has. */
export async function connectionsOf(server: { readonly port: number }): Promise<number> {
  const rows = await query(server, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'");
  return Number(rows[0]?.[0]);
}
