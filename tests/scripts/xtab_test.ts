import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Client, withClient } from "./script_proxy.ts";
import { scriptTest } from "./script_test_case.ts";

/** The names of the columns and the rows. */
async function table(client: Client, sql: string): Promise<unknown[][]> {
  const [rows, fields] = await client.connection.query({ sql, rowsAsArray: true });
  return [fields.map(({ name }) => name), ...(Array.isArray(rows) ? rows.map((row) => Object.values(row)) : [])];
}

scriptTest("xtab", "cross-tabulates", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    await client.rows("CREATE TABLE employees (id INT, dept VARCHAR(10), gender VARCHAR(10), salary INT)");
    await client.rows(
      "INSERT INTO employees VALUES (1, 'dev', 'f', 10), (2, 'dev', 'm', 20), (3, 'dev', 'f', 30), (4, 'ops', 'm', 40)," +
        " (5, 'ops', 'it`s o''k', 5), (6, 'ops', NULL, 1)",
    );
    assertEquals(await table(client, "XTAB employees dept gender COUNT id"), [
      ["dept", "gender_NULL", "gender_f", "gender_it`s o'k", "gender_m", "total"],
      ["dev", 0, 2, 0, 1, 3],
      ["ops", 1, 0, 1, 1, 3],
    ]);
    const sums = await table(client, "select xtab employees dept gender sum salary summary");
    assertEquals(sums.map((row) => row.map((cell) => cell === null ? null : String(cell))), [
      ["dept", "gender_NULL", "gender_f", "gender_it`s o'k", "gender_m", "total"],
      ["dev", null, "40", null, "20", "60"],
      ["ops", "1", null, "5", "40", "46"],
      ["Grand Total", "1", "40", "5", "60", "106"],
    ]);
    assertEquals((await table(client, `XTAB ${database}.employees dept gender MAX salary`)).length, 3);

    assertEquals(await table(client, "XTAB QUERY"), [["XTAB info"], ["XTAB QUERY: the SQL is shown"]]);
    const [, [sql] = []] = await table(client, "XTAB employees dept gender AVG salary summary");
    assertStringIncludes(String(sql), "GROUP BY `dept` WITH ROLLUP");
    assertEquals((await client.rows(String(sql))).length, 3);
    await client.rows("XTAB NOQUERY");
    assertEquals((await client.rows("XTAB employees dept gender AVG salary")).length, 2);
  }, { database });
}, { servers: ["mariadb", "mysql"] });

scriptTest("xtab", "helps, and says what is wrong", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    assertEquals(await table(client, "XTAB VERSION"), [["XTAB version"], ["0.1.3"]]);
    const [head, ...help] = await table(client, "XTAB HELP");
    assertEquals(head, ["XTAB help"]);
    assert(help.length > 4);
    for (
      const [sql, message] of [
        ["XTAB NONSENSE", "unknown option NONSENSE"],
        ["XTAB t a b MEDIAN c", "unknown operator MEDIAN"],
        ["XTAB t a b SUM c verbose", "unknown option verbose"],
        ["XTAB t a b", "expected 5 or 6 words behind XTAB, got 3"],
      ] as const
    ) {
      const [title, [text] = []] = await table(client, sql);
      assertEquals([title, text], [["XTAB ERROR"], message]);
    }
    assertEquals((await client.failure("XTAB there_is_none a b SUM c")).errno, 1146);
    // The words elsewhere are nobody's business.
    assertEquals(await client.rows("SELECT 'XTAB' AS xtab"), [["XTAB"]]);
    assertEquals(await client.rows("SELECT 1"), [[1]]);
    assertEquals(await client.rows("SELECT xtab FROM (SELECT 2 AS xtab) AS t"), [[2]]);
    assertEquals(await table(client, "SELECT XTAB VERSION"), [["XTAB version"], ["0.1.3"]]);
    assertEquals((await client.failure("XTABULATE")).errno, 1064);
  }, { database });
});
