/**
 * Column types: from the declared type of a SQLite column, or from the values of an expression, to what a column
 * definition says, and how a value of that type is written.
 *
 * SQLite picks a column's affinity from substrings of its declared type ("Datatypes In SQLite", 3.1). Types whose MySQL
 * name would give the wrong one carry a leading word: `TEXT DATETIME`, `BLOB VARBINARY(16)`, `TEXT JSON`.
 *
 * @module
 */
import { CHARSET_BINARY, ColumnFlag, ColumnType } from "../../../lib/protocol/column_type.ts";

/** What a SQLite column or expression can hold. Integers are always `bigint`. */
export type Value = null | bigint | number | string | Uint8Array;

/** The type part of a column definition. */
export interface ValueType {
  /** One of `ColumnType`. */
  readonly type: number;
  /** Collation number: 63 for numbers, dates and bytes, 255 (utf8mb4_0900_ai_ci) for text. */
  readonly charset: number;
  /** The longest display length in bytes. */
  readonly length: number;
  readonly decimals: number;
  /** The bits of `ColumnFlag` that come from the type alone. */
  readonly flags: number;
}

/** utf8mb4_0900_ai_ci, the default collation of MySQL 8 and 9. */
export const CHARSET_TEXT = 255;

/** `decimals` of a column definition whose values have no fixed number of them (NOT_FIXED_DEC). */
const NOT_FIXED = 31;

const { BINARY_FLAG, BLOB_FLAG, UNSIGNED_FLAG } = ColumnFlag;

function numeric(type: number, length: number, decimals = 0, flags = 0): ValueType {
  return { type, charset: CHARSET_BINARY, length, decimals, flags: BINARY_FLAG | flags };
}

function text(type: number, characters: number, flags = 0): ValueType {
  return { type, charset: CHARSET_TEXT, length: Math.min(characters * 4, 0xffffffff), decimals: 0, flags };
}

function bytes(type: number, length: number, flags = 0): ValueType {
  return { type, charset: CHARSET_BINARY, length, decimals: 0, flags: BINARY_FLAG | flags };
}

const LONGLONG = numeric(ColumnType.MYSQL_TYPE_LONGLONG, 20);
const DOUBLE = numeric(ColumnType.MYSQL_TYPE_DOUBLE, 23, NOT_FIXED);
const TEXT = text(ColumnType.MYSQL_TYPE_VAR_STRING, 255);
const BLOB = bytes(ColumnType.MYSQL_TYPE_BLOB, 65535, BLOB_FLAG);
const NULL = numeric(ColumnType.MYSQL_TYPE_NULL, 0);

/** A declared type, taken apart: `decimal(10,2) unsigned` is `decimal`, `[10, 2]`, `true`. */
interface Declaration {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly unsigned: boolean;
}

function readDeclaration(declared: string): Declaration {
  const lower = declared.toLowerCase().trim();
  const unsigned = /\bunsigned\b/.test(lower);
  const named = lower.replace(/\b(unsigned|zerofill|signed|precision|varying)\b/g, "").replace(
    /^(text|blob) (?=\w)/,
    "",
  );
  const name = named.match(/^\s*([a-z0-9_]+)/)?.[1] ?? "";
  const sizes = [...(named.match(/\(([^)]*)\)/)?.[1] ?? "").matchAll(/\d+/g)].map(([size]) => Number(size));
  return { name, sizes, unsigned };
}

const SYNONYMS: Readonly<Record<string, string>> = {
  integer: "int",
  int4: "int",
  int8: "bigint",
  int2: "smallint",
  int1: "tinyint",
  int3: "mediumint",
  middleint: "mediumint",
  numeric: "decimal",
  dec: "decimal",
  fixed: "decimal",
  real: "double",
  float8: "double",
  float4: "float",
  character: "char",
  nvarchar: "varchar",
  nchar: "char",
};

/** The type as MySQL spells it in `DESCRIBE` and `SHOW CREATE TABLE`. */
export function mysqlTypeName(declared: string): string {
  const { name: written, sizes, unsigned } = readDeclaration(declared);
  const name = SYNONYMS[written] ?? written;
  const suffix = unsigned ? " unsigned" : "";
  switch (name) {
    case "":
      return "text";
    case "num":
      return "decimal(10,0)";
    case "bool":
    case "boolean":
      return "tinyint(1)";
    case "tinyint":
      return `tinyint${sizes[0] === 1 && !unsigned ? "(1)" : ""}${suffix}`;
    case "smallint":
    case "mediumint":
    case "int":
    case "bigint":
    case "float":
    case "double":
      return name + suffix;
    case "decimal":
      return `decimal(${sizes[0] ?? 10},${sizes[1] ?? 0})${suffix}`;
    case "char":
    case "binary":
      return `${name}(${sizes[0] ?? 1})`;
    case "varchar":
    case "varbinary":
      return `${name}(${sizes[0] ?? 255})`;
    case "datetime":
    case "timestamp":
    case "time":
    case "bit":
      return sizes[0] === undefined ? name : `${name}(${sizes[0]})`;
    default:
      return name;
  }
}

/** What the wire says about a column that was declared as `declared`; an empty declaration has no type of its own. */
export function typeOfDeclaration(declared: string): ValueType | undefined {
  const { name: written, sizes, unsigned } = readDeclaration(declared);
  const sign = unsigned ? UNSIGNED_FLAG : 0;
  switch (SYNONYMS[written] ?? written) {
    case "tinyint":
    case "bool":
    case "boolean":
      return numeric(ColumnType.MYSQL_TYPE_TINY, sizes[0] === 1 || written.startsWith("bool") ? 1 : 4, 0, sign);
    case "smallint":
      return numeric(ColumnType.MYSQL_TYPE_SHORT, 6, 0, sign);
    case "mediumint":
      return numeric(ColumnType.MYSQL_TYPE_INT24, 9, 0, sign);
    case "int":
      return numeric(ColumnType.MYSQL_TYPE_LONG, 11, 0, sign);
    case "bigint":
      return numeric(ColumnType.MYSQL_TYPE_LONGLONG, 20, 0, sign);
    case "decimal":
      return numeric(ColumnType.MYSQL_TYPE_NEWDECIMAL, (sizes[0] ?? 10) + 2, sizes[1] ?? 0, sign);
    case "float":
      return numeric(ColumnType.MYSQL_TYPE_FLOAT, 12, NOT_FIXED, sign);
    case "double":
      return numeric(ColumnType.MYSQL_TYPE_DOUBLE, 22, NOT_FIXED, sign);
    case "date":
      return numeric(ColumnType.MYSQL_TYPE_DATE, 10);
    case "datetime":
      return numeric(ColumnType.MYSQL_TYPE_DATETIME, sizes[0] ? 20 + sizes[0] : 19, sizes[0] ?? 0);
    case "timestamp":
      return numeric(ColumnType.MYSQL_TYPE_TIMESTAMP, sizes[0] ? 20 + sizes[0] : 19, sizes[0] ?? 0);
    case "time":
      return numeric(ColumnType.MYSQL_TYPE_TIME, sizes[0] ? 11 + sizes[0] : 10, sizes[0] ?? 0);
    case "year":
      return numeric(ColumnType.MYSQL_TYPE_YEAR, 4, 0, UNSIGNED_FLAG);
    case "char":
      return text(ColumnType.MYSQL_TYPE_STRING, sizes[0] ?? 1);
    case "varchar":
      return text(ColumnType.MYSQL_TYPE_VAR_STRING, sizes[0] ?? 255);
    case "tinytext":
      return text(ColumnType.MYSQL_TYPE_BLOB, 63, BLOB_FLAG);
    case "text":
      return text(ColumnType.MYSQL_TYPE_BLOB, 65535, BLOB_FLAG);
    case "mediumtext":
      return text(ColumnType.MYSQL_TYPE_BLOB, 16777215, BLOB_FLAG);
    case "longtext":
      return text(ColumnType.MYSQL_TYPE_BLOB, 0xffffffff, BLOB_FLAG);
    case "json":
      return { ...text(ColumnType.MYSQL_TYPE_JSON, 0xffffffff, BLOB_FLAG | BINARY_FLAG), charset: CHARSET_BINARY };
    case "binary":
      return bytes(ColumnType.MYSQL_TYPE_STRING, sizes[0] ?? 1);
    case "varbinary":
      return bytes(ColumnType.MYSQL_TYPE_VAR_STRING, sizes[0] ?? 255);
    case "tinyblob":
      return bytes(ColumnType.MYSQL_TYPE_BLOB, 255, BLOB_FLAG);
    case "blob":
      return BLOB;
    case "mediumblob":
      return bytes(ColumnType.MYSQL_TYPE_BLOB, 0xffffff, BLOB_FLAG);
    case "longblob":
      return bytes(ColumnType.MYSQL_TYPE_BLOB, 0xffffffff, BLOB_FLAG);
    default:
      return undefined;
  }
}

/** The type of an expression: from its values, since SQLite has no other. Mixed values are text. */
export function typeOfValues(values: Iterable<Value>): ValueType {
  let kind: "none" | "integer" | "double" | "text" | "bytes" = "none";
  let longest = 0;
  for (const value of values) {
    if (value === null) continue;
    if (typeof value === "bigint") kind = kind === "none" ? "integer" : kind;
    else if (typeof value === "number") kind = kind === "none" || kind === "integer" ? "double" : kind;
    else if (typeof value === "string") {
      kind = kind === "bytes" ? kind : "text";
      longest = Math.max(longest, value.length);
    } else {
      kind = "bytes";
      longest = Math.max(longest, value.length);
    }
  }
  switch (kind) {
    case "none":
      return NULL;
    case "integer":
      return LONGLONG;
    case "double":
      return DOUBLE;
    case "bytes":
      return longest > 65535 ? bytes(ColumnType.MYSQL_TYPE_LONG_BLOB, 0xffffffff, BLOB_FLAG) : BLOB;
    case "text":
      if (longest <= 255) return TEXT;
      return longest <= 16383
        ? text(ColumnType.MYSQL_TYPE_VAR_STRING, longest)
        : text(ColumnType.MYSQL_TYPE_LONG_BLOB, 0xffffffff, BLOB_FLAG);
  }
}

const INTEGER_RANGES: Readonly<Record<number, readonly [bits: number, wider: number]>> = {
  [ColumnType.MYSQL_TYPE_TINY]: [8, 4],
  [ColumnType.MYSQL_TYPE_SHORT]: [16, 6],
  [ColumnType.MYSQL_TYPE_INT24]: [24, 9],
  [ColumnType.MYSQL_TYPE_LONG]: [32, 11],
};

/**
 * The declared type, or the nearest one that all of `values` fit: SQLite's columns hold whatever was put into them, the
 * binary protocol's do not.
 */
export function fitType(declared: ValueType, values: Iterable<Value>): ValueType {
  const range = INTEGER_RANGES[declared.type];
  const unsigned = (declared.flags & UNSIGNED_FLAG) !== 0;
  const bits = range?.[0] ?? 64;
  const low = unsigned ? 0n : -(1n << BigInt(bits - 1));
  const high = unsigned ? (1n << BigInt(bits)) - 1n : (1n << BigInt(bits - 1)) - 1n;
  const seen: Value[] = [];
  let fits = true;
  for (const value of values) {
    seen.push(value);
    if (value === null) continue;
    if (isIntegerType(declared.type)) fits &&= typeof value === "bigint" && value >= low && value <= high;
    else if (isTimeType(declared.type)) fits &&= typeof value === "string" && TIME_FORMS.test(value);
    else if (isFloatType(declared.type)) fits &&= typeof value === "number" || typeof value === "bigint";
  }
  return fits ? declared : typeOfValues(seen);
}

const TIME_FORMS = /^(?:\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)?|-?\d{1,3}:\d{2}:\d{2}(?:\.\d{1,6})?)$/;

/** Whether the binary protocol writes the type as an integer. */
export function isIntegerType(type: number): boolean {
  return type in INTEGER_RANGES || type === ColumnType.MYSQL_TYPE_LONGLONG || type === ColumnType.MYSQL_TYPE_YEAR;
}

/** Whether the binary protocol writes the type as an IEEE number. */
export function isFloatType(type: number): boolean {
  return type === ColumnType.MYSQL_TYPE_FLOAT || type === ColumnType.MYSQL_TYPE_DOUBLE;
}

/** Whether the type is a date, a time, or both. */
export function isTimeType(type: number): boolean {
  return type === ColumnType.MYSQL_TYPE_DATE || type === ColumnType.MYSQL_TYPE_DATETIME ||
    type === ColumnType.MYSQL_TYPE_TIMESTAMP || type === ColumnType.MYSQL_TYPE_TIME;
}

/** A double as MySQL prints it: sums of decimals lose the noise of their last binary digit. */
function doubleText(value: number): string {
  if (!Number.isFinite(value)) return "0";
  const rounded = Number(value.toPrecision(15));
  const shown = String(rounded);
  return shown.includes("e") ? shown.replace("e+", "e") : shown;
}

/** A value as the text protocol sends it. */
export function textOfValue(value: Value, type: ValueType): string | Uint8Array | null {
  if (value === null || typeof value === "string" || value instanceof Uint8Array) return value;
  if (type.type === ColumnType.MYSQL_TYPE_NEWDECIMAL) {
    return typeof value === "bigint"
      ? type.decimals === 0 ? String(value) : `${value}.${"0".repeat(type.decimals)}`
      : value.toFixed(Math.min(type.decimals, 30));
  }
  return typeof value === "bigint" ? String(value) : doubleText(value);
}
