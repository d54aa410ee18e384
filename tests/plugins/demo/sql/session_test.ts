import { assertEquals } from "@std/assert";
import { Desk, failure, rows, run } from "./desk.ts";

Deno.test("Session.reset() forgets transaction, variables and temporary tables", async () => {
  using desk = new Desk();
  const session = desk.session();
  await run(session, "CREATE TEMPORARY TABLE t (a INT); SET @a = 1, wait_timeout = 5; BEGIN; DELETE FROM order_items");
  session.reset();
  assertEquals(await rows(session, "SELECT COUNT(*), @a, @@wait_timeout FROM order_items"), [["20", null, "28800"]]);
  assertEquals((await failure(session, "SELECT * FROM t"))[0], 1146);
});

Deno.test("Session.requireWritable() refuses to write on a read-only server", async () => {
  using desk = new Desk();
  const session = desk.session({ readOnly: true });
  for (
    const sql of [
      "DELETE FROM orders",
      "INSERT INTO orders (customer_id) VALUES (1)",
      "DROP TABLE orders",
      "CREATE TABLE x (a INT)",
    ]
  ) {
    const [code, state] = await failure(session, sql);
    assertEquals([code, state], [1290, "HY000"], sql);
  }
  await run(session, "START TRANSACTION; SELECT 1; COMMIT; SET @a = 1");
});
