import { assertEquals } from "@std/assert";
import { Desk, failure, run } from "./desk.ts";

/** What MySQL 9 answers to the same statements; the state and number are what programs look at. */
const CASES: readonly (readonly [sql: string, code: number, state: string, message: string])[] = [
  ["SELECT * FROM nope", 1146, "42S02", "Table 'shop.nope' doesn't exist"],
  ["SELECT nope FROM customers", 1054, "42S22", "Unknown column 'nope' in 'field list'"],
  ["INSERT INTO customers (nope) VALUES (1)", 1054, "42S22", "Unknown column 'nope' in 'field list'"],
  ["SELECT id FROM customers, orders", 1052, "23000", "Column 'id' in field list is ambiguous"],
  ["SELECT nope(1)", 1305, "42000", "FUNCTION shop.nope does not exist"],
  ["INSERT INTO order_items VALUES (1, 2)", 1136, "21S01", "Column count doesn't match value count at row 1"],
  [
    "INSERT INTO customers (id, name, city, country) VALUES (1, 'x', 'x', 'x')",
    1062,
    "23000",
    "Duplicate entry '1' for key 'customers.PRIMARY'",
  ],
  [
    "INSERT INTO products (sku, name, price) VALUES ('TEA-001', 'x', 1)",
    1062,
    "23000",
    "Duplicate entry 'TEA-001' for key 'products.sku'",
  ],
  [
    "INSERT INTO customers (name, city, country) VALUES (NULL, 'x', 'x')",
    1048,
    "23000",
    "Column 'name' cannot be null",
  ],
  [
    "INSERT INTO orders (customer_id) VALUES (999)",
    1452,
    "23000",
    "Cannot add or update a child row: a foreign key constraint fails",
  ],
  [
    "DELETE FROM customers WHERE id = 1",
    1451,
    "23000",
    "Cannot delete or update a parent row: a foreign key constraint fails",
  ],
  ["CREATE TABLE orders (id INT)", 1050, "42S01", "Table 'orders' already exists"],
  ["DROP TABLE nope", 1051, "42S02", "Unknown table 'shop.nope'"],
  ["USE nope", 1049, "42000", "Unknown database 'nope'"],
  ["SELECT @@nope", 1193, "HY000", "Unknown system variable 'nope'"],
  ["SET nope = 1", 1193, "HY000", "Unknown system variable 'nope'"],
  ["SET @@version = 'x'", 1238, "HY000", "Variable 'version' is a read only variable"],
  ["SET autocommit = 'maybe'", 1231, "42000", "Variable 'autocommit' can't be set to the value of 'maybe'"],
  ["CREATE PROCEDURE p() SELECT 1", 1235, "42000", "This version of MySQL doesn't yet support 'CREATE PROCEDURE'"],
  ["CREATE DATABASE other", 1044, "42000", "Access denied for user 'demo'@'localhost' to database 'other'"],
  ["EXECUTE nope", 1243, "HY000", "Unknown prepared statement handler (nope) given to EXECUTE"],
  ["SELECT 1 UNION SELECT 1, 2", 1222, "21000", "The used SELECT statements have a different number of columns"],
];

Deno.test("fromSqlite() gives MySQL's number, state and text", async () => {
  using desk = new Desk();
  const session = desk.session();
  for (const [sql, ...expected] of CASES) assertEquals(await failure(session, sql), expected, sql);
});

Deno.test("fromSqlite() quotes the statement from where it is wrong", async () => {
  using desk = new Desk();
  const session = desk.session();
  for (
    const [sql, near] of [["SELEC 1", "'SELEC 1'"], ["SELECT *\nFROM WHERE x", "'WHERE x' at line 2"], [
      "SELECT '",
      "'''",
    ]]
  ) {
    const [code, state, message] = await failure(session, sql ?? "");
    assertEquals([code, state, message.includes(`near ${near}`)], [1064, "42000", true], message);
  }
});

Deno.test("fromSqlite() leaves the session usable, and SHOW WARNINGS tells of the error", async () => {
  using desk = new Desk();
  const session = desk.session();
  await failure(session, "SELECT * FROM nope");
  const outcome = await run(session, "SHOW WARNINGS");
  assertEquals(outcome.kind === "rows" && outcome.rows, [["Error", 1146n, "Table 'shop.nope' doesn't exist"]]);
});
