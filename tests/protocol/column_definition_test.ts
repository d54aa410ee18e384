import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Capability,
  type ColumnDefinition,
  ColumnFlag,
  ColumnType,
  encodeColumnDefinition,
  newColumn,
  parseColumnDefinition,
  ProtocolError,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

const EXTENDED = Capability.MARIADB_CLIENT_EXTENDED_METADATA;

/** create table shop.item (id int primary key auto_increment, …), on both servers. */
const id: ColumnDefinition = {
  catalog: "def",
  schema: "shop",
  table: "item",
  originalTable: "item",
  name: "id",
  originalName: "id",
  charset: 63,
  length: 11,
  type: ColumnType.MYSQL_TYPE_LONG,
  flags: ColumnFlag.NOT_NULL_FLAG | ColumnFlag.PRI_KEY_FLAG | ColumnFlag.AUTO_INCREMENT_FLAG | 0x4000,
  decimals: 0,
};

Deno.test("parseColumnDefinition() reads a column of MySQL 9.7.4", () => {
  const payload = hex("03646566 0473686f70 046974656d 046974656d 026964 026964 0c 3f00 0b000000 03 0342 00 0000");
  assertEquals(parseColumnDefinition(payload, 0n), id);
  assertEquals(encodeColumnDefinition(id, 0n), payload);
});

Deno.test("parseColumnDefinition() reads MariaDB's extended metadata", () => {
  // MariaDB 10.11.19: the column `a inet6`, and one without anything more to tell.
  const inet6 = hex(`
    03646566 0473686f70 046974656d 046974656d 0161 0161 07 00 05 696e657436 0c 2100 75000000 fe a000 00 0000`);
  const column = parseColumnDefinition(inet6, EXTENDED);
  assertEquals(column.extended, { typeName: "inet6" });
  assertEquals(column.type, ColumnType.MYSQL_TYPE_STRING);
  assertEquals(encodeColumnDefinition(column, EXTENDED), inet6);

  const plain = hex("03646566 0473686f70 046974656d 046974656d 026964 026964 00 0c 3f00 0b000000 03 0342 00 0000");
  assertEquals(parseColumnDefinition(plain, EXTENDED), { ...id, extended: {} });
  assertEquals(encodeColumnDefinition(id, EXTENDED), plain);
});

Deno.test("parseColumnDefinition() reads the default values in answers to COM_FIELD_LIST", () => {
  // MySQL 9.7.4 and MariaDB 10.11.19.
  const zero = hex("03646566 0473686f70 046974656d 046974656d 026964 026964 0c 3f00 0b000000 03 0342 00 0000 0130");
  assertEquals(parseColumnDefinition(zero, 0n), { ...id, defaultValue: hex("30") });
  assertEquals(encodeColumnDefinition({ ...id, defaultValue: hex("30") }, 0n), zero);
  const none = hex(
    "03646566 0473686f70 046974656d 046974656d 057072696365 057072696365 0c 3f00 0a000000 f6 0000 02 0000 fb",
  );
  assertEquals(parseColumnDefinition(none, 0n).defaultValue, null);
  assertEquals(encodeColumnDefinition(parseColumnDefinition(none, 0n), 0n), none);
});

Deno.test("parseColumnDefinition() refuses a cut definition", () => {
  const cut = encodeColumnDefinition(id, 0n).subarray(0, -1);
  assertEquals(assertThrows(() => parseColumnDefinition(cut, 0n), ProtocolError).code, "truncated");
});

Deno.test("newColumn() makes text utf8mb4 and the rest binary", () => {
  assertEquals(newColumn("a", ColumnType.MYSQL_TYPE_VAR_STRING).charset, 45);
  assertEquals(newColumn("a", ColumnType.MYSQL_TYPE_LONGLONG).charset, 63);
  assertEquals(newColumn("a", ColumnType.MYSQL_TYPE_DOUBLE).decimals, 31);
  assertEquals(newColumn("a", ColumnType.MYSQL_TYPE_BLOB, { table: "t" }).table, "t");
});

Deno.test("encodeColumnDefinition() and parseColumnDefinition() round trip", () => {
  const columns = fc.record({
    catalog: fc.constant("def"),
    schema: fc.string(),
    table: fc.string(),
    originalTable: fc.string(),
    name: fc.string({ maxLength: 300 }),
    originalName: fc.string(),
    extended: fc.record({ typeName: fc.string(), formatName: fc.string() }, { requiredKeys: [] }),
    charset: fc.nat(0xffff),
    length: fc.nat(0xffffffff),
    type: fc.nat(255),
    flags: fc.nat(0xffff),
    decimals: fc.nat(255),
    defaultValue: fc.option(fc.uint8Array()),
  });
  fc.assert(fc.property(columns, (column) => {
    assertEquals(parseColumnDefinition(encodeColumnDefinition(column, EXTENDED), EXTENDED), column);
  }));
});
