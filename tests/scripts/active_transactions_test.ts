import { assert, assertEquals } from "@std/assert";
import { Client } from "./script_proxy.ts";
import { printed, scriptTest } from "./script_test_case.ts";

for (const threads of [1, 2]) {
  scriptTest(
    "active-transactions",
    `prints who is in the way, on ${threads} thread(s)`,
    async ({ proxy, database }) => {
      await using one = await Client.open(proxy, { database });
      await using two = await Client.open(proxy, { database });
      await one.rows("CREATE TABLE t (id INT PRIMARY KEY, n INT) ENGINE = InnoDB");
      await one.rows("INSERT INTO t VALUES (1, 0), (2, 0)");
      const [first, second] = [
        await one.value("SELECT CONNECTION_ID()"),
        await two.value("SELECT CONNECTION_ID()"),
      ];
      await one.rows("SELECT 'outside'");
      await two.rows("SET innodb_lock_wait_timeout = 1");
      await one.rows("BEGIN");
      await one.rows("UPDATE t SET n = 1 WHERE id = 1");
      await two.rows("BEGIN");
      await two.rows("UPDATE t SET n = 2 WHERE id = 2");
      assertEquals((await two.failure("UPDATE t SET n = 2 WHERE id = 1")).errno, 1205);
      const report = await printed(
        proxy,
        new RegExp(`\\[${second}\\] received a 1205: .*\\n(  \\[\\d+\\]\\.\\d+: .*\\n)+`),
      );
      for (
        const line of [
          `  [${first}].1: BEGIN\n`,
          `  [${first}].2: UPDATE t SET n = 1 WHERE id = 1\n`,
          `  [${second}].2: UPDATE t SET n = 2 WHERE id = 2\n`,
          `  [${second}].3: UPDATE t SET n = 2 WHERE id = 1\n`,
        ]
      ) assert(report.includes(line), report);
      assert(!report.includes("outside"), report);

      // The transaction goes on after a timeout, and is over after a dead-lock.
      const outcomes = await Promise.allSettled([
        one.connection.query("UPDATE t SET n = 1 WHERE id = 2"),
        two.connection.query("UPDATE t SET n = 3 WHERE id = 1"),
      ]);
      assertEquals(outcomes.filter(({ status }) => status === "rejected").length, 1);
      await printed(proxy, /received a 1213: /);
      await one.rows("ROLLBACK");
      await two.rows("ROLLBACK");
    },
    { threads },
  );
}
