import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { KINDS } from "../servers/installation.ts";
import { until } from "../servers/port.ts";
import { whyMissing } from "../servers/servers.ts";
import { connectionsOf, DATABASE, withServers } from "./balancing_servers.ts";
import { Client, LEASHED, withClient, withScript } from "./script_proxy.ts";
import { query } from "../servers/sql.ts";

/** The script as users load it in a script of their own, with options that need fewer log-ins. */
const SCRIPT = {
  lua: `
    proxy.global.config.rwsplit = proxy.global.config.rwsplit or
      { min_idle_connections = 2, max_idle_connections = 8, wait_seconds = 1, is_debug = false }
    require("rw-splitting")
  `,
};

const HERE = "SELECT port FROM here";

/** Logs in until both pools are full. */
async function fill(proxy: { readonly port: number }, logIns: number): Promise<void> {
  for (let i = 0; i < logIns; i++) await withClient(proxy, (client) => client.rows("DO 1"), { database: DATABASE });
}

for (const kind of KINDS) {
  Deno.test(
    { name: `rw-splitting (${kind})`, ignore: whyMissing(kind) !== undefined, ...LEASHED },
    (t) =>
      withServers(kind, async ({ primary, replica }) => {
        const at = { backends: [primary], readOnly: [replica] };
        const { port } = primary;
        await withScript({ script: SCRIPT, ...at }, async (proxy) => {
          await fill(proxy, 8);
          const open = () => Client.open(proxy, { database: DATABASE });

          await t.step("sends reads to the replica and everything else to the primary", async () => {
            await using client = await open();
            assertEquals(await client.rows(HERE), [[replica.port]]);
            assertEquals(await client.rows("/* a comment */ select port from here"), [[replica.port]]);
            await client.rows("INSERT INTO t (n) VALUES (1)");
            assertEquals(await query(primary, `SELECT n FROM ${DATABASE}.t`), [["1"]]);
            assertEquals(await query(replica, `SELECT n FROM ${DATABASE}.t`), []);
            for (
              const sql of [
                `${HERE} FOR UPDATE`,
                `${HERE} LOCK IN SHARE MODE`,
                "SELECT /*!40001 SQL_NO_CACHE */ port FROM here",
              ]
            ) {
              assertEquals(await client.rows(sql), [[port]], sql);
            }
            assertEquals(await client.rows(HERE), [[replica.port]]);
          });

          await t.step("gives the next client what one has held that leaves", async () => {
            // More clients than connections: with what was held closed, the last ones would wait in vain.
            const clients = [];
            for (let i = 0; i < 12; i++) clients.push(await open());
            await Promise.all(clients.map(async (client, i) => {
              await client.rows(`SET @mine = ${i}`);
              assertEquals(await client.rows("SELECT @mine"), [[i]]);
              await client[Symbol.asyncDispose]();
            }));
            await using client = await open();
            assertEquals(await client.rows("SELECT @mine"), [[null]]);
          });

          await t.step("keeps a transaction on the primary", async () => {
            await using client = await open();
            await client.rows("BEGIN");
            await client.rows("INSERT INTO t (n) VALUES (2)");
            assertEquals(await client.rows(HERE), [[port]]);
            await client.rows("COMMIT");
            assertEquals(await client.rows(HERE), [[replica.port]]);
            await client.rows("SET autocommit = 0");
            assertEquals(await client.rows(HERE), [[port]]);
            await client.rows("SET autocommit = 1");
            assertEquals(await client.rows(HERE), [[replica.port]]);
          });

          await t.step("knows what was inserted last, also from another connection", async () => {
            await using client = await open();
            await client.rows("INSERT INTO t (n) VALUES (3)");
            const id = await query(primary, `SELECT MAX(id) FROM ${DATABASE}.t`);
            assertEquals(String(await client.value("SELECT LAST_INSERT_ID()")), id[0]?.[0]);
            assertEquals(await client.rows(HERE), [[replica.port]]);
            assertEquals(String(await client.value("SELECT LAST_INSERT_ID()")), id[0]?.[0]);
            assertEquals(String(await client.value("SELECT @@last_insert_id")), id[0]?.[0]);
          });

          await t.step("counts found rows where they were found", async () => {
            await using client = await open();
            await client.rows("SELECT SQL_CALC_FOUND_ROWS seq FROM (SELECT 1 AS seq UNION SELECT 2) AS s LIMIT 1");
            assertEquals(await client.value("SELECT FOUND_ROWS()"), 2);
          });

          await t.step("shows the warnings and errors of the statement before", async () => {
            await using client = await open();
            await client.failure("SELECT * FROM nothing_there");
            assertEquals((await client.rows("SHOW ERRORS"))[0]?.[1], 1146);
            // It is the replica that keeps the client; a write goes elsewhere all the same.
            await client.failure("SELECT * FROM nothing_there");
            await client.rows("INSERT INTO t (n) VALUES (4)");
            assertEquals(await query(primary, `SELECT n FROM ${DATABASE}.t WHERE n = 4`), [["4"]]);
            await client.rows("SELECT 1 / 0");
            assertEquals((await client.rows("SHOW WARNINGS"))[0]?.[1], 1365);
          });

          await t.step("stays with temporary tables, locks and variables", async () => {
            for (
              const [set, get, expected] of [
                ["CREATE TEMPORARY TABLE mine SELECT 7 AS n", "SELECT n FROM mine", 7],
                ["DO GET_LOCK('rw', 0)", "SELECT IS_USED_LOCK('rw') = CONNECTION_ID()", 1],
                ["SET @a = 5", "SELECT @a", 5],
                ["PREPARE s FROM 'SELECT 9'", "EXECUTE s", 9],
              ] as const
            ) {
              await using client = await open();
              await using other = await open();
              await client.rows(set);
              // Others take the idle connections meanwhile.
              for (let i = 0; i < 3; i++) await other.rows("DO 1");
              assertEquals(await client.value(get), expected, set);
              assertEquals(await client.rows(HERE), [[port]], set);
            }
          });

          await t.step("runs prepared statements", async () => {
            await using client = await open();
            await using other = await open();
            for (let i = 0; i < 3; i++) {
              const [rows] = await client.connection.execute("SELECT ? + 1 AS n, port FROM here", [i]);
              assertEquals(rows, [{ n: i + 1, port }]);
              await other.rows("DO 1");
            }
            client.connection.unprepare("SELECT ? + 1 AS n, port FROM here");
            await client.rows("DO 1");
            assertEquals(await client.rows(HERE), [[replica.port]]);
          });

          await t.step("takes variables of the session along, and keeps them from others", async () => {
            await using client = await open();
            await using other = await open();
            const before = await other.value("SELECT @@sql_mode");
            const names = await other.value("SELECT @@collation_connection");
            await client.rows("SET SESSION sql_mode = 'ANSI_QUOTES'");
            await client.rows("SET NAMES latin1");
            await client.rows("SET group_concat_max_len = 999");
            for (let i = 0; i < 4; i++) {
              assertEquals(await client.value("SELECT @@sql_mode"), "ANSI_QUOTES");
              assertEquals(await client.value("SELECT @@character_set_client"), "latin1");
              assertEquals(await client.value("SELECT @@group_concat_max_len"), 999);
              assertEquals(await other.value("SELECT @@sql_mode"), before);
              assertNotEquals(await other.value("SELECT @@group_concat_max_len"), 999);
              assertEquals(await other.value("SELECT @@collation_connection"), names);
              await client.rows("DO 1");
              await other.rows("DO 1");
            }
            assertEquals(await client.rows(HERE), [[replica.port]]);
          });

          await t.step("keeps clients in their databases", async () => {
            await using client = await open();
            await using other = await Client.open(proxy, { database: `${DATABASE}2` });
            await using none = await Client.open(proxy);
            for (let i = 0; i < 3; i++) {
              assertEquals(await client.value("SELECT DATABASE()"), DATABASE);
              assertEquals(await other.value("SELECT DATABASE()"), `${DATABASE}2`);
            }
            await client.rows(`USE ${DATABASE}2`);
            await other.rows(`USE \`${DATABASE}\``);
            assertEquals(await other.rows(HERE), [[replica.port]]);
            for (let i = 0; i < 3; i++) {
              assertEquals(await client.value("SELECT DATABASE()"), `${DATABASE}2`);
              assertEquals(await other.value("SELECT DATABASE()"), DATABASE);
            }
            assertEquals((await client.failure("USE nowhere")).errno, 1049);
            assertEquals(await client.value("SELECT DATABASE()"), `${DATABASE}2`);
            await none.rows(`USE ${DATABASE}`);
            assertEquals(await none.rows(HERE), [[replica.port]]);
          });

          await t.step("serves clients that log in on other terms", async () => {
            const others = await Promise.all(
              ["latin1", "utf8mb4"].flatMap((charset) =>
                ["-FOUND_ROWS", "FOUND_ROWS"].map((flag) => ({ charset, flag }))
              )
                .map(async ({ charset, flag }) => ({
                  charset,
                  client: await Client.open(proxy, { database: DATABASE, charset, flags: [flag] }),
                })),
            );
            for (let i = 0; i < 2; i++) {
              for (const { charset, client } of others) {
                assertEquals(await client.value("SELECT @@character_set_client"), charset);
                await client.rows("DO 1");
              }
            }
            for (const { client } of others) await client.end();
          });

          await t.step("does not pool a connection in mid-transaction", async () => {
            const client = await open();
            await client.rows("BEGIN");
            await client.rows("INSERT INTO t (n) VALUES (99)");
            const id = await client.value("SELECT CONNECTION_ID()");
            client.destroy();
            await until(5000, "the server to drop it", async () => {
              const rows = await query(primary, `SELECT 1 FROM information_schema.processlist WHERE id = ${id}`);
              return rows.length === 0;
            });
            assertEquals(await query(primary, `SELECT * FROM ${DATABASE}.t WHERE n = 99`), []);
          });

          await t.step("shares few connections", async () => {
            const clients = await Promise.all(Array.from({ length: 20 }, open));
            await Promise.all(clients.map((client) => client.rows("DO 1")));
            const answers = await Promise.all(clients.map((client) => client.value(HERE)));
            assert(answers.every((answer) => answer === replica.port || answer === port));
            await Promise.all(clients.map((client) => client.end()));
            await until(5000, "the pools to shrink", async () => await connectionsOf(primary) <= 10);
          });
        });

        await t.step("waits while all connections are taken, and says so after a while", async () => {
          await withScript({ script: SCRIPT, ...at }, async (proxy) => {
            await fill(proxy, 8);
            const open = () => Client.open(proxy, { database: DATABASE });
            const clients: Client[] = [];
            // Each takes a connection; the last ones find none.
            for (let i = 0; i < 12; i++) clients.push(await open());
            const busy: Client[] = [];
            let refused: string | undefined;
            for (const client of clients) {
              try {
                await client.rows("BEGIN");
                busy.push(client);
              } catch (error) {
                refused = String(error);
                // As soon as one is free, it goes on.
                const waiting = client.rows("BEGIN");
                await busy[0]?.rows("COMMIT");
                await waiting;
                break;
              }
            }
            assertStringIncludes(refused ?? "nothing", "are taken");
            assertNotEquals(busy.length, 0);
            for (const client of clients) client.destroy();
          });
        });

        await t.step("takes options from clients", async () => {
          await withScript({ script: { name: "rw-splitting" }, ...at }, async (proxy) => {
            await using client = await Client.open(proxy, { database: DATABASE });
            assertEquals(await client.rows("PROXY SHOW CONFIG"), [
              ["rwsplit", "is_debug", "false", "boolean"],
              ["rwsplit", "max_idle_connections", "8", "number"],
              ["rwsplit", "min_idle_connections", "4", "number"],
              ["rwsplit", "wait_seconds", "10", "number"],
            ]);
            await client.rows("PROXY SET GLOBAL rwsplit.is_debug = true");
            // Before the read-only backend has connections, reads go to the primary.
            assertEquals(await client.rows(HERE), [[port]]);
            assertStringIncludes(proxy.log, `[rw-splitting] 127.0.0.1:${port}: [COM_QUERY] ${HERE}`);
            await client.rows("PROXY SET GLOBAL rwsplit.is_debug = false");
          });
        });

        await t.step("splits on two threads", async () => {
          await withScript({ script: SCRIPT, ...at, threads: 2 }, async (proxy) => {
            await fill(proxy, 20);
            const clients = await Promise.all(
              Array.from({ length: 8 }, () => Client.open(proxy, { database: DATABASE })),
            );
            for (let round = 0; round < 3; round++) {
              await Promise.all(clients.map((client, i) => client.rows(`INSERT INTO t (n) VALUES (${1000 + i})`)));
              // One after the other: a read that finds no idle connection to the replica goes to the primary.
              for (const client of clients) assertEquals(await client.rows(HERE), [[replica.port]]);
            }
            const rows = await query(primary, `SELECT COUNT(*) FROM ${DATABASE}.t WHERE n >= 1000`);
            assertEquals(rows, [["24"]]);
            for (const client of clients) await client.end();
          });
        });
      }),
  );
}
