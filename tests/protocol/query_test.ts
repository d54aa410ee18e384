import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Capability,
  ColumnType,
  Command,
  encodeCommand,
  encodeLocalInfileData,
  encodeLocalInfileRequest,
  encodeQuery,
  isLocalInfileRequest,
  PacketReader,
  parseLocalInfileRequest,
  parseQuery,
  ProtocolError,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

const ATTRIBUTES = Capability.CLIENT_QUERY_ATTRIBUTES;
const text = (value: string) => new TextEncoder().encode(value);

Deno.test("encodeCommand() puts the command before its argument", () => {
  // `mariadb` of 10.11.19: use mysql.
  assertEquals(encodeCommand(Command.COM_INIT_DB, "mysql"), hex("02 6d7973716c"));
  assertEquals(encodeCommand(Command.COM_PING), hex("0e"));
});

Deno.test("parseQuery() reads queries of clients with and without query attributes", () => {
  // `mysql` 9.7.4: use mysql; `mariadb` of 10.11.19: set names utf8mb4.
  const cases: [string, bigint, string][] = [
    ["03 00 01 757365206d7973716c", ATTRIBUTES, "use mysql"],
    ["03 736574206e616d657320757466386d6234", 0n, "set names utf8mb4"],
  ];
  for (const [literal, capabilities, sql] of cases) {
    assertEquals(parseQuery(hex(literal), capabilities), { sql: text(sql), attributes: [] });
    assertEquals(encodeQuery(sql, capabilities), hex(literal));
  }
});

Deno.test("encodeQuery() writes attributes that MySQL 9.7.4 understood", () => {
  // select mysql_query_attribute_string('n1') a; answered 'v1'.
  const attributes = [
    { type: ColumnType.MYSQL_TYPE_STRING, unsigned: false, name: "n1", value: text("v1") },
    { type: ColumnType.MYSQL_TYPE_LONG, unsigned: true, name: "n2", value: null },
  ];
  const payload = hex(`
    03 02 01 02 01 fe00 026e31 0380 026e32 027631
    73656c656374206d7973716c5f71756572795f6174747269627574655f737472696e6728276e3127292061`);
  const sql = "select mysql_query_attribute_string('n1') a";
  assertEquals(encodeQuery(sql, ATTRIBUTES, attributes), payload);
  assertEquals(parseQuery(payload, ATTRIBUTES), { sql: text(sql), attributes });
});

Deno.test("parseQuery() refuses attributes that overrun", () => {
  const cases: [string, string][] = [
    ["03 fd ffffff 01", "truncated"],
    ["03 fe ffffffffffffffff 01", "malformed"],
    ["03 01 02 00", "malformed"],
    ["03 01 01 00 00", "malformed"],
    ["03 01 01 00 01 fe00 05 6e", "truncated"],
    ["02 61", "malformed"],
  ];
  for (const [literal, code] of cases) {
    assertEquals(assertThrows(() => parseQuery(hex(literal), ATTRIBUTES), ProtocolError).code, code);
  }
});

Deno.test("encodeQuery() refuses attributes that were not agreed on", () => {
  const attribute = { type: ColumnType.MYSQL_TYPE_NULL, unsigned: false, name: "a", value: null };
  assertEquals(assertThrows(() => encodeQuery("x", 0n, [attribute]), ProtocolError).code, "out-of-range");
});

Deno.test("encodeQuery() and parseQuery() round trip", () => {
  const attributes = fc.array(fc.record({
    type: fc.constant(ColumnType.MYSQL_TYPE_STRING),
    unsigned: fc.boolean(),
    name: fc.string(),
    value: fc.option(fc.uint8Array()),
  }));
  fc.assert(fc.property(fc.uint8Array(), attributes, (sql, list) => {
    assertEquals(parseQuery(encodeQuery(sql, ATTRIBUTES, list), ATTRIBUTES), { sql, attributes: list });
  }));
});

Deno.test("parseLocalInfileRequest() reads what MariaDB 10.11.19 asks for", () => {
  // load data local infile '/tmp/x.csv' into table item
  const payload = hex("fb 2f746d702f782e637376");
  assertEquals(isLocalInfileRequest(payload), true);
  assertEquals(parseLocalInfileRequest(payload), "/tmp/x.csv");
  assertEquals(encodeLocalInfileRequest("/tmp/x.csv"), payload);
  assertEquals(assertThrows(() => parseLocalInfileRequest(hex("01")), ProtocolError).code, "malformed");
});

Deno.test("encodeLocalInfileData() ends with an empty packet", () => {
  // `mysql` 9.7.4: a file of one line, as the answer to the request with the sequence number 1.
  const line = hex("313009706c756d09322e35095c4e0a");
  const packets = new PacketReader().push(encodeLocalInfileData(line, 2));
  assertEquals(packets, [
    { payload: line, sequenceId: 2, lastSequenceId: 2 },
    { payload: new Uint8Array(), sequenceId: 3, lastSequenceId: 3 },
  ]);
  assertEquals(encodeLocalInfileData(new Uint8Array(), 2), hex("000000 02"));
  assertEquals(new PacketReader().push(encodeLocalInfileData(line, 2, 4)).length, 5);
  assertEquals(assertThrows(() => encodeLocalInfileData(line, 2, 0), ProtocolError).code, "out-of-range");
});
