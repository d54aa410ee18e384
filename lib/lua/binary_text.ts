/**
 * Values of the binary protocol as scripts see them.
 *
 * @module
 */
import { type BinaryValue, ColumnType, type DateTimeValue, type TimeValue } from "../protocol/mod.ts";

function pad(value: number, width = 2): string {
  return String(value).padStart(width, "0");
}

/** The fraction of a second with as many digits as the column shows; if that is unknown, 6 where there is one. */
function fraction(microsecond: number, decimals: number): string {
  if (decimals >= 1 && decimals <= 6) return `.${pad(microsecond, 6).slice(0, decimals)}`;
  return microsecond === 0 ? "" : `.${pad(microsecond, 6)}`;
}

function dateText(value: DateTimeValue, type: number, decimals: number): string {
  const date = `${pad(value.year, 4)}-${pad(value.month)}-${pad(value.day)}`;
  if (type === ColumnType.MYSQL_TYPE_DATE || type === ColumnType.MYSQL_TYPE_NEWDATE) return date;
  const time = `${pad(value.hour)}:${pad(value.minute)}:${pad(value.second)}`;
  return `${date} ${time}${fraction(value.microsecond, decimals)}`;
}

function timeText(value: TimeValue, decimals: number): string {
  const hours = value.days * 24 + value.hour;
  const time = `${pad(hours)}:${pad(value.minute)}:${pad(value.second)}`;
  return `${value.negative ? "-" : ""}${time}${fraction(value.microsecond, decimals)}`;
}

/** The double that prints like the single-precision float that it was. */
function shortFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** What a script is given: bigints are integers of 64 bits, text is ASCII. */
export type ScriptValue = null | number | bigint | string | Uint8Array;

/**
 * A value for a script: integers as numbers (above 2^63 as text, which Lua has no integer for), dates and times as MySQL
 * prints them, and anything else as it is.
 *
 * @param type The column's, a value of {@linkcode ColumnType}.
 * @param decimals The column's.
 */
export function scriptValue(value: BinaryValue, type: number, decimals: number): ScriptValue {
  if (typeof value === "bigint") return value >= 1n << 63n ? value.toString() : value;
  if (typeof value === "number") return type === ColumnType.MYSQL_TYPE_FLOAT ? shortFloat(value) : value;
  if (value === null || value instanceof Uint8Array) return value;
  return value.kind === "datetime" ? dateText(value, type, decimals) : timeText(value, decimals);
}
