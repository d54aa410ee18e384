import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type BulkValue,
  Capability,
  ColumnType,
  CursorFlag,
  encodePrepareOk,
  encodeStatementBulkExecute,
  encodeStatementCommand,
  encodeStatementExecute,
  parsePrepareOk,
  parseStatementBulkExecute,
  parseStatementCommand,
  parseStatementExecute,
  parseStatementId,
  ProtocolError,
  type StatementCommand,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

const ATTRIBUTES = Capability.CLIENT_QUERY_ATTRIBUTES;
const OPTIONAL = Capability.CLIENT_OPTIONAL_RESULTSET_METADATA;
const text = (value: string) => new TextEncoder().encode(value);

Deno.test("parsePrepareOk() reads answers of MySQL 9.7.4", () => {
  const cases: [string, bigint, boolean][] = [
    ["00 02000000 0400 0100 00 0000", 0n, true],
    ["00 02000000 0400 0100 00 0000 01", OPTIONAL, true],
    // With resultset_metadata=none.
    ["00 02000000 0400 0100 00 0000 00", OPTIONAL, false],
  ];
  for (const [literal, capabilities, metadataFollows] of cases) {
    const ok = { statementId: 2, columnCount: 4, parameterCount: 1, warnings: 0, metadataFollows };
    assertEquals(parsePrepareOk(hex(literal), capabilities), ok);
    assertEquals(encodePrepareOk(ok, capabilities), hex(literal));
  }
});

Deno.test("parsePrepareOk() reads the short form before 5.0", () => {
  assertEquals(parsePrepareOk(hex("00 01000000 0000 0000"), 0n).warnings, 0);
});

Deno.test("parseStatementCommand() reads each command about a statement", () => {
  const cases: [string, StatementCommand][] = [
    ["19 02000000", { kind: "close", statementId: 2 }],
    ["1a 02000000", { kind: "reset", statementId: 2 }],
    ["1c 02000000 09000000", { kind: "fetch", statementId: 2, rowCount: 9 }],
    ["18 02000000 0100 6869", { kind: "send-long-data", statementId: 2, parameter: 1, data: text("hi") }],
  ];
  for (const [literal, command] of cases) {
    assertEquals(parseStatementCommand(hex(literal)), command);
    assertEquals(encodeStatementCommand(command), hex(literal));
  }
  assertEquals(parseStatementCommand(hex("0e")), undefined);
  assertEquals(assertThrows(() => parseStatementCommand(hex("19 0200")), ProtocolError).code, "truncated");
});

Deno.test("parseStatementExecute() reads mysql2's packet with a count", () => {
  // mysql2 3.24.6 to MySQL 9.7.4: execute("select ? a, ? b, ? c, ? d", [1, "x", new Date(0), null]). It agreed on query
  // attributes, and sends a time in full although it is zero.
  const payload = hex(`
    17 01000000 08 01000000 04 08 01 0500 00 fd00 00 0c00 00 0600 00 000000000000f03f 0178
    0b b2070101 000000 00000000`);
  const execute = parseStatementExecute(payload, { capabilities: ATTRIBUTES, parameterCount: 4 });
  assertEquals(execute.statementId, 1);
  assertEquals(execute.flags, CursorFlag.PARAMETER_COUNT_AVAILABLE);
  assertEquals(execute.typesSent, true);
  const zero = { hour: 0, minute: 0, second: 0, microsecond: 0 };
  assertEquals(execute.parameters.map((parameter) => parameter.value), [
    1,
    text("x"),
    { kind: "datetime", year: 1970, month: 1, day: 1, ...zero },
    null,
  ]);
  assertEquals(parseStatementId(payload), 1);
});

Deno.test("parseStatementExecute() reads the MariaDB connector's packet", () => {
  // mariadb 3.5.4 to MariaDB 10.11.19: execute("select ? a, ? b", [new Date(0), 1.5]), sent right behind the prepare.
  const payload = hex("17 ffffffff 00 01000000 00 01 0c00 0500 07 b2070101010000 000000000000f83f");
  const execute = parseStatementExecute(payload, { capabilities: 0n, parameterCount: 2 });
  assertEquals(execute.statementId, 0xffffffff);
  assertEquals(execute.parameters[1], { type: ColumnType.MYSQL_TYPE_DOUBLE, unsigned: false, value: 1.5 });
  assertEquals(encodeStatementExecute(execute, 0n), payload);
});

Deno.test("encodeStatementExecute() writes what MySQL 9.7.4 accepted", () => {
  const parameter = { type: ColumnType.MYSQL_TYPE_LONGLONG, unsigned: false, name: "", value: 7n };
  const attribute = { type: ColumnType.MYSQL_TYPE_STRING, unsigned: false, name: "n1", value: text("v1") };
  const execute = { statementId: 1, flags: 8, iterations: 1, typesSent: true, parameters: [parameter, attribute] };
  const payload = hex("17 01000000 08 01000000 02 00 01 0800 00 fe00 026e31 0700000000000000 027631");
  assertEquals(encodeStatementExecute(execute, ATTRIBUTES), payload);
  assertEquals(parseStatementExecute(payload, { capabilities: ATTRIBUTES, parameterCount: 1 }), execute);

  // Without the flag the count is there too, as the statement has parameters: without it the server answered 1210.
  const unflagged = { ...execute, flags: 0, parameters: [parameter] };
  const counted = hex("17 01000000 00 01000000 01 00 01 0800 00 0700000000000000");
  assertEquals(encodeStatementExecute(unflagged, ATTRIBUTES), counted);
  assertEquals(parseStatementExecute(counted, { capabilities: ATTRIBUTES, parameterCount: 1 }), unflagged);
});

Deno.test("parseStatementExecute() uses the types of the execution before", () => {
  const payload = hex("17 01000000 00 01000000 00 00 0100000000000000");
  const types = [{ type: ColumnType.MYSQL_TYPE_LONGLONG, unsigned: false }];
  const execute = parseStatementExecute(payload, { capabilities: 0n, parameterCount: 1, types });
  assertEquals(execute.parameters, [{ type: ColumnType.MYSQL_TYPE_LONGLONG, unsigned: false, value: 1n }]);
  assertEquals(execute.typesSent, false);
  assertEquals(encodeStatementExecute(execute, 0n), payload);
  const context = { capabilities: 0n, parameterCount: 1 };
  assertEquals(assertThrows(() => parseStatementExecute(payload, context), ProtocolError).code, "malformed");
});

Deno.test("parseStatementExecute() skips parameters that were sent as long data", () => {
  const payload = hex("17 01000000 00 01000000 00 01 fc00 0100 05");
  const context = { capabilities: 0n, parameterCount: 2, longData: new Set([0]) };
  const execute = parseStatementExecute(payload, context);
  assertEquals(execute.parameters.map((parameter) => parameter.value), [undefined, 5]);
  assertEquals(encodeStatementExecute(execute, 0n), payload);
});

Deno.test("parseStatementExecute() refuses counts that the packet cannot hold", () => {
  const payload = hex("17 01000000 08 01000000 fd ffffff 00");
  const context = { capabilities: ATTRIBUTES, parameterCount: 0 };
  assertEquals(assertThrows(() => parseStatementExecute(payload, context), ProtocolError).code, "truncated");
});

Deno.test("parseStatementBulkExecute() reads a batch of the MariaDB connector", () => {
  // mariadb 3.5.4 to MariaDB 10.11.19: batch("insert into item(name,price) values(?,?)", [["a", 1], [null, 2]]).
  const payload = hex("fa 02000000 8000 fd00 0300 00 0161 00 01000000 01 00 02000000");
  const bulk = parseStatementBulkExecute(payload, 2);
  assertEquals(bulk.statementId, 2);
  assertEquals(bulk.rows, [
    [{ kind: "value", value: text("a") }, { kind: "value", value: 1 }],
    [{ kind: "null" }, { kind: "value", value: 2 }],
  ]);
  assertEquals(encodeStatementBulkExecute(bulk), payload);
});

Deno.test("parseStatementBulkExecute() refuses what it cannot tell apart", () => {
  const cases: [string, number, string][] = [
    ["fa 02000000 0000 00 0161", 1, "malformed"],
    ["fa 02000000 8000", 0, "malformed"],
    ["fa 02000000 8000 fd00 04", 1, "malformed"],
    ["fa 02000000 8000 fd00 00 05", 1, "truncated"],
  ];
  for (const [literal, count, code] of cases) {
    assertEquals(assertThrows(() => parseStatementBulkExecute(hex(literal), count), ProtocolError).code, code);
  }
});

Deno.test("encodeStatementBulkExecute() and parseStatementBulkExecute() round trip", () => {
  const types = [
    { type: ColumnType.MYSQL_TYPE_VAR_STRING, unsigned: false },
    { type: ColumnType.MYSQL_TYPE_LONG, unsigned: true },
  ];
  const kinds = fc.constantFrom<BulkValue>({ kind: "null" }, { kind: "default" }, { kind: "ignore" });
  const value = <T>(values: fc.Arbitrary<T>) => fc.record({ kind: fc.constant("value" as const), value: values });
  const row = fc.tuple(fc.oneof(kinds, value(fc.uint8Array())), fc.oneof(kinds, value(fc.nat(0xffffffff))));
  fc.assert(fc.property(fc.array(row), (rows) => {
    const bulk = { statementId: 1, flags: 128 + 64, types, rows };
    assertEquals(parseStatementBulkExecute(encodeStatementBulkExecute(bulk), 2), bulk);
  }));
});
