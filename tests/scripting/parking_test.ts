import { assert, assertEquals } from "@std/assert";
import { Client, withClient } from "../scripts/script_proxy.ts";
import { until } from "../servers/port.ts";
import { query } from "../servers/sql.ts";
import { ACCOUNTS, APP } from "../servers/users.ts";
import { probe } from "./script_stage.ts";

probe(
  "a connection that is busy or in a transaction is not parked when its client goes, whoever reads its commands",
  String.raw`
  read_query, read_query_result = nil, nil
  local c = proxy.connection
  function connect_server()
    c.backend_ndx = 1
    if c.server then return proxy.PROXY_IGNORE_RESULT end
  end
  function disconnect_client()
    if c.client.username then c.backend_ndx = 0 end
  end`,
  async ({ proxy, server }) => {
    const gone = async (id: unknown) => {
      await until(5000, "the connection to be closed", async () => {
        const rows = await query(server, `SELECT 1 FROM information_schema.processlist WHERE id = ${id}`);
        return rows.length === 0;
      });
    };
    const idle = await Client.open(proxy);
    const id = await idle.value("SELECT CONNECTION_ID()");
    idle.destroy();
    let again: unknown;
    await until(5000, "the idle connection to be used again", async () => {
      again = await withClient(proxy, async (client) => {
        const own = await client.value("SELECT CONNECTION_ID()");
        if (own === id) client.destroy();
        return own;
      });
      return again === id;
    });
    for (const busy of ["BEGIN", "SELECT SLEEP(0.7)"]) {
      const client = await Client.open(proxy);
      const own = await client.value("SELECT CONNECTION_ID()");
      if (busy === "BEGIN") await client.rows(busy);
      else {
        client.rows(busy).catch(() => {});
        await until(5000, "the statement to run", async () => {
          const sql = `SELECT 1 FROM information_schema.processlist WHERE id = ${own} AND info LIKE '%SLEEP(0.7)%'`;
          return (await query(server, sql)).length > 0;
        });
      }
      client.destroy();
      for (let i = 0; i < 3; i++) {
        await withClient(proxy, async (other) => {
          assert(await other.value("SELECT CONNECTION_ID()") !== own, busy);
          assertEquals(await other.value("SELECT 1"), 1);
        });
      }
      await gone(own);
    }
  },
);

probe(
  "a connection whose client became somebody else is nobody else's afterwards",
  String.raw`
  read_query, read_query_result = nil, nil
  local c = proxy.connection
  function connect_server()
    c.backend_ndx = 1
    if c.server then return proxy.PROXY_IGNORE_RESULT end
  end
  function disconnect_client()
    if c.client.username then c.backend_ndx = 0 end
  end`,
  async ({ proxy, server }) => {
    const account = ACCOUNTS[server.kind].find(({ password }) => password !== "")!;
    const client = await Client.open(proxy);
    await client.connection.changeUser({ user: account.user, password: account.password });
    assertEquals(await client.value("SELECT CURRENT_USER()"), `${account.user}@%`);
    client.destroy();
    for (let i = 0; i < 3; i++) {
      await using other = await Client.open(proxy);
      assertEquals(await other.value("SELECT CURRENT_USER()"), `${APP.user}@%`);
    }
  },
  { args: ["--proxy-pool-no-change-user"] },
);
