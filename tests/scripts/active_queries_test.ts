import { assert, assertEquals } from "@std/assert";
import { until } from "../servers/port.ts";
import { Client } from "./script_proxy.ts";
import { printed, scriptTest } from "./script_test_case.ts";

scriptTest("active-queries", "prints what goes on", async ({ proxy, database }) => {
  await using one = await Client.open(proxy, { database });
  const two = await Client.open(proxy, { database });
  const id = await one.value("SELECT CONNECTION_ID()");
  await printed(
    proxy,
    new RegExp(
      `\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\n  #connections: 2, #active trx: 1, max\\(active trx\\): 1\\n` +
        `  \\[${id}\\] \\(app@${database}\\) \\(COM_QUERY\\) "SELECT CONNECTION_ID\\(\\)" \\(state=started\\)\\n`,
    ),
  );
  await one.rows("BEGIN");
  await printed(proxy, `[${id}] (app@${database}) (COM_QUERY) "BEGIN" (state=in_trans)`);
  await two.rows("SELECT 'in the other one'");
  await printed(proxy, "#connections: 2, #active trx: 2, max(active trx): 2");
  assert(!proxy.log.includes("state=idle"));
  await one.rows("ROLLBACK");

  await one.rows("PROXY SET GLOBAL active_queries.show_idle_connections = true");
  await one.rows("SELECT 1");
  await printed(proxy, `"SELECT 1" (state=idle)`);
  await two.end();
  await printed(proxy, "#connections: 1, #active trx: 0");
  // A prepared statement that is closed leaves nothing behind.
  await one.connection.execute("SELECT ? AS n", [1]);
  one.connection.unprepare("SELECT ? AS n");
  await one.rows("SELECT 2");
  assert(!proxy.log.includes("COM_STMT_CLOSE"), proxy.log);
});

scriptTest(
  "active-queries",
  "forgets clients that go away before or while they do anything",
  async ({ proxy, server }) => {
    const wrong = await Client.open(proxy, { password: "wrong" }).catch(() => undefined);
    assertEquals(wrong, undefined);
    const client = await Client.open(proxy);
    await printed(proxy, "#connections: 1");
    client.destroy();
    await until(5_000, "the client to be forgotten", () => /#connections: 0/.test(proxy.log));
    const killed = await Client.open(proxy);
    const id = await killed.value("SELECT CONNECTION_ID()");
    const other = await Client.open(server);
    await other.rows(`KILL ${id}`);
    await other.end();
    await killed.failure("SELECT 1").catch(() => {});
    await until(5_000, "the client to be forgotten", () => proxy.log.split("#connections: 0").length === 3);
    assert(!proxy.log.includes("critical) (disconnect_client"), proxy.log);
    killed.destroy();
  },
  { threads: 2 },
);
