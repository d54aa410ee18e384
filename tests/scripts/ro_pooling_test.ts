import { assert, assertEquals } from "@std/assert";
import { KINDS } from "../servers/installation.ts";
import { until } from "../servers/port.ts";
import { query } from "../servers/sql.ts";
import { whyMissing } from "../servers/servers.ts";
import { connectionsOf, DATABASE, withServers } from "./balancing_servers.ts";
import { Client, LEASHED, withClient, withScript } from "./script_proxy.ts";

for (const kind of KINDS) {
  Deno.test(
    { name: `ro-pooling (${kind})`, ignore: whyMissing(kind) !== undefined, ...LEASHED },
    (t) =>
      withServers(kind, async ({ primary, replica }) => {
        for (
          const [name, at] of [
            ["one backend", { backends: [primary] }],
            ["two backends", { backends: [primary, replica] }],
            ["a read-only one", { backends: [primary], readOnly: [replica] }],
            ["two threads", { backends: [primary, replica], threads: 2 }],
          ] as const
        ) {
          await t.step(`shares connections to ${name}`, async () => {
            await withScript({ script: { name: "ro-pooling" }, ...at }, async (proxy) => {
              for (let i = 0; i < 12; i++) {
                await withClient(proxy, (client) => client.rows("DO 1"), { database: DATABASE });
              }
              const before = await connectionsOf(primary);
              assert(before > 0 && before <= 12, `${before} connections`);
              await using one = await Client.open(proxy, { database: DATABASE });
              await using two = await Client.open(proxy, { database: `${DATABASE}2` });
              for (let i = 0; i < 5; i++) {
                assertEquals(await one.value("SELECT DATABASE()"), DATABASE);
                assertEquals(await two.value("SELECT DATABASE()"), `${DATABASE}2`);
              }
              await one.rows("BEGIN");
              const id = await one.value("SELECT CONNECTION_ID()");
              await two.rows("DO 1");
              assertEquals(await one.value("SELECT CONNECTION_ID()"), id);
              await one.rows("ROLLBACK");
              // The statements of many take turns.
              const clients = await Promise.all(
                Array.from({ length: 10 }, () => Client.open(proxy, { database: DATABASE })),
              );
              const ports = await Promise.all(clients.map((client) => client.value("SELECT port FROM here")));
              for (const port of ports) assert(port === primary.port || port === replica.port);
              await Promise.all(clients.map((client) => client.end()));
            });
          });
        }

        await t.step("closes a connection that is left in mid-statement", async () => {
          await withScript({ script: { name: "ro-pooling" }, backends: [primary] }, async (proxy) => {
            const client = await Client.open(proxy, { database: DATABASE });
            const id = await client.value("SELECT CONNECTION_ID()");
            // The driver leaves it pending.
            client.rows("SELECT SLEEP(60)").catch(() => {});
            await until(5000, "the statement to run", async () => {
              const sql = `SELECT 1 FROM information_schema.processlist WHERE id = ${id} AND info LIKE '%SLEEP(60)%'`;
              return (await query(primary, sql)).length > 0;
            });
            client.destroy();
            await using other = await Client.open(proxy, { database: DATABASE });
            assert(await other.value("SELECT CONNECTION_ID()") !== id);
            await query(primary, `KILL ${id}`).catch(() => {});
          });
        });
      }),
  );
}
