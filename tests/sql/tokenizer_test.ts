import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { KEYWORDS, TOKEN_NAMES, tokenize } from "../../lib/sql/mod.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The tokens as `NAME:text`, without the `TK_` that all names have. */
function tokens(sql: string): string[] {
  const list = tokenize(encoder.encode(sql));
  return Array.from({ length: list.length }, (_, i) => `${list.name(i).slice(3)}:${decoder.decode(list.text(i))}`);
}

Deno.test("TOKEN_NAMES has the original's ids", () => {
  assertEquals(TOKEN_NAMES.length, 262);
  assertEquals(KEYWORDS.length, 233);
  // Spec 4.10 marks every tenth keyword.
  const marked = {
    28: "ACCESSIBLE",
    38: "BEFORE",
    48: "CASE",
    58: "CONVERT",
    68: "DATE",
    78: "DELETE",
    88: "EACH",
    98: "FETCH",
    108: "GROUP",
    118: "INFILE",
    128: "INT8",
    138: "LEADING",
    148: "LOCK",
    158: "MEDIUMTEXT",
    168: "NULL",
    178: "OUTFILE",
    188: "REAL",
    198: "REVOKE",
    208: "SHOW",
    218: "SQLWARNING",
    228: "TINYBLOB",
    238: "UNLOCK",
    248: "VARBINARY",
    258: "XOR",
  };
  for (const [id, word] of Object.entries(marked)) assertEquals(TOKEN_NAMES[Number(id)], `TK_SQL_${word}`);
  assertEquals(TOKEN_NAMES[260], "TK_SQL_ZEROFILL");
  assertEquals(TOKEN_NAMES[261], "TK_COMMENT_MYSQL");
  assertEquals(TOKEN_NAMES.slice(0, 12).at(-1), "TK_INTEGER");
  assertEquals(TOKEN_NAMES[27], "TK_LOGICAL_OR");
});

Deno.test("tokenize() finds every keyword in any case", () => {
  for (const word of KEYWORDS) {
    for (const form of [word, word.toLowerCase(), word[0] + word.slice(1).toLowerCase()]) {
      assertEquals(tokens(form), [`SQL_${word}:${form}`]);
    }
    assertEquals(tokens(`${word}_X9 `), [`LITERAL:${word}_X9`]);
  }
});

Deno.test("tokenize() reads a statement", () => {
  assertEquals(tokens("SELECT a.b, COUNT(*) FROM `my table` WHERE x >= 1.5 AND y='it''s'"), [
    "SQL_SELECT:SELECT",
    "LITERAL:a",
    "DOT:.",
    "LITERAL:b",
    "COMMA:,",
    "FUNCTION:COUNT",
    "OBRACE:(",
    "STAR:*",
    "CBRACE:)",
    "SQL_FROM:FROM",
    "LITERAL:my table",
    "SQL_WHERE:WHERE",
    "LITERAL:x",
    "GE:>=",
    "FLOAT:1.5",
    "SQL_AND:AND",
    "LITERAL:y",
    "EQ:=",
    "STRING:it's",
  ]);
});

Deno.test("tokenize() takes the longest operator", () => {
  assertEquals(tokens("<= >= < > = <> != := ( ) ; * + - / & | ^ && || . ,").map((text) => text.split(":")[0]), [
    ..."LE GE LT GT EQ NE NE ASSIGN OBRACE CBRACE SEMICOLON STAR PLUS MINUS DIV".split(" "),
    ..."BITWISE_AND BITWISE_OR BITWISE_XOR LOGICAL_AND LOGICAL_OR DOT COMMA".split(" "),
  ]);
  assertEquals(tokens("a<=>b"), ["LITERAL:a", "LE:<=", "GT:>", "LITERAL:b"]);
  assertEquals(tokens("@a:=1"), ["LITERAL:@a", "ASSIGN::=", "INTEGER:1"]);
  assertEquals(tokens("?:%!~\\{"), "?:%!~\\{".split("").map((byte) => `UNKNOWN:${byte}`));
});

Deno.test("tokenize() reads comments", () => {
  assertEquals(tokens("/* a */1/**/"), ["COMMENT: a ", "INTEGER:1", "COMMENT:"]);
  assertEquals(tokens("/* a * b ***/ 1"), ["COMMENT: a * b ", "INTEGER:1"]);
  assertEquals(tokens("/*!40101 SET x */"), ["COMMENT_MYSQL:40101 SET x "]);
  assertEquals(tokens("-- a\n1"), ["COMMENT:a", "INTEGER:1"]);
  assertEquals(tokens("--\ta b"), ["COMMENT:a b"]);
  assertEquals(tokens("--  a"), ["COMMENT: a"]);
  assertEquals(tokens("--\n1"), ["COMMENT:", "INTEGER:1"]);
  assertEquals(tokens("--\r\n1"), ["COMMENT:", "INTEGER:1"]);
  assertEquals(tokens("1--1"), ["INTEGER:1", "MINUS:-", "MINUS:-", "INTEGER:1"]);
  assertEquals(tokens("--"), ["MINUS:-", "MINUS:-"]);
  assertEquals(tokens("# a\n1#"), ["COMMENT: a", "INTEGER:1", "COMMENT:"]);
  assertEquals(tokens("/*/1"), ["COMMENT:/1"]);
});

Deno.test("tokenize() reads quoted texts", () => {
  assertEquals(tokens(`'a' "b" \`c\``), ["STRING:a", "STRING:b", "LITERAL:c"]);
  assertEquals(tokens(`'a''b' "a""b" \`a\`\`b\` "a''b"`), ["STRING:a'b", 'STRING:a"b', "LITERAL:a`b", "STRING:a''b"]);
  assertEquals(tokens(String.raw`'a\'b' 'a\\' "\""`), [
    String.raw`STRING:a\'b`,
    String.raw`STRING:a\\`,
    String.raw`STRING:\"`,
  ]);
  assertEquals(tokens(String.raw`'\''''`), [String.raw`STRING:\''`]);
  assertEquals(tokens("'a\\\nb'"), ["STRING:a\\\nb"]);
  assertEquals(tokens(`'a'"b"'c'`), ["STRING:a", "STRING:b", "STRING:c"]);
  assertEquals(tokens("`a\\`b"), ["LITERAL:a\\", "LITERAL:b"]);
  assertEquals(tokens("''\"\""), ["STRING:", "STRING:"]);
});

Deno.test("tokenize() ends what has no end with the input", () => {
  assertEquals(tokens("'abc"), ["STRING:abc"]);
  assertEquals(tokens("'abc\\"), ["STRING:abc\\"]);
  assertEquals(tokens("'abc''"), ["STRING:abc'"]);
  assertEquals(tokens('"'), ["STRING:"]);
  assertEquals(tokens("`a"), ["LITERAL:a"]);
  assertEquals(tokens("/* a *"), ["COMMENT: a *"]);
  assertEquals(tokens("/*! a"), ["COMMENT_MYSQL: a"]);
  assertEquals(tokens("SELECT 1"), ["SQL_SELECT:SELECT", "INTEGER:1"]);
});

Deno.test("tokenize() tells numbers from words", () => {
  assertEquals(tokens("1 1.5 .5 1e+5 1.5e-5 1E5 .5e3"), [
    "INTEGER:1",
    "FLOAT:1.5",
    "FLOAT:.5",
    "FLOAT:1e+5",
    "FLOAT:1.5e-5",
    "FLOAT:1E5",
    "FLOAT:.5e3",
  ]);
  assertEquals(tokens("1e"), ["LITERAL:1e"]);
  assertEquals(tokens("1e+1e"), ["FLOAT:1e+1", "LITERAL:e"]);
  assertEquals(tokens(".1t"), ["FLOAT:.1", "LITERAL:t"]);
  assertEquals(tokens("e1.1e+1"), ["LITERAL:e1", "DOT:.", "LITERAL:1e", "PLUS:+", "INTEGER:1"]);
  assertEquals(tokens("1."), ["INTEGER:1", "DOT:."]);
  assertEquals(tokens("1e5a 0x1F"), ["LITERAL:1e5a", "LITERAL:0x1F"]);
  assertEquals(tokens("1e+"), ["LITERAL:1e", "PLUS:+"]);
  assertEquals(tokens("-1"), ["MINUS:-", "INTEGER:1"]);
});

Deno.test("tokenize() reads words", () => {
  assertEquals(tokens("1t db.1t.x"), ["LITERAL:1t", "LITERAL:db", "DOT:.", "LITERAL:1t", "DOT:.", "LITERAL:x"]);
  assertEquals(tokens("a . b"), ["LITERAL:a", "DOT:.", "LITERAL:b"]);
  assertEquals(tokens("a.b.c.d"), [
    "LITERAL:a",
    "DOT:.",
    "LITERAL:b",
    "DOT:.",
    "LITERAL:c",
    "DOT:.",
    "LITERAL:d",
  ]);
  assertEquals(tokens("t.select"), ["LITERAL:t", "DOT:.", "SQL_SELECT:select"]);
  assertEquals(tokens("@@global.x"), ["LITERAL:@@global", "DOT:.", "LITERAL:x"]);
  assertEquals(tokens("größe t$1 日本"), ["LITERAL:größe", "LITERAL:t$1", "LITERAL:日本"]);
  assertEquals(tokens("COMMIT ROLLBACK BEGIN START TRUNCATE GLOBAL SESSION"), [
    ..."COMMIT ROLLBACK BEGIN START TRUNCATE GLOBAL SESSION".split(" ").map((word) => `LITERAL:${word}`),
  ]);
});

Deno.test("tokenize() takes a word before a parenthesis as a function", () => {
  assertEquals(tokens("IN(1)"), ["FUNCTION:IN", "OBRACE:(", "INTEGER:1", "CBRACE:)"]);
  assertEquals(tokens("IN (1)"), ["SQL_IN:IN", "OBRACE:(", "INTEGER:1", "CBRACE:)"]);
  assertEquals(tokens("s.in("), ["LITERAL:s", "DOT:.", "FUNCTION:in", "OBRACE:("]);
  assertEquals(tokens("t1("), ["FUNCTION:t1", "OBRACE:("]);
});

const sqlBytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.array(fc.constantFrom(..."'\"`\\/*!-# \n.1eE+aZ@$(:=".split(""), "é", "SELECT", "/*!", "*/"), { maxLength: 100 })
    .map((parts) => encoder.encode(parts.join(""))),
);

Deno.test("tokenize() gives ordered spans that cover all but blanks and marks", () => {
  fc.assert(fc.property(sqlBytes, (sql) => {
    const list = tokenize(sql);
    assert(list.length <= sql.length);
    let end = 0;
    for (let i = 0; i < list.length; i++) {
      assert(list.start(i) >= end && list.end(i) >= list.start(i) && list.end(i) <= sql.length);
      // What is left out between two tokens is blanks, quotes, and the marks of comments.
      for (const byte of sql.subarray(end, list.start(i))) {
        assert("\t\n\v\f\r '\"`/*!-#".includes(String.fromCharCode(byte)));
      }
      end = list.end(i);
      assert(TOKEN_NAMES[list.id(i)] !== undefined);
      assert(list.text(i).length <= list.end(i) - list.start(i));
    }
  }));
});

Deno.test("tokenize() does not depend on the texts before", () => {
  fc.assert(fc.property(sqlBytes, sqlBytes, (one, two) => {
    const spans = () => {
      const list = tokenize(one);
      return Array.from({ length: list.length }, (_, i) => [list.id(i), list.start(i), list.end(i)]);
    };
    const before = spans();
    tokenize(two);
    assertEquals(spans(), before);
  }));
});

Deno.test("tokenize() needs time in proportion to the input, whatever it is", () => {
  // A million bytes of what could make a scanner go back; quadratic time would take minutes.
  for (const part of ["'", "''", "/*", "/**", "*", "a.1", "1.", ".", "1e", "--", "\\", "a.", "`", "1"]) {
    const sql = encoder.encode(part.repeat(Math.ceil(1_000_000 / part.length)));
    const list = tokenize(sql);
    assert(list.length > 0);
    if (list.length > 0) list.text(list.length - 1);
  }
});
