/**
 * Column definitions of a result: where a column comes from and what it holds.
 *
 * @module
 */
import { type ColumnDefinition, newColumn } from "../../../lib/protocol/column_definition.ts";
import { ColumnFlag, ColumnType } from "../../../lib/protocol/column_type.ts";
import type { Catalog } from "./catalog.ts";
import type { SqliteColumn } from "./sqlite.ts";
import { fitType, typeOfDeclaration, typeOfValues, type Value, type ValueType } from "./value_type.ts";

/** What the definitions are made from. */
export interface ColumnSources {
  readonly catalog: Catalog;
  readonly schema: string;
  /** The statement speaks of dates and times, so that expressions that look like one are one. */
  readonly dates: boolean;
}

const DATE_VALUE = /^\d{4}-\d{2}-\d{2}$/;
const DATETIME_VALUE = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,6})?$/;

/** Whether a statement uses something that makes dates, or passes a column's dates on. */
export function speaksOfDates(source: string): boolean {
  return /\b(now|cur(date|time)|current_(date|time|timestamp)|sysdate|utc_\w+|date(_add|_sub)?|adddate|subdate|interval|last_day|from_unixtime|max|min|coalesce|ifnull|cast|localtime\w*|timestamp)\b/i
    .test(source);
}

function typeOfExpression(values: readonly Value[], dates: boolean): ValueType {
  const type = typeOfValues(values);
  // NULL as a column's type is only good for NULL itself, and a statement without rows may return others next time.
  if (type.type === ColumnType.MYSQL_TYPE_NULL) return typeOfValues([""]);
  if (!dates || type.type !== ColumnType.MYSQL_TYPE_VAR_STRING) return type;
  const shown = values.filter((value) => typeof value === "string");
  const declared = shown.every((value) => DATETIME_VALUE.test(value))
    ? shown.some((value) => value.includes(".")) ? "datetime(6)" : "datetime"
    : shown.every((value) => DATE_VALUE.test(value))
    ? "date"
    : "";
  return typeOfDeclaration(declared) ?? type;
}

function flagsOf({ catalog }: ColumnSources, { table, column }: SqliteColumn): number {
  const found = catalog.table(table)?.columns.find(({ name }) => name === column);
  if (found === undefined) return 0;
  const key = {
    "": 0,
    PRI: ColumnFlag.PRI_KEY_FLAG | ColumnFlag.PART_KEY_FLAG,
    UNI: ColumnFlag.UNIQUE_KEY_FLAG | ColumnFlag.PART_KEY_FLAG,
    MUL: ColumnFlag.MULTIPLE_KEY_FLAG | ColumnFlag.PART_KEY_FLAG,
  }[found.key];
  const required = !found.nullable && found.default === null && found.extra !== "auto_increment";
  return key |
    (found.nullable ? 0 : ColumnFlag.NOT_NULL_FLAG) |
    (required ? ColumnFlag.NO_DEFAULT_VALUE_FLAG : 0) |
    (found.extra === "auto_increment" ? ColumnFlag.AUTO_INCREMENT_FLAG : 0);
}

/** The definitions for a result's columns; without rows, as a prepared statement tells of its columns. */
export function defineColumns(
  columns: readonly SqliteColumn[],
  rows: readonly (readonly Value[])[],
  sources: ColumnSources,
): ColumnDefinition[] {
  return columns.map((column, index) => {
    const values = rows.map((row) => row[index] ?? null);
    const declared = typeOfDeclaration(column.type);
    const { type, flags, ...rest } = declared === undefined
      ? typeOfExpression(values, sources.dates)
      : fitType(declared, values);
    const virtual = column.table.match(/^(\w+_schema)\.(\w+)$/);
    const table = virtual?.[2] ?? column.table;
    return newColumn(column.name, type, {
      ...rest,
      schema: column.table === "" ? "" : virtual?.[1] ?? sources.schema,
      table,
      originalTable: table,
      originalName: column.column,
      flags: flags | flagsOf(sources, column),
    });
  });
}
