import { StatementSync } from "node:sqlite";
import { assertEquals, assertRejects } from "@std/assert";
import { ColumnFlag, ColumnType } from "../../../../lib/protocol/column_type.ts";
import { ServerStatus } from "../../../../lib/protocol/status.ts";
import { readScript } from "../../../../plugins/demo/sql/script.ts";
import { SqlError } from "../../../../plugins/demo/sql/sql_error.ts";
import { Desk, failure, rows, run } from "./desk.ts";

/** Deno 2.4 does not say where a column comes from. */
const MODERN = "columns" in StatementSync.prototype;

Deno.test("Session.execute() answers what clients ask when they log in", async () => {
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

Deno.test("Session.execute() names columns as MySQL does and keeps columns of one name apart", async () => {
  using desk = new Desk();
  const outcome = await run(
    desk.session(),
    "SELECT 2, 1, 1+1, COUNT(*), c.id, o.id, 'x' FROM customers c JOIN orders o ON o.id = c.id",
  );
  if (outcome.kind !== "rows") throw new Error("No rows");
  assertEquals(outcome.columns.map(({ name }) => name), ["2", "1", "1+1", "COUNT(*)", "id", "id", "x"]);
  assertEquals(outcome.rows[0]?.slice(0, 3), [2n, 1n, 2n]);
});

Deno.test("Session.execute() types columns by their declaration and expressions by their values", async () => {
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
  name: `Session.execute() tells where a column comes from${MODERN ? "" : " [skipped: needs a newer Deno]"}`,
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

Deno.test("Session.execute() keeps what CREATE TABLE says for DESCRIBE and SHOW CREATE TABLE", async () => {
  using desk = new Desk();
  const session = desk.session();
  await run(
    session,
    "CREATE TABLE t (id INT NOT NULL AUTO_INCREMENT, `a b` VARCHAR(20) DEFAULT 'x' COMMENT 'c', d DECIMAL(8,3) UNSIGNED," +
      " j JSON, ts TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, PRIMARY KEY (id)," +
      " UNIQUE KEY ua (`a b`(10)), KEY kd (d DESC)) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4",
  );
  assertEquals(await rows(session, "DESCRIBE t"), [
    ["id", "int", "NO", "PRI", null, "auto_increment"],
    ["a b", "varchar(20)", "YES", "UNI", "x", ""],
    ["d", "decimal(8,3) unsigned", "YES", "MUL", null, ""],
    ["j", "json", "YES", "", null, ""],
    ["ts", "timestamp", "NO", "", "CURRENT_TIMESTAMP", "DEFAULT_GENERATED"],
  ]);
  const [[, shown] = []] = await rows(session, "SHOW CREATE TABLE t");
  await run(session, "DROP TABLE t");
  await run(session, String(shown));
  assertEquals((await rows(session, "SHOW CREATE TABLE t"))[0]?.[1], shown);
});

Deno.test("Session.execute() shows the catalog in information_schema and SHOW", async () => {
  using desk = new Desk();
  const session = desk.session();
  assertEquals(
    await rows(
      session,
      "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'SHOP' ORDER BY 1",
    ),
    [
      ["customers", "BASE TABLE"],
      ["order_items", "BASE TABLE"],
      ["order_totals", "VIEW"],
      ["orders", "BASE TABLE"],
      ["products", "BASE TABLE"],
    ],
  );
  await run(session, "CREATE TABLE fresh (id INT PRIMARY KEY)");
  assertEquals(await rows(session, "SHOW TABLES LIKE 'f%'"), [["fresh"]]);
  assertEquals(await rows(session, "SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'fresh'"), [[
    "1",
  ]]);
  assertEquals(
    await rows(
      session,
      "SELECT column_name, referenced_table_name FROM information_schema.key_column_usage " +
        "WHERE table_name = 'orders' AND referenced_table_name IS NOT NULL",
    ),
    [["customer_id", "customers"]],
  );
});

Deno.test("Session.execute() counts rows and new ids", async () => {
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

Deno.test("Session.execute() keeps bytes and text of all kinds", async () => {
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

Deno.test("Session.execute() runs transactions, with savepoints", async () => {
  using desk = new Desk();
  const session = desk.session();
  const count = async () => (await rows(session, "SELECT COUNT(*) FROM order_items"))[0]?.[0];
  await run(
    session,
    "START TRANSACTION; DELETE FROM order_items WHERE order_id = 1; SAVEPOINT s; DELETE FROM order_items",
  );
  assertEquals(session.status & ServerStatus.SERVER_STATUS_IN_TRANS, ServerStatus.SERVER_STATUS_IN_TRANS);
  assertEquals(await count(), "0");
  await run(session, "ROLLBACK TO s");
  assertEquals(await count(), "18");
  await run(session, "ROLLBACK");
  assertEquals([await count(), session.status], ["20", ServerStatus.SERVER_STATUS_AUTOCOMMIT]);
  await run(session, "SET autocommit = 0; DELETE FROM order_items; SET autocommit = 1; ROLLBACK");
  assertEquals(await count(), "0");
});

Deno.test("Session.execute() lets one transaction write at a time, and others wait their turn", async () => {
  using desk = new Desk();
  const [first, second] = [desk.session(), desk.session()];
  await run(first, "BEGIN; UPDATE products SET stock = 1 WHERE id = 1");
  const waiting = run(second, "UPDATE products SET stock = stock + 10 WHERE id = 1");
  assertEquals(await rows(second, "SELECT 1"), [["1"]]);
  await run(first, "COMMIT");
  await waiting;
  assertEquals(await rows(first, "SELECT stock FROM products WHERE id = 1"), [["11"]]);
});

Deno.test("Session.execute() gives up waiting after innodb_lock_wait_timeout", async () => {
  using desk = new Desk();
  const [first, second] = [desk.session(), desk.session()];
  await run(first, "BEGIN; DELETE FROM order_items");
  await run(second, "SET innodb_lock_wait_timeout = 0.01");
  assertEquals((await failure(second, "DELETE FROM order_items")).slice(0, 2), [1205, "HY000"]);
  first.reset();
  await run(second, "DELETE FROM order_items");
});

Deno.test("Session.interrupt() ends what a statement waits for", async () => {
  using desk = new Desk();
  const session = desk.session();
  const sleeping = run(session, "SELECT SLEEP(1000)");
  session.interrupt();
  assertEquals((await assertRejects(() => sleeping, SqlError)).code, 1317);
  assertEquals(await rows(session, "SELECT SLEEP(0)"), [["0"]]);
});

Deno.test("Session.reset() forgets transaction, variables and temporary tables", async () => {
  using desk = new Desk();
  const session = desk.session();
  await run(session, "CREATE TEMPORARY TABLE t (a INT); SET @a = 1, wait_timeout = 5; BEGIN; DELETE FROM order_items");
  session.reset();
  assertEquals(await rows(session, "SELECT COUNT(*), @a, @@wait_timeout FROM order_items"), [["20", null, "28800"]]);
  assertEquals((await failure(session, "SELECT * FROM t"))[0], 1146);
});

Deno.test("Session.prepare() tells parameters and columns without running anything", async () => {
  using desk = new Desk();
  const session = desk.session();
  const read = (sql: string) => session.prepare(readScript(new TextEncoder().encode(sql)));
  const query = await read("SELECT id, name FROM customers WHERE id = ? AND name LIKE ? LIMIT ?");
  assertEquals([query.parameterCount, query.columns.map(({ name }) => name)], [3, ["id", "name"]]);
  assertEquals((await read("DELETE FROM orders WHERE id = ?")).columns, []);
  assertEquals((await read("SHOW TABLES")).columns.length, 1);
  assertEquals(await rows(session, "SELECT COUNT(*) FROM orders"), [["12"]]);
  assertEquals((await assertRejects(() => read("SELECT nope FROM customers"), SqlError)).code, 1054);
  const outcome = await session.execute(query.script, 0, [8n, "山%", 1n]);
  assertEquals(outcome.kind === "rows" && outcome.rows, [[8n, "山田 花子"]]);
});

Deno.test("Session.execute() knows SQL's own prepared statements", async () => {
  using desk = new Desk();
  const session = desk.session();
  await run(session, "PREPARE p FROM 'SELECT ? + ? AS sum'; SET @a = 40, @b = 2");
  assertEquals(await rows(session, "EXECUTE p USING @a, @b"), [["42"]]);
  await run(session, "DEALLOCATE PREPARE p");
  assertEquals((await failure(session, "EXECUTE p USING @a, @b"))[0], 1243);
});
