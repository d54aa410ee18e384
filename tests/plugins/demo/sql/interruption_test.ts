import { assertEquals, assertRejects } from "@std/assert";
import { SqlError } from "../../../../plugins/demo/sql/sql_error.ts";
import { Desk, rows, run } from "./desk.ts";

Deno.test("Interruption.raise() ends what a statement waits for", async () => {
  using desk = new Desk();
  const session = desk.session();
  const sleeping = run(session, "SELECT SLEEP(1000)");
  session.interruption.raise();
  assertEquals((await assertRejects(() => sleeping, SqlError)).code, 1317);
  assertEquals(await rows(session, "SELECT SLEEP(0)"), [["0"]]);
});
