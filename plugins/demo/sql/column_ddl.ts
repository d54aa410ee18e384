/**
 * Column definitions of CREATE TABLE and ALTER TABLE in SQLite's dialect.
 *
 * @module
 */
import type { Token } from "./token.ts";
import { isToken, splitAtCommas, TokenCursor } from "./token_list.ts";
import { quoteName } from "./quoting.ts";

/** Turns an expression's tokens into SQLite's text. */
export type ExpressionWriter = (tokens: readonly Token[]) => string;

/** A column, ready to be written. */
export interface ColumnDdl {
  readonly name: string;
  /** The declared type as SQLite gets it. */
  readonly type: string;
  readonly autoIncrement: boolean;
  readonly primaryKey: boolean;
  /** Everything after the type but the primary key. */
  readonly constraints: string;
}

/** Types whose MySQL name would give them the affinity of a number. */
const TEXT_AFFINITY = new Set(["DATE", "DATETIME", "TIMESTAMP", "TIME", "JSON"]);
const BLOB_AFFINITY = new Set(["BINARY", "VARBINARY", "BIT", "GEOMETRY", "POINT"]);
/** Text compares without regard to case, as utf8mb4_0900_ai_ci does; SQLite folds ASCII only. */
const CASELESS = /char|text/;

function readType(cursor: TokenCursor): string {
  let word = cursor.next().upper;
  if (word === "NATIONAL") word = cursor.next().upper;
  if (word === "DOUBLE") cursor.take("PRECISION");
  if (word === "CHARACTER" || word === "CHAR") word = cursor.take("VARYING") ? "VARCHAR" : "CHAR";
  if (word === "LONG") word = cursor.take("VARBINARY") ? "LONGBLOB" : "LONGTEXT";
  if (word === "SERIAL") word = "BIGINT UNSIGNED";
  let size = "";
  if (isToken(cursor.peek, "(")) {
    const inside = cursor.group();
    if (word === "ENUM" || word === "SET") {
      word = "VARCHAR";
      size = `(${Math.max(1, ...inside.map(({ value }) => value.length))})`;
    } else size = `(${inside.map(({ value }) => value).join("")})`;
  }
  let unsigned = false;
  for (let flag; (flag = cursor.takeAny("UNSIGNED", "SIGNED", "ZEROFILL")) !== undefined;) {
    unsigned ||= flag !== "SIGNED";
  }
  const prefix = TEXT_AFFINITY.has(word) ? "TEXT " : BLOB_AFFINITY.has(word) ? "BLOB " : "";
  // "UNSIGNED" holds no affinity of its own, but SQLite wants the size last.
  return (prefix + word + (unsigned ? " UNSIGNED" : "")).toLowerCase() + size;
}

/** Reads a column definition that begins with the column's name. */
export function readColumn(tokens: readonly Token[], source: string, write: ExpressionWriter): ColumnDdl {
  const cursor = new TokenCursor(tokens, source);
  const name = cursor.name();
  const type = readType(cursor);
  const constraints: string[] = CASELESS.test(type) && !/json|date|time/.test(type) ? ["COLLATE NOCASE"] : [];
  let autoIncrement = false;
  let primaryKey = false;
  while (!cursor.done) {
    if (cursor.take("NOT", "NULL")) constraints.push("NOT NULL");
    else if (cursor.take("NULL")) continue;
    else if (cursor.take("AUTO_INCREMENT")) autoIncrement = true;
    else if (cursor.take("PRIMARY", "KEY") || cursor.take("KEY")) primaryKey = true;
    else if (cursor.take("UNIQUE")) {
      cursor.take("KEY");
      constraints.push("UNIQUE");
    } else if (cursor.take("DEFAULT")) {
      constraints.push(`DEFAULT ${readDefault(cursor, write)}`);
    } else if (cursor.take("ON", "UPDATE")) {
      cursor.next();
      if (isToken(cursor.peek, "(")) cursor.group();
    } else if (cursor.take("CHARACTER", "SET") || cursor.takeAny("CHARSET", "COLLATE", "COMMENT", "COLUMN_FORMAT")) {
      cursor.next();
    } else if (cursor.take("REFERENCES")) {
      // MySQL reads a REFERENCES behind a column and ignores it.
      cursor.rest();
    } else if (cursor.take("GENERATED", "ALWAYS") || isToken(cursor.peek, "AS")) {
      cursor.expect("AS");
      constraints.push(`GENERATED ALWAYS AS (${write(cursor.group())})`);
      constraints.push(cursor.takeAny("STORED", "VIRTUAL") ?? "VIRTUAL");
    } else if (cursor.take("CONSTRAINT")) {
      if (!isToken(cursor.peek, "CHECK")) cursor.name();
    } else if (cursor.take("CHECK")) {
      constraints.push(`CHECK (${write(cursor.group())})`);
      cursor.take("ENFORCED");
    } else if (cursor.takeAny("FIRST", "VISIBLE", "INVISIBLE") !== undefined) continue;
    else if (cursor.take("AFTER")) cursor.name();
    else throw cursor.error();
  }
  return { name, type, autoIncrement, primaryKey, constraints: constraints.join(" ") };
}

function readDefault(cursor: TokenCursor, write: ExpressionWriter): string {
  if (isToken(cursor.peek, "(")) return `(${write(cursor.group())})`;
  const from = cursor.at;
  if (cursor.takeAny("+", "-") === undefined && cursor.take("NULL")) return "NULL";
  const value = cursor.next();
  if (isToken(cursor.peek, "(")) cursor.group();
  const written = write(cursor.tokens.slice(from, cursor.at));
  // An expression needs parentheses; CURRENT_TIMESTAMP has become one.
  return value.kind === "word" && !/^(TRUE|FALSE)$/.test(value.upper) ? `(${written})` : written;
}

/** The definition as part of CREATE TABLE; `inline` makes it the table's self-numbering key. */
export function writeColumn(column: ColumnDdl, inline: boolean): string {
  if (inline) {
    // Only the exact word INTEGER makes a column SQLite's row number.
    return `${quoteName(column.name)} INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL`;
  }
  const key = column.primaryKey ? " PRIMARY KEY NOT NULL" : "";
  return `${quoteName(column.name)} ${column.type}${key} ${column.constraints}`.trimEnd();
}

/** The columns of a key, without lengths and directions: `a(10) DESC, b`. */
export function readKeyColumns(tokens: readonly Token[]): string[] {
  return splitAtCommas(tokens).flatMap(([first]) => first === undefined ? [] : [first.value]);
}
