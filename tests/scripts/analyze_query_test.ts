import { assert, assertEquals, assertMatch } from "@std/assert";
import { Client, withClient } from "./script_proxy.ts";
import { printed, scriptTest } from "./script_test_case.ts";

/** Times vary on a busy machine: a query that is slow for sure, after those that make the baseline. */
async function runOneSlowly(client: Client): Promise<void> {
  await client.rows("PROXY SET GLOBAL analyze_query.min_queries = 30");
  for (let i = 0; i < 40; i++) await client.rows("SELECT SLEEP(0) /* fast */");
  await client.rows("SELECT SLEEP(2) /* slow */");
}

scriptTest("analyze-query", "reports what takes longer than usual", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    await runOneSlowly(client);
    const report = await printed(proxy, /\[analyze-query\][^[]*(\[\d+\][^[]*)/);
    assertMatch(report, /a statement took 2\d{6} us, much longer than usual\n/);
    assert(report.includes("  query: SELECT SLEEP(2) /* slow */\n"), report);
    assertMatch(report, / {2}this statement: 40, average \d+\.\d\d us, standard deviation \d+\.\d\d us\n/);
    assert(report.includes(`(app@${database})`), report);
    assertEquals(report.includes("PROCESSLIST"), false);
  }, { database });
});

scriptTest("analyze-query", "adds the processlist, EXPLAIN and the status", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    await client.rows("PROXY SET GLOBAL analyze_query.auto_processlist = true");
    await client.rows("PROXY SET GLOBAL analyze_query.auto_explain = true");
    await client.rows("PROXY SET GLOBAL analyze_query.auto_status = true");
    await runOneSlowly(client);
    await printed(proxy, /SHOW FULL PROCESSLIST:\n {4}Id=\d+/);
    await printed(proxy, /EXPLAIN:\n {4}id=1, select_type=SIMPLE/);
    await printed(proxy, /SHOW SESSION STATUS, changes:\n( {4}\w+: \S+ -> \S+\n)+/);
    // The client has noticed nothing.
    assertEquals(await client.rows("SELECT 7"), [[7]]);
  }, { database });
});

scriptTest("analyze-query", "shows averages, of all threads together", async ({ proxy, database }) => {
  const clients = await Promise.all(Array.from({ length: 6 }, () => Client.open(proxy, { database })));
  await Promise.all(clients.map(async (client, n) => {
    for (let i = 0; i < 20; i++) await client.rows(`SELECT ${n * i}, '${"x".repeat(300)}'`);
    for (let i = 0; i < 10; i++) await client.rows(`SELECT ${"a+".repeat(100)}1 FROM (SELECT 1 AS a) AS t`);
  }));
  const [first] = clients;
  if (first === undefined) throw new Error("There is no client");
  const [, fields] = await first.connection.query("SELECT * FROM histogram.queries");
  assertEquals(fields.map(({ name }) => name), ["query", "COUNT(*)", "AVG(qtime)", "STDDEV(qtime)"]);
  const rows = await first.rows("SELECT * FROM histogram.queries");
  assertEquals(rows.map(([query, count]) => [query, Number(count)]), [
    ["SELECT ? , ? ", 120],
    ["SELECT `a` + " + "`a` + ".repeat(30).slice(0, 147) + "...", 60],
  ]);
  for (const row of rows) for (const number of row.slice(2)) assertMatch(String(number), /^\d+\.\d\d$/);
  await first.rows("DELETE FROM histogram.queries");
  assertEquals(await clients[1]?.rows("SELECT * FROM histogram.queries"), []);
  await first.rows("PROXY SET GLOBAL analyze_query.analyze_queries = false");
  await clients[1]?.rows("SELECT 1");
  assertEquals(await first.rows("SELECT * FROM histogram.queries"), []);
  await Promise.all(clients.map((client) => client.end()));
}, { threads: 2 });
