import { assertEquals } from "@std/assert";
import { until } from "../servers/port.ts";
import { query } from "../servers/sql.ts";
import { failureOf, withMysql2 } from "./drivers.ts";
import { RawClient } from "./raw_client.ts";
import { scenario, type Target } from "./scenario.ts";

async function waitForQuery({ server }: Target, id: unknown): Promise<void> {
  await until(10_000, "the query to run", async () => {
    const sql = `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = ${id} AND INFO LIKE '%SLEEP%'`;
    return (await query(server, sql))[0]?.[0] === "1";
  });
}

async function connectionId(client: RawClient): Promise<number> {
  const packets = await client.query("SELECT CONNECTION_ID()");
  return Number(new TextDecoder().decode(packets[2]?.payload.subarray(1)));
}

scenario(
  "KILL QUERY ends a running query, and the connection goes on",
  (target) =>
    withMysql2(target, (victim) =>
      withMysql2(target, async (killer) => {
        const [rows] = await victim.query({ sql: "SELECT CONNECTION_ID()", rowsAsArray: true });
        const id = Array.isArray(rows) && Array.isArray(rows[0]) ? rows[0][0] : undefined;
        const sleeping = victim.query("SELECT SLEEP(15), 1 FROM (SELECT 1 UNION SELECT 2) AS t");
        const ended = sleeping.then(([rows]) => rows, (error: unknown) => failureOf(Promise.reject(error)));
        await waitForQuery(target, id);
        await killer.query(`KILL QUERY ${id}`);
        const outcome = await ended;
        const [after] = await victim.query("SELECT 'after' AS it");
        assertEquals(after, [{ it: "after" }]);
        return { outcome, after };
      })),
);

scenario("KILL closes an idle connection, and the client sees it at once", async (target) => {
  using victim = await RawClient.connect(target);
  const id = await connectionId(victim);
  await withMysql2(target, (killer) => killer.query(`KILL ${id}`));
  // Recent servers may say why before they close; then the code is theirs.
  const code = await victim.read().then(
    ({ payload }) => (payload[1] ?? 0) | (payload[2] ?? 0) << 8,
    () => "closed",
  );
  return code;
});

scenario("KILL ends a connection in the middle of a query", async (target) => {
  using victim = await RawClient.connect(target);
  const id = await connectionId(victim);
  await victim.send(3, "SELECT SLEEP(15)");
  await waitForQuery(target, id);
  await withMysql2(target, (killer) => killer.query(`KILL ${id}`));
  const seen: unknown[] = [];
  try {
    for (;;) {
      const { payload } = await victim.read();
      seen.push(payload[0] === 0xff ? (payload[1] ?? 0) | (payload[2] ?? 0) << 8 : payload[0]);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.UnexpectedEof || error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  // The server closes without a word. The proxy may say first that it has lost the server (CR_SERVER_LOST).
  return seen.filter((code) => code !== 2013);
});

scenario("a connection can kill itself", (target) =>
  withMysql2(target, async (connection) => {
    const failure = await failureOf(connection.query("KILL CONNECTION_ID()"));
    // ER_QUERY_INTERRUPTED, or MariaDB's ER_CONNECTION_KILLED.
    assertEquals(failure.errno, target.server.kind === "mysql" ? 1317 : 1927);
    connection.destroy();
    return failure;
  }));

scenario("clients that vanish in the middle of a result leave nothing behind", async (target) => {
  const before = await sessions(target);
  const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.connect(target)));
  for (const client of clients) {
    await client.send(
      3,
      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT REPEAT('x', 100000) FROM n",
    );
    await client.read();
  }
  for (const client of clients) client[Symbol.dispose]();
  await until(10_000, "the server's connections to end", async () => await sessions(target) <= before);
});

async function sessions({ server, database }: Target): Promise<number> {
  const rows = await query(server, `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '${database}'`);
  return Number(rows[0]?.[0]);
}
