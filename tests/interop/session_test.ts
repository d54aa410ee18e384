import { assertEquals } from "@std/assert";
import { failureOf, withMariadb, withMysql2 } from "./drivers.ts";
import { CAPABILITY, RawClient, transcript } from "./raw_client.ts";
import { scenario } from "./scenario.ts";

scenario("session tracking tells of changes of schema, variables and state", async (target) => {
  using client = await RawClient.connect(target, CAPABILITY.DEPRECATE_EOF | CAPABILITY.SESSION_TRACK);
  const seen: string[] = [];
  for (
    const sql of [
      "SET SESSION session_track_system_variables = 'autocommit,character_set_client,sql_mode,time_zone'",
      "SET SESSION session_track_schema = ON",
      "SET SESSION session_track_state_change = ON",
      "SET SESSION session_track_transaction_info = 'CHARACTERISTICS'",
      `USE ${target.database}`,
      "SET NAMES latin1",
      "SET sql_mode = ''",
      "CREATE TABLE t (id INT) ENGINE = InnoDB",
      "START TRANSACTION WITH CONSISTENT SNAPSHOT",
      "INSERT INTO t VALUES (1)",
      "SELECT * FROM t",
      "COMMIT",
      "SET autocommit = 0",
      "SELECT 1; SET @a = 1; USE mysql",
    ]
  ) {
    seen.push(...transcript(await client.query(sql)));
  }
  return seen;
});

scenario(
  "transactions commit, roll back, and are not seen by others",
  (target) =>
    withMariadb(target, (one) =>
      withMariadb(target, async (other) => {
        await one.query("CREATE TABLE t (id INT PRIMARY KEY) ENGINE = InnoDB");
        const counts: unknown[] = [];
        const count = async () => counts.push((await other.query("SELECT COUNT(*) AS n FROM t"))[0].n);
        await one.beginTransaction();
        await one.query("INSERT INTO t VALUES (1), (2)");
        await count();
        await one.rollback();
        await count();
        await one.beginTransaction();
        await one.query("INSERT INTO t VALUES (3)");
        await one.query("SAVEPOINT here");
        await one.query("INSERT INTO t VALUES (4)");
        await one.query("ROLLBACK TO SAVEPOINT here");
        await one.commit();
        await count();
        assertEquals(counts, [0, 0, 1]);
        return counts;
      }), { bigIntAsNumber: true }).catch((error) => {
        throw error;
      }),
);

scenario(
  "a dead-lock ends with the server's error 1213 for one of two",
  (target) =>
    withMysql2(target, (one) =>
      withMysql2(target, async (other) => {
        await one.query("CREATE TABLE t (id INT PRIMARY KEY, n INT) ENGINE = InnoDB");
        await one.query("INSERT INTO t VALUES (1, 0), (2, 0)");
        await one.beginTransaction();
        await other.beginTransaction();
        await one.query("UPDATE t SET n = 1 WHERE id = 1");
        await other.query("UPDATE t SET n = 2 WHERE id = 2");
        const outcomes = await Promise.allSettled([
          one.query("UPDATE t SET n = 1 WHERE id = 2"),
          other.query("UPDATE t SET n = 2 WHERE id = 1"),
        ]);
        const failed = outcomes.filter((outcome) => outcome.status === "rejected");
        assertEquals(failed.length, 1);
        const failure = await failureOf(Promise.reject(failed[0]?.reason));
        assertEquals(failure.errno, 1213);
        return failure;
      })),
);

scenario("a connection that the server closes after wait_timeout is closed for the client too", async (target) => {
  using client = await RawClient.connect(target);
  await client.query("SET SESSION wait_timeout = 1");
  try {
    // MySQL says why before it closes, MariaDB just closes.
    const { payload } = await client.read();
    return [(payload[1] ?? 0) | (payload[2] ?? 0) << 8, await client.isClosed()];
  } catch (error) {
    if (error instanceof Deno.errors.UnexpectedEof || error instanceof Deno.errors.ConnectionReset) return "closed";
    throw error;
  }
});
