import { assertEquals } from "@std/assert";
import { databaseOf } from "../../lib/core/default_database.ts";
import { Command, encodeText } from "../../lib/protocol/mod.ts";

function query(sql: string): Uint8Array {
  return Uint8Array.of(Command.COM_QUERY, ...encodeText(sql));
}

Deno.test("databaseOf() reads COM_INIT_DB and USE", () => {
  assertEquals(databaseOf(Uint8Array.of(Command.COM_INIT_DB, ...encodeText("shop"))), "shop");
  assertEquals(databaseOf(query("USE shop")), "shop");
  assertEquals(databaseOf(query("use `a``b c` ; ")), "a`b c");
});

Deno.test("databaseOf() knows of no database in other commands", () => {
  for (const sql of ["", "u", "UPDATE t SET a = 1", "USE", "user", "use a b", "SELECT 1", "use " + "x".repeat(600)]) {
    assertEquals(databaseOf(query(sql)), undefined, sql);
  }
  assertEquals(databaseOf(Uint8Array.of(Command.COM_PING)), undefined);
  assertEquals(databaseOf(new Uint8Array(0)), undefined);
});
