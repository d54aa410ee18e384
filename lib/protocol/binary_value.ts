/**
 * Single values in the binary protocol: in the rows of prepared statements, and as parameters of statements and queries.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html (sect_protocol_binary_resultset_row_value)
 *
 * @module
 */
import { ColumnType, columnTypeName } from "./column_type.ts";
import { ProtocolError } from "./error.ts";
import type { PayloadReader } from "./payload_reader.ts";
import type { PayloadWriter } from "./payload_writer.ts";

/** A DATE, DATETIME or TIMESTAMP; the time is all zero in a DATE. Zero dates have zero months and days. */
export interface DateTimeValue {
  readonly kind: "datetime";
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly microsecond: number;
}

/** A TIME: a span of up to 838 hours in either direction. */
export interface TimeValue {
  readonly kind: "time";
  readonly negative: boolean;
  readonly days: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly microsecond: number;
}

/**
 * A value by its column's type: integers up to 32 bits, floats, doubles and years are numbers, 64-bit integers bigints, dates
 * and times objects, and all others (texts, blobs, decimals, JSON, bits, geometry, vectors) their bytes.
 */
export type BinaryValue = null | number | bigint | Uint8Array | DateTimeValue | TimeValue;

/** How a type is laid out. */
type Layout = "int8" | "int16" | "int32" | "int64" | "float" | "double" | "datetime" | "time" | "null" | "bytes";

const layouts = new Map<number, Layout>([
  [ColumnType.MYSQL_TYPE_TINY, "int8"],
  [ColumnType.MYSQL_TYPE_BOOL, "int8"],
  [ColumnType.MYSQL_TYPE_SHORT, "int16"],
  [ColumnType.MYSQL_TYPE_YEAR, "int16"],
  [ColumnType.MYSQL_TYPE_INT24, "int32"],
  [ColumnType.MYSQL_TYPE_LONG, "int32"],
  [ColumnType.MYSQL_TYPE_LONGLONG, "int64"],
  [ColumnType.MYSQL_TYPE_FLOAT, "float"],
  [ColumnType.MYSQL_TYPE_DOUBLE, "double"],
  [ColumnType.MYSQL_TYPE_DATE, "datetime"],
  [ColumnType.MYSQL_TYPE_NEWDATE, "datetime"],
  [ColumnType.MYSQL_TYPE_DATETIME, "datetime"],
  [ColumnType.MYSQL_TYPE_TIMESTAMP, "datetime"],
  [ColumnType.MYSQL_TYPE_DATETIME2, "datetime"],
  [ColumnType.MYSQL_TYPE_TIMESTAMP2, "datetime"],
  [ColumnType.MYSQL_TYPE_TIME, "time"],
  [ColumnType.MYSQL_TYPE_TIME2, "time"],
  [ColumnType.MYSQL_TYPE_NULL, "null"],
]);

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readDateTime(reader: PayloadReader): DateTimeValue {
  const length = reader.u8();
  if (![0, 4, 7, 11].includes(length)) {
    throw new ProtocolError("malformed", `Expected a date of 0, 4, 7 or 11 bytes, got ${length}`);
  }
  const date = length >= 4 ? [reader.u16(), reader.u8(), reader.u8()] : [];
  const time = length >= 7 ? [reader.u8(), reader.u8(), reader.u8()] : [];
  const microsecond = length === 11 ? reader.u32() : 0;
  const [year = 0, month = 0, day = 0] = date;
  const [hour = 0, minute = 0, second = 0] = time;
  return { kind: "datetime", year, month, day, hour, minute, second, microsecond };
}

function readTime(reader: PayloadReader): TimeValue {
  const length = reader.u8();
  if (![0, 8, 12].includes(length)) {
    throw new ProtocolError("malformed", `Expected a time of 0, 8 or 12 bytes, got ${length}`);
  }
  if (length === 0) return { kind: "time", negative: false, days: 0, hour: 0, minute: 0, second: 0, microsecond: 0 };
  return {
    kind: "time",
    negative: reader.u8() !== 0,
    days: reader.u32(),
    hour: reader.u8(),
    minute: reader.u8(),
    second: reader.u8(),
    microsecond: length === 12 ? reader.u32() : 0,
  };
}

/**
 * Takes one value that is not NULL. Bytes are a view of the payload.
 *
 * @param type A value of {@linkcode ColumnType}.
 * @param unsigned Whether an integer is read as unsigned (`UNSIGNED_FLAG` of its column or parameter).
 * @throws {ProtocolError} `truncated` if the packet ends within it, `malformed` for an impossible date or time length.
 */
export function readBinaryValue(reader: PayloadReader, type: number, unsigned: boolean): BinaryValue {
  switch (layouts.get(type) ?? "bytes") {
    case "int8":
      return unsigned ? reader.u8() : reader.u8() << 24 >> 24;
    case "int16":
      return unsigned ? reader.u16() : reader.u16() << 16 >> 16;
    case "int32":
      return unsigned ? reader.u32() : reader.u32() | 0;
    case "int64":
      return unsigned ? reader.u64() : BigInt.asIntN(64, reader.u64());
    case "float":
      return view(reader.bytes(4)).getFloat32(0, true);
    case "double":
      return view(reader.bytes(8)).getFloat64(0, true);
    case "datetime":
      return readDateTime(reader);
    case "time":
      return readTime(reader);
    case "null":
      return null;
    case "bytes":
      return reader.lenencBytes();
  }
}

function unfit(type: number, value: unknown): ProtocolError {
  return new ProtocolError("out-of-range", `Cannot write the value "${String(value)}" as ${columnTypeName(type)}`);
}

/** The two's complement of an integer of `bits` bits, signed or unsigned. */
function integerOf(type: number, value: unknown, bits: number): bigint {
  if (typeof value !== "bigint" && !(typeof value === "number" && Number.isInteger(value))) throw unfit(type, value);
  const integer = BigInt(value);
  if (integer < -(1n << BigInt(bits - 1)) || integer >= 1n << BigInt(bits)) throw unfit(type, value);
  return BigInt.asUintN(bits, integer);
}

function writeFloat(writer: PayloadWriter, value: number, width: 4 | 8): void {
  const bytes = new Uint8Array(width);
  if (width === 4) view(bytes).setFloat32(0, value, true);
  else view(bytes).setFloat64(0, value, true);
  writer.bytes(bytes);
}

function writeDateTime(writer: PayloadWriter, value: DateTimeValue): void {
  const { year, month, day, hour, minute, second, microsecond } = value;
  const time = microsecond !== 0 ? 11 : hour || minute || second ? 7 : 4;
  const length = time === 4 && !year && !month && !day ? 0 : time;
  writer.u8(length);
  if (length >= 4) writer.u16(year).u8(month).u8(day);
  if (length >= 7) writer.u8(hour).u8(minute).u8(second);
  if (length === 11) writer.u32(microsecond);
}

function writeTime(writer: PayloadWriter, value: TimeValue): void {
  const { negative, days, hour, minute, second, microsecond } = value;
  const length = microsecond !== 0 ? 12 : days || hour || minute || second ? 8 : 0;
  writer.u8(length);
  if (length >= 8) writer.u8(negative ? 1 : 0).u32(days).u8(hour).u8(minute).u8(second);
  if (length === 12) writer.u32(microsecond);
}

/**
 * Appends one value in its shortest form. Bytes may be given as text, integers as numbers or bigints.
 *
 * @throws {ProtocolError} `out-of-range` if the value is not of the type, or null.
 */
export function writeBinaryValue(writer: PayloadWriter, type: number, value: BinaryValue | string): void {
  const layout = layouts.get(type) ?? "bytes";
  switch (layout) {
    case "int8":
      writer.u8(Number(integerOf(type, value, 8)));
      return;
    case "int16":
      writer.u16(Number(integerOf(type, value, 16)));
      return;
    case "int32":
      writer.u32(Number(integerOf(type, value, 32)));
      return;
    case "int64":
      writer.u64(integerOf(type, value, 64));
      return;
    case "float":
    case "double":
      if (typeof value !== "number") throw unfit(type, value);
      writeFloat(writer, value, layout === "float" ? 4 : 8);
      return;
    case "null":
      if (value !== null) throw unfit(type, value);
      return;
    case "bytes":
      if (typeof value === "string") writer.lenencText(value);
      else if (value instanceof Uint8Array) writer.lenencBytes(value);
      else throw unfit(type, value);
      return;
  }
  if (value === null || typeof value !== "object" || value instanceof Uint8Array || value.kind !== layout) {
    throw unfit(type, value);
  }
  if (value.kind === "datetime") writeDateTime(writer, value);
  else writeTime(writer, value);
}
