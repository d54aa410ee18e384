import { assert, assertEquals } from "@std/assert";
import { withClient } from "./script_proxy.ts";
import { scriptTest } from "./script_test_case.ts";

scriptTest("commit-obfuscator", "lets about half of the commits fail, and rolls back", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    await client.rows("CREATE TABLE t (id INT PRIMARY KEY) ENGINE = InnoDB");
    const commits = ["COMMIT", "commit", " Commit ;"];
    const done: number[] = [];
    const rounds = 60;
    for (let i = 0; i < rounds; i++) {
      await client.rows("BEGIN");
      await client.rows(`INSERT INTO t VALUES (${i})`);
      try {
        await client.rows(commits[i % commits.length] ?? "");
        done.push(i);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        assertEquals([Reflect.get(error, "errno"), Reflect.get(error, "sqlState"), error.message], [
          1205,
          "HY000",
          "Lock wait timeout exceeded; try restarting transaction",
        ]);
      }
    }
    assertEquals(await client.rows("SELECT id FROM t ORDER BY id"), done.map((id) => [id]));
    // Less likely than one in a million.
    assert(done.length > 10 && done.length < rounds - 10, `${done.length} of ${rounds}`);
    await client.rows("SELECT 'COMMIT'");
  }, { database });
});
