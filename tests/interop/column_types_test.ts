import { assertEquals } from "@std/assert";
import type { Kind } from "../servers/installation.ts";
import { withMariadb, withMysql2 } from "./drivers.ts";
import { CAPABILITY, little, preparedTranscript, RawClient, statementId, transcript } from "./raw_client.ts";
import { scenario } from "./scenario.ts";

/** Column types with values: a usual one, the ends of the range, and NULL in the last row. */
const COLUMNS: readonly (readonly [type: string, values: readonly [string, string, string]])[] = [
  ["TINYINT", ["1", "-128", "127"]],
  ["TINYINT UNSIGNED", ["1", "0", "255"]],
  ["BOOL", ["TRUE", "FALSE", "TRUE"]],
  ["SMALLINT", ["1", "-32768", "32767"]],
  ["MEDIUMINT", ["1", "-8388608", "8388607"]],
  ["INT", ["1", "-2147483648", "2147483647"]],
  ["INT UNSIGNED", ["1", "0", "4294967295"]],
  ["BIGINT", ["1", "-9223372036854775808", "9223372036854775807"]],
  ["BIGINT UNSIGNED", ["1", "0", "18446744073709551615"]],
  ["DECIMAL(65, 30)", ["1.5", "-99999999999999999999999999999999999.999999999999999999999999999999", "0"]],
  ["FLOAT", ["1.5", "-3.4e38", "3.4e38"]],
  ["DOUBLE", ["1.5", "-1.7e308", "2.2e-308"]],
  ["BIT(1)", ["1", "0", "1"]],
  ["BIT(64)", ["1", "0", "18446744073709551615"]],
  ["DATE", ["'2024-02-29'", "'1000-01-01'", "'9999-12-31'"]],
  ["TIME", ["'12:34:56'", "'-838:59:59'", "'838:59:59'"]],
  ["TIME(6)", ["'12:34:56.123456'", "'-838:59:59'", "'00:00:00.000001'"]],
  ["DATETIME", ["'2024-02-29 12:34:56'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'"]],
  ["DATETIME(6)", ["'2024-02-29 12:34:56.123456'", "'1000-01-01'", "'9999-12-31 23:59:59.999999'"]],
  ["TIMESTAMP(3) NULL", ["'2024-02-29 12:34:56.123'", "'1980-01-01 00:00:00'", "'2030-01-01 00:00:00'"]],
  ["YEAR", ["2024", "1901", "2155"]],
  ["CHAR(10)", ["'plain'", "''", "'äöü€😀'"]],
  ["VARCHAR(300)", ["'plain'", "''", "REPEAT('ä', 300)"]],
  ["CHAR(5) CHARACTER SET latin1", ["'ä'", "''", "'ÿ'"]],
  ["BINARY(4)", ["'abc'", "X'00000000'", "X'ffffffff'"]],
  ["VARBINARY(300)", ["'abc'", "''", "X'00ff27225c0a'"]],
  ["TINYTEXT", ["'abc'", "''", "REPEAT('x', 255)"]],
  ["TEXT", ["'abc'", "''", "REPEAT('y', 65535)"]],
  ["MEDIUMTEXT", ["'abc'", "''", "REPEAT('z', 70000)"]],
  ["LONGBLOB", ["'abc'", "''", "REPEAT(X'00ff', 40000)"]],
  ["ENUM('a', 'b', 'ü')", ["'a'", "'b'", "'ü'"]],
  ["SET('a', 'b', 'c')", ["'a'", "''", "'a,b,c'"]],
  ["JSON", [`'{"a": [1, 2, null]}'`, "'[]'", `'"ü"'`]],
  ["GEOMETRY", ["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0, 1 1)')", "NULL"]],
];

const OWN_COLUMNS: Readonly<Record<Kind, typeof COLUMNS>> = {
  mariadb: [
    ["INET6", ["'::1'", "'::'", "'2001:db8::ff00:42:8329'"]],
    ["UUID", ["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000001'", "NULL"]],
  ],
  mysql: [["VECTOR(3)", ["TO_VECTOR('[1, 2, 3]')", "TO_VECTOR('[0, 0, 0]')", "NULL"]]],
};

/** The statements that make a table `types` with a row of each kind of value. */
function createTypes(kind: Kind): string[] {
  const columns = [...COLUMNS, ...OWN_COLUMNS[kind]];
  const definitions = columns.map(([type], index) => `c${index} ${type}`);
  const rows = [0, 1, 2].map((row) => `(${row}, ${columns.map(([, values]) => values[row]).join(", ")})`);
  rows.push(`(3, ${columns.map(() => "NULL").join(", ")})`);
  return [
    "SET NAMES utf8mb4",
    `CREATE TABLE types (id INT PRIMARY KEY, ${definitions.join(", ")}) CHARACTER SET utf8mb4`,
    ...rows.map((row) => `INSERT INTO types VALUES ${row}`),
  ];
}

scenario(
  "mysql2 reads all column types as text and from prepared statements",
  (target) =>
    withMysql2(target, async (connection) => {
      for (const statement of createTypes(target.server.kind)) await connection.query(statement);
      const [text, fields] = await connection.query("SELECT * FROM types ORDER BY id");
      const [binary] = await connection.execute("SELECT * FROM types WHERE id >= ? ORDER BY id", [0]);
      const [empty] = await connection.execute("SELECT * FROM types WHERE id > ?", [9]);
      assertEquals(empty, []);
      return { text, binary, columns: fields.map(({ name, columnType }) => [name, columnType]) };
    }),
);

scenario(
  "the mariadb connector reads all column types as text and from prepared statements",
  (target) =>
    withMariadb(target, async (connection) => {
      for (const statement of createTypes(target.server.kind)) await connection.query(statement);
      const text = await connection.query("SELECT * FROM types ORDER BY id");
      const binary = await connection.execute("SELECT * FROM types WHERE id >= ? ORDER BY id", [0]);
      // A second execution may come without the metadata, which the client has kept.
      const again = await connection.execute("SELECT * FROM types WHERE id >= ? ORDER BY id", [1]);
      assertEquals(again.length, 3);
      return [text, binary, again].map((rows) => Array.from(rows));
    }),
);

const METADATA: Readonly<Record<string, bigint>> = {
  "plain metadata": CAPABILITY.DEPRECATE_EOF,
  "EOF packets": 0n,
  "extended metadata": CAPABILITY.DEPRECATE_EOF | CAPABILITY.MARIADB_EXTENDED_METADATA,
  "cached metadata": CAPABILITY.DEPRECATE_EOF | CAPABILITY.MARIADB_CACHE_METADATA |
    CAPABILITY.MARIADB_EXTENDED_METADATA,
};

for (const [name, capabilities] of Object.entries(METADATA)) {
  scenario(`the packets of results of all column types are the server's own, with ${name}`, async (target) => {
    using client = await RawClient.connect(target, capabilities);
    for (const statement of createTypes(target.server.kind)) await client.query(statement);
    const seen = transcript(await client.query("SELECT * FROM types ORDER BY id"));
    await client.send(22, "SELECT * FROM types WHERE id >= ? ORDER BY id");
    const prepared = await client.response("prepare");
    seen.push(...preparedTranscript(prepared));
    for (const bound of [0, 2, 9]) {
      await client.send(23, statementId(prepared), 0, little(1, 4), 0, 1, 3, 0, little(bound, 4));
      seen.push(...transcript(await client.response()));
    }
    assertEquals(seen.length > 40, true);
    return seen;
  });
}

for (const count of [250, 251, 300, 4096]) {
  scenario(`a result of ${count} columns passes`, (target) =>
    withMysql2(target, async (connection) => {
      const list = Array.from({ length: count }, (_, index) => `${index} AS c${index}`).join(", ");
      const [text] = await connection.query({ sql: `SELECT ${list}`, rowsAsArray: true });
      const [binary] = await connection.execute({ sql: `SELECT ${list}, ?`, rowsAsArray: true }, [1]).catch(
        () => [count],
      );
      assertEquals(text, [Array.from({ length: count }, (_, index) => index)]);
      return [text, binary];
    }));
}
