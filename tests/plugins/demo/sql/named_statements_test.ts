import { assertEquals } from "@std/assert";
import { Desk, failure, rows, run } from "./desk.ts";

Deno.test("NamedStatements runs what PREPARE has read until DEALLOCATE", async () => {
  using desk = new Desk();
  const session = desk.session();
  await run(session, "PREPARE p FROM 'SELECT ? + ? AS sum'; SET @a = 40, @b = 2");
  assertEquals(await rows(session, "EXECUTE p USING @a, @b"), [["42"]]);
  await run(session, "DEALLOCATE PREPARE p");
  assertEquals((await failure(session, "EXECUTE p USING @a, @b"))[0], 1243);
});
