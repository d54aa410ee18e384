import { assert, assertEquals } from "@std/assert";
import { Client, withClient } from "./script_proxy.ts";
import { scriptTest } from "./script_test_case.ts";

/** Query and count. */
function counts(rows: unknown[][]): unknown[][] {
  return rows.map(([query, count]) => [query, Number(count)]);
}

scriptTest("histogram", "counts statements and uses of tables", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    await client.rows("CREATE TABLE t (id INT, name VARCHAR(20))");
    await client.rows("INSERT INTO t VALUES (1, 'a')");
    await client.rows('insert  into t values (2,"b") -- more');
    await client.rows("SELECT * FROM t WHERE id = 1");
    await client.rows("SELECT /* why */ * FROM t WHERE id = 2");
    await client.rows("SELECT SLEEP(0.05)");
    const [columns] = [(await client.connection.query("SELECT * FROM histogram.queries"))[1]];
    assertEquals(columns.map(({ name }) => name), ["query", "count", "max_query_time", "avg_query_time"]);
    const rows = await client.rows("select  * from histogram.queries");
    assertEquals(counts(rows), [
      ["CREATE TABLE `t` ( `id` INT , `name` VARCHAR( ? ) ) ", 1],
      ["INSERT INTO `t` VALUES ( ? , ? ) ", 2],
      ["SELECT * FROM `t` WHERE `id` = ? ", 2],
      ["SELECT SLEEP( ? ) ", 1],
    ]);
    const [, , longest, average] = rows[3]?.map(Number) ?? [];
    assert(longest !== undefined && longest >= 50_000 && longest < 5_000_000, `${longest}`);
    assertEquals(average, longest);
    assertEquals(await client.rows("SELECT * FROM histogram.tables;"), [[`${database}.t`, 2, 3]]);

    await client.rows("DELETE FROM histogram.queries");
    assertEquals(await client.rows("SELECT * FROM histogram.queries"), []);
    assertEquals((await client.rows("SELECT * FROM histogram.tables")).length, 1);
    await client.rows("delete from histogram.tables");
    assertEquals(await client.rows("SELECT * FROM histogram.tables"), []);
    await client.rows("SELECT * FROM t WHERE id = 3");
    assertEquals(counts(await client.rows("SELECT * FROM histogram.queries")), [[
      "SELECT * FROM `t` WHERE `id` = ? ",
      1,
    ]]);
    const [[, , longestNow] = []] = await client.rows("SELECT * FROM histogram.queries");
    assert(Number(longestNow) > 0, `${longestNow}`);
  }, { database });
}, { servers: ["mariadb", "mysql"] });

scriptTest("histogram", "leaves out what it is told to", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    await client.rows("PROXY SET GLOBAL histogram.collect_queries = false");
    await client.rows("CREATE TABLE t (id INT)");
    assertEquals(await client.rows("SELECT * FROM histogram.queries"), []);
    await client.rows("PROXY SET GLOBAL histogram.collect_tables = false");
    await client.rows("PROXY SET GLOBAL histogram.collect_queries = true");
    await client.rows("SELECT * FROM t");
    assertEquals(counts(await client.rows("SELECT * FROM histogram.queries")), [["SELECT * FROM `t` ", 1]]);
    assertEquals(await client.rows("SELECT * FROM histogram.tables"), [[`${database}.t`, 0, 1]]);
    const failure = await client.failure("SELECT nothing FROM nowhere");
    assertEquals(failure.errno, 1146);
  }, { database });
});

scriptTest("histogram", "loses no count on several threads", async ({ proxy, database }) => {
  const clients = await Promise.all(Array.from({ length: 8 }, () => Client.open(proxy, { database })));
  await clients[0]?.rows("CREATE TABLE t (id INT)");
  await Promise.all(clients.map(async (client, n) => {
    for (let i = 0; i < 100; i++) await client.rows(`SELECT * FROM t WHERE id = ${n * 100 + i}`);
  }));
  for (const client of clients) {
    assertEquals(counts(await client.rows("SELECT * FROM histogram.queries")), [
      ["CREATE TABLE `t` ( `id` INT ) ", 1],
      ["SELECT * FROM `t` WHERE `id` = ? ", 800],
    ]);
    assertEquals(await client.rows("SELECT * FROM histogram.tables"), [[`${database}.t`, 800, 1]]);
  }
  await Promise.all(clients.map((client) => client.end()));
}, { threads: 2 });

scriptTest(
  "histogram",
  "counts the others together when there are too many statements",
  async ({ proxy, database }) => {
    await withClient(proxy, async (client) => {
      // Each takes three counters.
      const different = 5600;
      for (let i = 0; i < different; i++) await client.rows(`DO @v${i} := 1`);
      const rows = await client.rows("SELECT * FROM histogram.queries");
      const sum = rows.reduce((total, [, count]) => total + Number(count), 0);
      assertEquals(sum, different);
      const others = rows.find(([query]) => query === "(others)");
      assert(others !== undefined || rows.length === different, `${rows.length} rows`);
    }, { database });
  },
);

scriptTest("histogram", "does not keep long statements whole", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    await client.rows("CREATE TABLE t (id INT)");
    await client.rows("CREATE TABLE u (id INT)");
    await client.rows("DELETE FROM histogram.queries");
    await client.rows("DELETE FROM histogram.tables");
    for (const rows of [3000, 4000]) {
      await client.rows(`INSERT INTO t (id) VALUES ${Array.from({ length: rows }, (_, i) => `(${i})`).join(",")}`);
    }
    for (const name of ["t", "u"]) await client.rows(`SELECT ${"1, ".repeat(1000)} 1 AS n FROM ${name}`);
    const rows = await client.rows("SELECT * FROM histogram.queries");
    assertEquals(rows.map(([query, count]) => [String(query).length, Number(count)]), [[2003, 2], [2003, 2]]);
    assertEquals(await client.rows("SELECT * FROM histogram.tables"), [[`${database}.t`, 1, 2], [
      `${database}.u`,
      1,
      0,
    ]]);
  }, { database });
});
