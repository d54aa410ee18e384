import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type BinaryValue,
  ColumnFlag,
  ColumnType,
  type DateTimeValue,
  encodeBinaryRow,
  encodeTextRow,
  isNullInBitmap,
  nullBitmap,
  parseBinaryRow,
  parseTextRow,
  PayloadReader,
  PayloadWriter,
  ProtocolError,
  readBinaryValue,
  type TimeValue,
  writeBinaryValue,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

const text = (value: string) => new TextEncoder().encode(value);

const noTime = { hour: 0, minute: 0, second: 0, microsecond: 0 };
const date: DateTimeValue = { kind: "datetime", year: 2026, month: 1, day: 2, ...noTime };
const datetime: DateTimeValue = { ...date, hour: 3, minute: 4, second: 5 };
const span: TimeValue = { kind: "time", negative: true, days: 1, hour: 2, minute: 3, second: 4, microsecond: 500000 };

/**
 * select cast(-5 as signed), cast(18446744073709551615 as unsigned), cast(1.5 as double),
 * cast('2026-01-02 03:04:05.678901' as datetime(6)), cast('-26:03:04.5' as time(1)), cast('2026-01-02' as date), null,
 * 'hé', cast(2.50 as decimal(5,2)), cast('2026-01-02 03:04:05' as datetime), time'00:00:00'
 */
const columns = [
  { type: ColumnType.MYSQL_TYPE_LONGLONG, flags: 0x81 },
  { type: ColumnType.MYSQL_TYPE_LONGLONG, flags: 0xa1 },
  { type: ColumnType.MYSQL_TYPE_DOUBLE, flags: 0x81 },
  { type: ColumnType.MYSQL_TYPE_DATETIME, flags: 0x80 },
  { type: ColumnType.MYSQL_TYPE_TIME, flags: 0x80 },
  { type: ColumnType.MYSQL_TYPE_DATE, flags: 0x80 },
  { type: ColumnType.MYSQL_TYPE_NULL, flags: 0x80 },
  { type: ColumnType.MYSQL_TYPE_VAR_STRING, flags: 0x01 },
  { type: ColumnType.MYSQL_TYPE_NEWDECIMAL, flags: 0x81 },
  { type: ColumnType.MYSQL_TYPE_DATETIME, flags: 0x80 },
  { type: ColumnType.MYSQL_TYPE_TIME, flags: 0x81 },
];
const values: BinaryValue[] = [
  -5n,
  18446744073709551615n,
  1.5,
  { ...datetime, microsecond: 678901 },
  span,
  date,
  null,
  text("hé"),
  text("2.50"),
  datetime,
  { kind: "time", negative: false, days: 0, ...noTime },
];

Deno.test("parseTextRow() reads rows of MySQL 9.7.4", () => {
  // select id,name,price,t from item
  const rows: [string, (Uint8Array | null)[]][] = [
    [
      "0131 056170706c65 04312e3530 1a323032362d30312d30322030333a30343a30352e363738393031",
      [text("1"), text("apple"), text("1.50"), text("2026-01-02 03:04:05.678901")],
    ],
    ["0132 0470656172 fb fb", [text("2"), text("pear"), null, null]],
  ];
  for (const [literal, row] of rows) {
    assertEquals(parseTextRow(hex(literal), 4), row);
    assertEquals(encodeTextRow(row), hex(literal));
  }
});

Deno.test("parseTextRow() refuses rows with another number of values", () => {
  assertEquals(assertThrows(() => parseTextRow(hex("0131 0132"), 1), ProtocolError).code, "malformed");
  assertEquals(assertThrows(() => parseTextRow(hex("0131"), 2), ProtocolError).code, "truncated");
});

Deno.test("encodeTextRow() and parseTextRow() round trip", () => {
  fc.assert(fc.property(fc.array(fc.option(fc.uint8Array({ maxLength: 300 }))), (row) => {
    assertEquals(parseTextRow(encodeTextRow(row), row.length), row);
  }));
  assertEquals(encodeTextRow(["é"]), hex("02c3a9"));
});

Deno.test("parseBinaryRow() reads a row of all kinds of MySQL 9.7.4", () => {
  const payload = hex(`
    00 0001 fbffffffffffffff ffffffffffffffff 000000000000f83f 0b ea0701020304 05f55b0a00
    0c 01 01000000 020304 20a10700 04 ea070102 03 68c3a9 04 322e3530 07 ea070102030405 00`);
  assertEquals(parseBinaryRow(payload, columns), values);
  assertEquals(encodeBinaryRow(values, columns), payload);
});

Deno.test("parseBinaryRow() reads the row that MariaDB 10.11.19 sends for the same query", () => {
  const payload = hex(`
    00 0001 fbffffff ffffffffffffffff 000000000000f83f 0b ea0701020304 05f55b0a00
    0c 01 01000000 020304 20a10700 04 ea070102 03 68c3a9 04 322e3530 07 ea070102030405 00`);
  // MariaDB takes an INT where MySQL takes a BIGINT.
  const types = [{ type: ColumnType.MYSQL_TYPE_LONG, flags: 0x81 }, ...columns.slice(1)];
  assertEquals(parseBinaryRow(payload, types), [-5, ...values.slice(1)]);
  assertEquals(encodeBinaryRow([-5, ...values.slice(1)], types), payload);
});

Deno.test("parseBinaryRow() refuses what is no such row", () => {
  const one = [{ type: ColumnType.MYSQL_TYPE_TINY, flags: 0 }];
  const cases: [string, string][] = [
    ["01 00 05", "malformed"],
    ["00 00", "truncated"],
    ["00 00 05 06", "malformed"],
    ["00", "truncated"],
  ];
  for (const [literal, code] of cases) {
    assertEquals(assertThrows(() => parseBinaryRow(hex(literal), one), ProtocolError).code, code);
  }
  assertEquals(assertThrows(() => encodeBinaryRow([1, 2], one), ProtocolError).code, "out-of-range");
});

Deno.test("readBinaryValue() refuses lengths that dates and times cannot have", () => {
  for (const type of [ColumnType.MYSQL_TYPE_DATE, ColumnType.MYSQL_TYPE_TIME]) {
    const reader = new PayloadReader(hex("05 0102030405"));
    assertEquals(assertThrows(() => readBinaryValue(reader, type, false), ProtocolError).code, "malformed");
  }
});

Deno.test("readBinaryValue() reads the signs of all integers", () => {
  const cases: [number, string, BinaryValue, BinaryValue][] = [
    [ColumnType.MYSQL_TYPE_TINY, "fe", -2, 0xfe],
    [ColumnType.MYSQL_TYPE_SHORT, "feff", -2, 0xfffe],
    [ColumnType.MYSQL_TYPE_YEAR, "ea07", 2026, 2026],
    [ColumnType.MYSQL_TYPE_INT24, "feffffff", -2, 0xfffffffe],
    [ColumnType.MYSQL_TYPE_LONG, "feffffff", -2, 0xfffffffe],
    [ColumnType.MYSQL_TYPE_LONGLONG, "feffffffffffffff", -2n, 0xfffffffffffffffen],
  ];
  for (const [type, literal, signed, unsigned] of cases) {
    assertEquals(readBinaryValue(new PayloadReader(hex(literal)), type, false), signed);
    assertEquals(readBinaryValue(new PayloadReader(hex(literal)), type, true), unsigned);
    for (const value of [signed, unsigned]) {
      const writer = new PayloadWriter();
      writeBinaryValue(writer, type, value);
      assertEquals(writer.finish(), hex(literal));
    }
  }
});

Deno.test("writeBinaryValue() refuses values of other types", () => {
  const cases: [number, BinaryValue | string][] = [
    [ColumnType.MYSQL_TYPE_TINY, 256],
    [ColumnType.MYSQL_TYPE_TINY, -129],
    [ColumnType.MYSQL_TYPE_LONG, 1.5],
    [ColumnType.MYSQL_TYPE_LONG, "1"],
    [ColumnType.MYSQL_TYPE_LONGLONG, 1n << 64n],
    [ColumnType.MYSQL_TYPE_DOUBLE, 1n],
    [ColumnType.MYSQL_TYPE_DATE, span],
    [ColumnType.MYSQL_TYPE_TIME, date],
    [ColumnType.MYSQL_TYPE_BLOB, 1],
    [ColumnType.MYSQL_TYPE_BLOB, null],
    [ColumnType.MYSQL_TYPE_NULL, 1],
  ];
  for (const [type, value] of cases) {
    const error = assertThrows(() => writeBinaryValue(new PayloadWriter(), type, value), ProtocolError);
    assertEquals(error.code, "out-of-range");
  }
});

Deno.test("nullBitmap() and isNullInBitmap() agree at any offset", () => {
  fc.assert(fc.property(fc.array(fc.constantFrom(null, 1)), fc.constantFrom(0, 2), (list, offset) => {
    const bitmap = nullBitmap(list, offset);
    assertEquals(bitmap.length, Math.ceil((list.length + offset) / 8));
    assertEquals(list.map((_, i) => isNullInBitmap(bitmap, i, offset)), list.map((value) => value === null));
  }));
});

const time = { hour: fc.nat(23), minute: fc.nat(59), second: fc.nat(59), microsecond: fc.nat(999999) };

/** A type with a value of it. */
const cells: fc.Arbitrary<[{ type: number; flags: number }, BinaryValue]> = fc.oneof(
  ...([
    [ColumnType.MYSQL_TYPE_TINY, 0, fc.integer({ min: -128, max: 127 })],
    [ColumnType.MYSQL_TYPE_SHORT, ColumnFlag.UNSIGNED_FLAG, fc.nat(0xffff)],
    [ColumnType.MYSQL_TYPE_LONG, 0, fc.integer()],
    [ColumnType.MYSQL_TYPE_LONGLONG, 0, fc.bigInt(-(1n << 63n), (1n << 63n) - 1n)],
    [ColumnType.MYSQL_TYPE_LONGLONG, ColumnFlag.UNSIGNED_FLAG, fc.bigInt(0n, (1n << 64n) - 1n)],
    [ColumnType.MYSQL_TYPE_FLOAT, 0, fc.float()],
    [ColumnType.MYSQL_TYPE_DOUBLE, 0, fc.double()],
    [ColumnType.MYSQL_TYPE_JSON, 0, fc.uint8Array({ maxLength: 300 })],
    [
      ColumnType.MYSQL_TYPE_TIMESTAMP,
      0,
      fc.record({
        kind: fc.constant("datetime" as const),
        year: fc.nat(9999),
        month: fc.nat(12),
        day: fc.nat(31),
        ...time,
      }),
    ],
    [
      ColumnType.MYSQL_TYPE_TIME,
      0,
      // The sign of a zero time is not sent.
      fc.record({
        kind: fc.constant("time" as const),
        negative: fc.boolean(),
        days: fc.integer({ min: 1, max: 34 }),
        ...time,
      }),
    ],
  ] as const).map(([type, flags, value]) =>
    fc.tuple(fc.constant({ type, flags }), fc.option<BinaryValue>(value as fc.Arbitrary<BinaryValue>))
  ),
);

Deno.test("encodeBinaryRow() and parseBinaryRow() round trip", () => {
  fc.assert(fc.property(fc.array(cells, { maxLength: 20 }), (row) => {
    const types = row.map(([type]) => type);
    const list = row.map(([, value]) => value);
    assertEquals(parseBinaryRow(encodeBinaryRow(list, types), types), list);
  }));
});
