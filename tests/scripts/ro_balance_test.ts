import { assert, assertEquals } from "@std/assert";
import { KINDS } from "../servers/installation.ts";
import { until } from "../servers/port.ts";
import { query } from "../servers/sql.ts";
import { whyMissing } from "../servers/servers.ts";
import { APP } from "../servers/users.ts";
import { DATABASE, withServers } from "./balancing_servers.ts";
import { Client, LEASHED, withClient, withScript } from "./script_proxy.ts";

const HERE = "SELECT port FROM here";

/** The words for replication, which MySQL has changed. */
const words = {
  mariadb: {
    position: "SHOW MASTER STATUS",
    change: (port: unknown, file: unknown, position: unknown) =>
      `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${port}, MASTER_USER = '${APP.user}',
        MASTER_PASSWORD = '${APP.password}', MASTER_LOG_FILE = '${file}', MASTER_LOG_POS = ${position},
        MASTER_CONNECT_RETRY = 1, MASTER_SSL_VERIFY_SERVER_CERT = 0`,
    replica: "SLAVE",
  },
  mysql: {
    position: "SHOW BINARY LOG STATUS",
    change: (port: unknown, file: unknown, position: unknown) =>
      `CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = ${port}, SOURCE_USER = '${APP.user}',
        SOURCE_PASSWORD = '${APP.password}', SOURCE_LOG_FILE = '${file}', SOURCE_LOG_POS = ${position},
        SOURCE_CONNECT_RETRY = 1, GET_SOURCE_PUBLIC_KEY = 1`,
    replica: "REPLICA",
  },
};

for (const kind of KINDS) {
  const { position: where, change, replica: word } = words[kind];
  Deno.test(
    { name: `ro-balance (${kind})`, ignore: whyMissing(kind) !== undefined, ...LEASHED },
    (t) =>
      withServers(kind, async ({ primary, replica }) => {
        const [[file, position] = []] = await query(primary, where);
        await query(replica, change(primary.port, file, position), `START ${word}`);
        const running = () =>
          until(20_000, "the replica to run", async () => {
            const [row] = await query(replica, `SHOW ${word} STATUS`);
            return row?.[10] === "Yes" && row[11] === "Yes" && row[32] === "0";
          });
        await running();

        await withScript(
          { script: { name: "ro-balance" }, backends: [primary], readOnly: [replica] },
          async (proxy) => {
            const open = () => Client.open(proxy, { database: DATABASE });
            const setting = async (option: string, value: string) => {
              await withClient(proxy, (client) => client.rows(`PROXY SET GLOBAL ro_balance.${option} = ${value}`));
            };

            await t.step("gives a client the replica, and takes its state from it", async () => {
              await using client = await open();
              assertEquals(await client.rows(HERE), [[replica.port]]);
              assertEquals(await client.rows(HERE), [[replica.port]]);
              assert(proxy.log.includes(`127.0.0.1:${replica.port}: running, 0 s and 0 bytes behind`), proxy.log);
              await client.rows("PROXY SET GLOBAL ro_balance.check_timeout = 0");
            });

            /** What a client is told as soon as the proxy looks again. */
            const told = async (client: Client) => {
              let message = "";
              await until(5000, "the proxy to look again", async () => {
                try {
                  await client.rows(HERE);
                  return false;
                } catch (error) {
                  if (!(error instanceof Error)) throw error;
                  assertEquals(Reflect.get(error, "sqlState"), "08S01");
                  message = error.message;
                  return true;
                }
              });
              return message;
            };

            for (
              const [stop, state] of [["IO_THREAD", "noiothread"], ["SQL_THREAD", "nosqlthread"]] as const
            ) {
              await t.step(`tells of a replica that is stopped: ${state}`, async () => {
                await setting("check_timeout", "0");
                await using client = await open();
                assertEquals(await client.rows(HERE), [[replica.port]]);
                await query(replica, `STOP ${word} ${stop}`);
                assertEquals(await told(client), `slave-state is ${state}`);
                await setting("check_timeout", "60");
                // It has closed the connection; the next one is the primary's.
                await using next = await open();
                assertEquals(await next.rows(HERE), [[primary.port]]);
                await query(replica, `START ${word}`);
                await running();
                await setting("check_timeout", "0");
                await until(5000, "the replica to be found again", async () => {
                  return await withClient(proxy, async (one) => (await one.value(HERE)) === replica.port, {
                    database: DATABASE,
                  });
                });
              });
            }

            for (const limit of ["max_seconds_lag", "max_bytes_lag"]) {
              await t.step(`keeps to ${limit}`, async () => {
                await using client = await open();
                assertEquals(await client.rows(HERE), [[replica.port]]);
                await setting(limit, "-1");
                assertEquals(await told(client), "slave-state is lagging");
                await setting("check_timeout", "60");
                await using next = await open();
                assertEquals(await next.rows(HERE), [[primary.port]]);
                await setting(limit, "10000");
                await setting("check_timeout", "0");
                await until(5000, "the replica to be found again", async () => {
                  return await withClient(proxy, async (one) => (await one.value(HERE)) === replica.port, {
                    database: DATABASE,
                  });
                });
              });
            }
          },
        );

        await t.step("counts a server that replicates nothing as none", async () => {
          await query(replica, `STOP ${word}`, `RESET ${word} ALL`);
          await withScript(
            { script: { name: "ro-balance" }, backends: [primary], readOnly: [replica] },
            async (proxy) => {
              await using client = await Client.open(proxy, { database: DATABASE });
              assertEquals((await client.failure(HERE)).message, "slave-state is noslave");
              await using next = await Client.open(proxy, { database: DATABASE });
              assertEquals(await next.rows(HERE), [[primary.port]]);
            },
          );
        });
      }),
  );
}
