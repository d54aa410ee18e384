import { assertEquals, assertThrows } from "@std/assert";
import { SqlError } from "../../../../plugins/demo/sql/sql_error.ts";
import { splitStatements, tokenize } from "../../../../plugins/demo/sql/token.ts";

function shown(sql: string): string[] {
  return tokenize(sql).map(({ kind, value }) => `${kind}:${value}`);
}

Deno.test("tokenize() reads MySQL's literals and names", () => {
  assertEquals(shown("`a``b` 'it''s' \"d\\\"q\" 1.5e3 .5 0xff x'0A' b'101' ? @v @@session.x t.1"), [
    "name:a`b",
    "string:it's",
    'string:d"q',
    "number:1.5e3",
    "number:.5",
    "bytes:ff",
    "bytes:0A",
    "bytes:05",
    "parameter:?",
    "user-variable:v",
    "system-variable:session.x",
    "word:t",
    "operator:.",
    "number:1",
  ]);
});

Deno.test("tokenize() reads backslash escapes but keeps those of LIKE", () => {
  assertEquals(tokenize(String.raw`'a\n\0\'\\\%\_\q'`)[0]?.value, "a\n\0'\\\\%\\_q");
});

Deno.test("tokenize() skips comments and reads the content of those that count", () => {
  const sql = "SELECT # one\n 1 -- two\n + /* three */ 2 /*!40101 + 3 */ --4";
  assertEquals(
    shown(sql).join(" "),
    "word:SELECT number:1 operator:+ number:2 operator:+ number:3 operator:- operator:- number:4",
  );
});

Deno.test("tokenize() refuses what has no end", () => {
  for (const sql of ["'abc", "`abc", '"abc', "/* abc", "SELECT \u0001"]) assertThrows(() => tokenize(sql), SqlError);
});

Deno.test("splitStatements() cuts at semicolons outside of strings", () => {
  assertEquals(splitStatements(tokenize("SELECT ';'; ;SELECT 2;")).map((tokens) => tokens.length), [2, 2]);
});

Deno.test("tokenize() takes long statements of any shape", () => {
  for (const piece of ["(", "a ", "'x',", "''", "/**/", "-", "@@a "]) {
    const tokens = tokenize(`SELECT ${piece.repeat(50_000)}`);
    assertEquals(tokens[0]?.value, "SELECT");
  }
});
