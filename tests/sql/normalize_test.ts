import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { normalize, normalizeSql, tokenize } from "../../lib/sql/mod.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const normal = (sql: string) => decoder.decode(normalize(tokenize(encoder.encode(sql))));

Deno.test("normalize() leaves out what differs between calls of the same statement", () => {
  const form = "SELECT * FROM `t` WHERE `a` = ? AND `b` > ? ";
  assertEquals(normal("select * from t where a = 1 and b > 1.5"), form);
  assertEquals(normal("SELECT  *\nFROM `t` /* x */ WHERE a='it''s' AND b>.5 -- y"), form);
});

Deno.test("normalize() keeps comments for MySQL", () => {
  assertEquals(normal("SELECT /*!40001 SQL_NO_CACHE */ 1"), "SELECT /*!40001 SQL_NO_CACHE */ ? ");
});

Deno.test("normalize() writes functions without a blank", () => {
  assertEquals(normal("SELECT count(*), t.x"), "SELECT COUNT( * ) , `t` . `x` ");
});

Deno.test("normalize() keeps variables and quotes names", () => {
  assertEquals(normal("SET @a := `b``c`, @@x=é"), "SET @a := `b``c` , @@x = `é` ");
});

Deno.test("normalize() writes commands that are no keywords in upper case", () => {
  assertEquals(normal("commit"), "COMMIT ");
  assertEquals(normal("Rollback /* x */"), "ROLLBACK ");
  assertEquals(normal("begin"), "BEGIN ");
  assertEquals(normal("/* x */ start Transaction"), "START TRANSACTION ");
  assertEquals(normal("start /* x */ transaction"), "START TRANSACTION ");
  assertEquals(normal("start slave"), "START `slave` ");
  assertEquals(normal("begin transaction"), "BEGIN `transaction` ");
  assertEquals(normal("select start transaction"), "SELECT `start` `transaction` ");
});

Deno.test("normalize() is its own normal form", () => {
  const words = fc.constantFrom(
    "select",
    "a",
    "1",
    "'x'",
    "f(",
    ")",
    "`b``c`",
    ".",
    "@v",
    "/*!1 x*/",
    "-- c\n",
    "commit",
  );
  fc.assert(fc.property(fc.array(words, { maxLength: 30 }), (parts) => {
    const once = normal(parts.join(" "));
    assertEquals(normal(once), once);
  }));
});

Deno.test("normalize() makes room for texts of any size", () => {
  const name = "x".repeat(3_000_000);
  assert(normal(`select ${name}`) === `SELECT \`${name}\` `);
  assertEquals(normal("1"), "? ");
});

Deno.test("normalizeSql() gives the same as normalize(), one text after the other", () => {
  const texts = [
    "SELECT 1",
    "",
    "START TRANSACTION",
    "a `b` 'c' /* d */",
    `SELECT ${"1,".repeat(400_000)} x`,
    "COMMIT",
  ];
  for (const text of [...texts, ...texts]) {
    const sql = new TextEncoder().encode(text);
    assertEquals(normalizeSql(sql), normalize(tokenize(sql)));
  }
});
