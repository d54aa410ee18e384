import { assertEquals } from "@std/assert";
import { Desk, rows, run } from "./desk.ts";

Deno.test("describe() and showCreate() tell what CREATE TABLE said", async () => {
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

Deno.test("showTables() and information_schema tell of the catalog", async () => {
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
