import { assertEquals, assertThrows } from "@std/assert";
import { SqlError } from "../../../../plugins/demo/sql/sql_error.ts";
import { tokenize } from "../../../../plugins/demo/sql/token.ts";
import { translate } from "../../../../plugins/demo/sql/translate.ts";
import type { TranslationContext } from "../../../../plugins/demo/sql/translation.ts";
import { rewriteDelete, rewriteInsert, rewriteUpdate } from "../../../../plugins/demo/sql/write_statement.ts";

function context(source: string, sleeps: string[] = []): TranslationContext {
  return {
    source,
    rawBytes: false,
    mainDatabase: "shop",
    database: "shop",
    user: "demo@localhost",
    connectionId: 7,
    version: "9",
    lastInsertId: 5n,
    rowCount: -1n,
    foundRows: 3n,
    sleep: (seconds) => sleeps.push(seconds),
    systemVariable: (name) => `'${name}'`,
    userVariable: () => "42",
  };
}

function sql(source: string): string {
  return translate(tokenize(source), context(source)).sql;
}

const CASES: readonly (readonly [mysql: string, sqlite: string])[] = [
  ["SELECT a FROM `t` x", 'SELECT a FROM "t" x'],
  ["SELECT shop.t.a, t.* FROM `shop`.`t`", 'SELECT "t"."a" , "t".* FROM "t"'],
  ['SELECT "x" a', "SELECT 'x' a"],
  ["SELECT 1 `AND`", 'SELECT 1 "AND"'],
  ["SELECT 1+1", 'SELECT 1 + 1 AS "1+1"'],
  ["SELECT 'it''s'", "SELECT 'it''s' AS \"it's\""],
  ["SELECT NOW() n", "SELECT datetime('now') n"],
  [
    "SELECT a || b, a && b, a <=> b FROM t",
    'SELECT a OR b AS "a || b" , a AND b AS "a && b" , a IS b AS "a <=> b" FROM t',
  ],
  ["SELECT 7 / 2 x, 7 DIV 2 y, 7 MOD 2 z", "SELECT 7 * 1.0 / 2 x , 7 / 2 y , 7 % 2 z"],
  ["SELECT CONCAT(a, 'b', CONCAT(c)) x FROM t", "SELECT ((a) || ('b') || (((c)))) x FROM t"],
  ["SELECT LENGTH(a) l, CHAR_LENGTH(a) c FROM t", "SELECT octet_length(a) l , length(a) c FROM t"],
  ["SELECT d + INTERVAL 2 DAY x FROM t", "SELECT datetime(d, ((2) * 1) || ' days') x FROM t"],
  ["SELECT CURDATE() - INTERVAL 1 WEEK x", "SELECT date(date('now'), ((1) * -7) || ' days') x"],
  [
    "SELECT GROUP_CONCAT(a ORDER BY b DESC SEPARATOR '; ') x FROM t",
    "SELECT group_concat(a, '; ' ORDER BY b DESC) x FROM t",
  ],
  ["SELECT CAST(a AS UNSIGNED) x, CONVERT(a USING utf8mb4) y FROM t", "SELECT CAST(a AS INTEGER) x , a y FROM t"],
  ["SELECT a FROM t WHERE b LIKE '50\\%'", "SELECT a FROM t WHERE b LIKE '50\\%' ESCAPE '\\'"],
  ["SELECT a FROM t FORCE INDEX (i) WHERE b = 1 FOR UPDATE SKIP LOCKED", "SELECT a FROM t WHERE b = 1"],
  ["SELECT SQL_NO_CACHE DISTINCT a FROM t LOCK IN SHARE MODE", "SELECT DISTINCT a FROM t"],
  ["SELECT a FROM t WHERE a COLLATE utf8mb4_bin = 'x'", "SELECT a FROM t WHERE a COLLATE BINARY = 'x'"],
  ["SELECT a FROM t ORDER BY a COLLATE utf8mb4_general_ci", "SELECT a FROM t ORDER BY a"],
  ["SELECT lower(a) + INTERVAL 1 DAY x FROM t", "SELECT datetime(lower(a), ((1) * 1) || ' days') x FROM t"],
  ["SELECT 1 x FROM DUAL", "SELECT 1 x"],
  ["SELECT _utf8mb4'x' a, 0xff b, _binary'\u00e9' c", "SELECT 'x' a , x'ff' b , x'c3a9' c"],
  ["SELECT @@version v, @a w, LAST_INSERT_ID() i", "SELECT 'version' v , 42 w , 5 i"],
  ["SELECT $$ x", 'SELECT "$$" x'],
  ["SELECT 'a\\0b' x", "SELECT x'610062' x"],
  [
    "SELECT TABLES.TABLE_NAME FROM information_schema.tables WHERE TABLE_ROWS > 1",
    'SELECT "TABLES"."TABLE_NAME" FROM temp."information_schema.TABLES" AS "tables" WHERE TABLE_ROWS > 1',
  ],
];

Deno.test("translate() writes SQLite's dialect", () => {
  for (const [mysql, sqlite] of CASES) assertEquals(sql(mysql), sqlite, mysql);
});

Deno.test("translate() keeps parameters in the client's order where a rewrite moves them", () => {
  const source = "SELECT LOCATE(?, ?) a, ? b";
  const { sql, parameters, parameterCount } = translate(tokenize(source), context(source));
  assertEquals([sql, parameters, parameterCount], ["SELECT instr(?, ?) a , ? b", [1, 0, 2], 3]);
});

Deno.test("translate() never takes a literal for a parameter's mark", () => {
  const source = "SELECT '\u00010;' a, `\u00011;` b";
  assertEquals(translate(tokenize(source), context(source)).parameters, []);
});

Deno.test("translate() asks for the pauses of SLEEP", () => {
  const sleeps: string[] = [];
  const source = "SELECT SLEEP(1.5)";
  assertEquals(translate(tokenize(source), context(source, sleeps)).sql, 'SELECT 0 AS "SLEEP(1.5)"');
  assertEquals(sleeps, ["1.5"]);
});

Deno.test("translate() refuses parentheses without an end and calls without their arguments", () => {
  for (
    const source of ["SELECT (1", "SELECT NOW(", "SELECT LEFT('a')", `SELECT ${"(".repeat(5000)}1${")".repeat(5000)}`]
  ) {
    assertThrows(() => sql(source), SqlError, undefined, source);
  }
});

const WRITES: readonly (readonly [mysql: string, sqlite: string])[] = [
  ["INSERT IGNORE t VALUES (1, DEFAULT)", "INSERT OR IGNORE INTO t VALUES (1 , NULL)"],
  ["INSERT INTO t SET a = 1, b = DEFAULT", "INSERT INTO t (a , b) VALUES (1 , NULL)"],
  ["INSERT INTO t () VALUES ()", "INSERT INTO t DEFAULT VALUES"],
  [
    "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a) + 1",
    'INSERT INTO t (a) VALUES (1) ON CONFLICT DO UPDATE SET a = "excluded"."a" + 1',
  ],
  [
    "INSERT INTO t (a) VALUES (1) AS new ON DUPLICATE KEY UPDATE a = new.a",
    'INSERT INTO t (a) VALUES (1) ON CONFLICT DO UPDATE SET a = "excluded"."a"',
  ],
  ["REPLACE t (a) VALUES (1)", "REPLACE INTO t (a) VALUES (1)"],
  ["UPDATE t x SET x.a = 1 WHERE b = 2", "UPDATE t AS x SET a = 1 WHERE b = 2"],
  [
    "UPDATE t SET a = 1 WHERE b = 2 ORDER BY c LIMIT 1",
    "UPDATE t SET a = 1 WHERE rowid IN (SELECT rowid FROM t WHERE b = 2 ORDER BY c LIMIT 1)",
  ],
  ["DELETE QUICK FROM t LIMIT 1", "DELETE FROM t WHERE rowid IN (SELECT rowid FROM t LIMIT 1)"],
];

Deno.test("rewriteInsert(), rewriteUpdate() and rewriteDelete() turn MySQL's forms into SQLite's", () => {
  for (const [mysql, sqlite] of WRITES) {
    const tokens = tokenize(mysql);
    const rewrite = mysql.startsWith("UPDATE")
      ? rewriteUpdate
      : mysql.startsWith("DELETE")
      ? rewriteDelete
      : rewriteInsert;
    assertEquals(translate(rewrite(tokens, mysql).tokens, context(mysql)).sql, sqlite, mysql);
  }
});
