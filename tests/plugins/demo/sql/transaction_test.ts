import { assertEquals } from "@std/assert";
import { ServerStatus } from "../../../../lib/protocol/status.ts";
import { Desk, failure, rows, run } from "./desk.ts";

Deno.test("Transaction.run() begins and ends transactions, with savepoints", async () => {
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

Deno.test("Transaction.lock() lets one transaction write at a time, and others wait their turn", async () => {
  using desk = new Desk();
  const [first, second] = [desk.session(), desk.session()];
  await run(first, "BEGIN; UPDATE products SET stock = 1 WHERE id = 1");
  const waiting = run(second, "UPDATE products SET stock = stock + 10 WHERE id = 1");
  assertEquals(await rows(second, "SELECT 1"), [["1"]]);
  await run(first, "COMMIT");
  await waiting;
  assertEquals(await rows(first, "SELECT stock FROM products WHERE id = 1"), [["11"]]);
});

Deno.test("Transaction.lock() gives up waiting after innodb_lock_wait_timeout", async () => {
  using desk = new Desk();
  const [first, second] = [desk.session(), desk.session()];
  await run(first, "BEGIN; DELETE FROM order_items");
  await run(second, "SET innodb_lock_wait_timeout = 0.01");
  assertEquals((await failure(second, "DELETE FROM order_items")).slice(0, 2), [1205, "HY000"]);
  first.reset();
  await run(second, "DELETE FROM order_items");
});
