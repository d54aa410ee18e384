import { assert, assertEquals } from "@std/assert";
import type { Connection } from "mysql2/promise";
import { until } from "../../servers/port.ts";
import { query } from "../../servers/sql.ts";
import { APP, ROOT } from "../../servers/users.ts";
import { ignore, shared, withLocal } from "./scripts_stage.ts";
import { connect, startServer, value } from "./stage.ts";

/**
 * Parks after the login and after each statement, whatever state the connection is in; takes one of the client's user for
 * the next statement. `POOL` tells how many there are.
 */
const STATEMENT_POOL = `
function read_auth_result(auth)
  if auth.packet:byte() == proxy.MYSQLD_PACKET_OK then proxy.connection.backend_ndx = 0 end
end
function read_query(packet)
  if packet:byte() == proxy.COM_QUIT then
    proxy.response = { type = proxy.MYSQLD_PACKET_OK }
    return proxy.PROXY_SEND_RESULT
  end
  if packet:sub(2) == "POOL" then
    local users = proxy.global.backends[1].pool.users
    proxy.response = {
      type = proxy.MYSQLD_PACKET_OK,
      resultset = {
        fields = { { name = "n", type = proxy.MYSQL_TYPE_LONG } },
        rows = { { users[proxy.connection.client.username].cur_idle_connections } },
      },
    }
    return proxy.PROXY_SEND_RESULT
  end
  if proxy.connection.backend_ndx == 0 then proxy.connection.backend_ndx = 1 end
  if proxy.connection.backend_ndx == 0 or not proxy.connection.server then
    proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = "the pool is empty", errcode = 4000 }
    return proxy.PROXY_SEND_RESULT
  end
  proxy.queries:append(1, packet, { resultset_is_needed = true })
  return proxy.PROXY_SEND_QUERY
end
function read_query_result(inj)
  if KEEP ~= true and not inj.resultset.flags.in_trans then proxy.connection.backend_ndx = 0 end
end
function disconnect_client() proxy.connection.backend_ndx = 0 end
`;

const app = (port: number): Promise<Connection> => connect(port, { user: APP.user, password: APP.password });

Deno.test({
  name: "twenty clients of two users share connections, each as its own user",
  ignore,
  async fn() {
    await withLocal(STATEMENT_POOL, [await shared()], async ({ proxy }) => {
      const users = Array.from({ length: 20 }, (_, i) => i % 2 === 0 ? APP.user : ROOT.user);
      const clients = await Promise.all(
        users.map((user) => user === APP.user ? app(proxy.port) : connect(proxy.port)),
      );
      const connections = new Set<unknown>();
      await Promise.all(clients.map(async (client, i) => {
        for (let round = 0; round < 15; round++) {
          const answer = await value(
            client,
            `SELECT CONCAT(SUBSTRING_INDEX(USER(), '@', 1), ' ', CONNECTION_ID(), ' ${i}.${round}')`,
          );
          const [user, id, tag] = String(answer).split(" ");
          assertEquals([user, tag], [users[i], `${i}.${round}`]);
          connections.add(id);
          if (round % 5 !== 0) continue;
          // A transaction stays on one connection.
          await client.query("BEGIN");
          const first = await value(client, "SELECT CONNECTION_ID()");
          assertEquals(await value(client, "SELECT CONNECTION_ID()"), first);
          await client.query("COMMIT");
        }
      }));
      assert(connections.size <= 20, `${connections.size} connections`);
      for (const client of clients) await client.end();
      await until(3000, "all to be gone", () => proxy.connectedClients === 0);
    });
  },
});

Deno.test({
  name: "a connection with an open transaction is not pooled, whatever the script says",
  ignore,
  async fn() {
    const script = STATEMENT_POOL.replace("not inj.resultset.flags.in_trans", "true");
    const server = await shared();
    await withLocal(script, [server], async ({ proxy }) => {
      await query(server, "CREATE DATABASE IF NOT EXISTS scripts_pool", "DROP TABLE IF EXISTS scripts_pool.t");
      await query(server, "CREATE TABLE scripts_pool.t (id INT) ENGINE=InnoDB");
      const [one, other] = [await app(proxy.port), await app(proxy.port)];
      assertEquals(await value(one, "POOL"), 2);
      await one.query("BEGIN");
      // The connection is closed, with what was done on it.
      await until(3000, "the pool to settle", async () => await value(one, "POOL") === 1);
      await other.query("INSERT INTO scripts_pool.t VALUES (1)");
      await until(3000, "the pool to settle", async () => await value(one, "POOL") === 1);
      assertEquals(await value(other, "SELECT @@in_transaction + 0").catch(() => 0), 0);
      assertEquals(await query(server, "SELECT COUNT(*) FROM scripts_pool.t"), [["1"]]);
      await one.end();
      await other.end();
      await query(server, "DROP DATABASE scripts_pool");
    });
  },
});

Deno.test({
  name: "connections that the server closes leave the pool: KILL, wait_timeout and a restart",
  ignore,
  async fn() {
    const server = await startServer();
    try {
      await withLocal(STATEMENT_POOL, [server], async ({ proxy }) => {
        const idle = (client: Connection, count: number) =>
          until(8000, `${count} idle connections`, async () => await value(client, "POOL") === count);
        const first = await app(proxy.port);
        const second = await app(proxy.port);
        await idle(first, 2);
        const killed = await value(first, "SELECT CONNECTION_ID()");
        await idle(first, 2);
        await query(server, `KILL ${killed}`);
        await idle(first, 1);
        assertEquals(await value(first, "SELECT 1"), 1);

        // A connection that is reset forgets what it was told, so all have to be told.
        await query(server, "SET GLOBAL wait_timeout = 1");
        const third = await app(proxy.port);
        const fourth = await app(proxy.port);
        await query(server, "SET GLOBAL wait_timeout = 28800");
        await until(10_000, "the server to time out what is idle", async () => Number(await value(first, "POOL")) < 3);
        for (const client of [first, second, third, fourth]) {
          const answer = await value(client, "SELECT 2").catch(({ message }: Error) => message);
          assert(answer === 2 || answer === "the pool is empty", `${answer}`);
        }

        await server.restart();
        await idle(first, 0);
        const fresh = await app(proxy.port);
        assertEquals(await value(fresh, "SELECT 3"), 3);
        // Those who were there before are served by what the new one has left.
        await idle(first, 1);
        assertEquals(await value(second, "SELECT 4"), 4);
        assert(!proxy.log.includes("A connection failed"), proxy.log);
        for (const client of [first, second, third, fourth, fresh]) await client.end();
      });
    } finally {
      await server.stop();
    }
  },
});
