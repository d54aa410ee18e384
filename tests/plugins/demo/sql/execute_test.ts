import { StatementSync } from "node:sqlite";
import { assertEquals, assertRejects } from "@std/assert";
import { ColumnFlag, ColumnType } from "../../../../lib/protocol/column_type.ts";
import { execute, prepare } from "../../../../plugins/demo/sql/execute.ts";
import { readScript } from "../../../../plugins/demo/sql/script.ts";
import { SqlError } from "../../../../plugins/demo/sql/sql_error.ts";
import { Desk, rows, run } from "./desk.ts";

/** Deno 2.4 does not say where a column comes from. */
const MODERN = "columns" in StatementSync.prototype;

Deno.test("execute() answers what clients ask when they log in", async () => {
  using desk = new Desk();
  const session = desk.session();
  await run(session, "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci");
  await run(session, "/*!40101 SET @old = @@character_set_client, SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI') */");
  await run(session, "SET autocommit=1, @@session.wait_timeout = 60, time_zone = '+00:00'");
  assertEquals(await rows(session, "SELECT @old, @@wait_timeout, @@global.lower_case_table_names AS l, @@autocommit"), [
    ["utf8mb4", "60", "1", "1"],
  ]);
  assertEquals(await rows(session, "SHOW VARIABLES LIKE 'collation\\_c%'"), [[
    "collation_connection",
    "utf8mb4_unicode_ci",
  ]]);
  assertEquals(await rows(session, "SHOW VARIABLES WHERE Variable_name IN ('PORT', 'hostname') AND Value <> ''"), [
    ["hostname", "demo-test"],
    ["port", "3306"],
  ]);
  assertEquals(await rows(session, "SELECT DATABASE(), USER(), CONNECTION_ID()"), [["shop", "demo@localhost", "1"]]);
});

Deno.test("execute() names columns as MySQL does and keeps columns of one name apart", async () => {
  using desk = new Desk();
  const outcome = await run(
    desk.session(),
    "SELECT 2, 1, 1+1, COUNT(*), c.id, o.id, 'x' FROM customers c JOIN orders o ON o.id = c.id",
  );
  if (outcome.kind !== "rows") throw new Error("No rows");
  assertEquals(outcome.columns.map(({ name }) => name), ["2", "1", "1+1", "COUNT(*)", "id", "id", "x"]);
  assertEquals(outcome.rows[0]?.slice(0, 3), [2n, 1n, 2n]);
});

Deno.test("execute() types columns by their declaration and expressions by their values", async () => {
  using desk = new Desk();
  const sql = "SELECT id, name, credit, born, created_at, 1.5, 'x', NULL, NOW() FROM customers WHERE id = 1";
  const outcome = await run(desk.session(), sql);
  if (outcome.kind !== "rows") throw new Error("No rows");
  assertEquals(outcome.columns.map(({ type }) => type), [
    ColumnType.MYSQL_TYPE_LONG,
    ColumnType.MYSQL_TYPE_VAR_STRING,
    ColumnType.MYSQL_TYPE_NEWDECIMAL,
    ColumnType.MYSQL_TYPE_DATE,
    ColumnType.MYSQL_TYPE_DATETIME,
    ColumnType.MYSQL_TYPE_DOUBLE,
    ColumnType.MYSQL_TYPE_VAR_STRING,
    ColumnType.MYSQL_TYPE_VAR_STRING,
    ColumnType.MYSQL_TYPE_DATETIME,
  ]);
  assertEquals(outcome.columns.slice(0, 3).map(({ charset, decimals }) => [charset, decimals]), [[63, 0], [255, 0], [
    63,
    2,
  ]]);
});

Deno.test({
  name: `execute() tells where a column comes from${MODERN ? "" : " [skipped: needs a newer Deno]"}`,
  ignore: !MODERN,
  fn: async () => {
    using desk = new Desk();
    const outcome = await run(desk.session(), "SELECT id AS number FROM customers c");
    if (outcome.kind !== "rows") throw new Error("No rows");
    const [{ schema, originalTable, originalName, flags = 0 } = {}] = outcome.columns;
    assertEquals([schema, originalTable, originalName], ["shop", "customers", "id"]);
    const expected = ColumnFlag.NOT_NULL_FLAG | ColumnFlag.PRI_KEY_FLAG | ColumnFlag.AUTO_INCREMENT_FLAG;
    assertEquals(flags & expected, expected);
  },
});

Deno.test("execute() counts rows and new ids", async () => {
  using desk = new Desk();
  const session = desk.session();
  const sql = "INSERT INTO products (sku, name, price) VALUES ('A', 'a', 1), ('B', 'b', 2)";
  assertEquals(await run(session, sql), {
    kind: "ok",
    affectedRows: 2n,
    lastInsertId: 11n,
    info: "Records: 2  Duplicates: 0  Warnings: 0",
  });
  assertEquals(await rows(session, "SELECT LAST_INSERT_ID(), ROW_COUNT()"), [["11", "2"]]);
  assertEquals(await rows(session, "SELECT FOUND_ROWS()"), [["1"]]);
  const update = await run(session, "UPDATE products SET stock = 1 WHERE id > 10");
  assertEquals(update.kind === "ok" && update.affectedRows, 2n);
});

Deno.test("execute() keeps bytes and text of all kinds", async () => {
  using desk = new Desk();
  const session = desk.session();
  await run(session, "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, b BLOB, s TEXT)");
  const head = new TextEncoder().encode("INSERT INTO t (b, s) VALUES (_binary'");
  const tail = new TextEncoder().encode("', 'Zoë 🌻\\0end')");
  await run(session, new Uint8Array([...head, 0xff, 0x00, 0x80, 0x5c, 0x27, ...tail]));
  const [[bytes, text] = []] = await rows(session, "SELECT b, s FROM t");
  assertEquals(bytes, Uint8Array.of(0xff, 0x00, 0x80, 0x27));
  assertEquals(text, new TextEncoder().encode("Zoë 🌻\0end"));
});

Deno.test("prepare() tells parameters and columns without running anything", async () => {
  using desk = new Desk();
  const session = desk.session();
  const read = (sql: string) => prepare(session, readScript(new TextEncoder().encode(sql)));
  const query = await read("SELECT id, name FROM customers WHERE id = ? AND name LIKE ? LIMIT ?");
  assertEquals([query.parameterCount, query.columns.map(({ name }) => name)], [3, ["id", "name"]]);
  assertEquals((await read("DELETE FROM orders WHERE id = ?")).columns, []);
  assertEquals((await read("SHOW TABLES")).columns.length, 1);
  assertEquals(await rows(session, "SELECT COUNT(*) FROM orders"), [["12"]]);
  assertEquals((await assertRejects(() => read("SELECT nope FROM customers"), SqlError)).code, 1054);
  const outcome = await execute(session, query.script, 0, [8n, "山%", 1n]);
  assertEquals(outcome.kind === "rows" && outcome.rows, [[8n, "山田 花子"]]);
});
