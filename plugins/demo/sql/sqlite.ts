/**
 * node:sqlite as the rest of this plugin wants it: rows as arrays, integers as `bigint`, columns with their origin, and
 * an error message for every failed statement.
 *
 * Deno 2.4 has no `columns()`, no `setReturnArrays()`, and says only "failed to prepare statement"; there, names and
 * declared types come from a temporary view, and messages from preparing once more with `exec`.
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Value } from "./value_type.ts";

/** A column of a result. */
export interface SqliteColumn {
  readonly name: string;
  /** The column that it comes from and its table; empty for an expression, and always on Deno 2.4. */
  readonly column: string;
  readonly table: string;
  /** The declared type; empty for an expression. */
  readonly type: string;
}

/** A result: every row has one value per column. */
export interface SqliteRows {
  readonly columns: readonly SqliteColumn[];
  readonly rows: readonly (readonly Value[])[];
}

/** What a statement without rows did. */
export interface SqliteChanges {
  readonly changes: bigint;
  readonly lastInsertRowid: bigint;
}

/** The methods that Deno 2.4 lacks. */
interface ColumnSource {
  columns(): readonly { name: string; column: string | null; table: string | null; type: string | null }[];
  setReturnArrays(enabled: boolean): void;
}

function hasColumns(statement: object): statement is ColumnSource {
  return "columns" in statement && "setReturnArrays" in statement;
}

function isValue(value: unknown): value is Value {
  return value === null || typeof value === "bigint" || typeof value === "number" || typeof value === "string" ||
    value instanceof Uint8Array;
}

function toValue(value: unknown): Value {
  return isValue(value) ? value : null;
}

/** How a view declares its expressions. The tables of this plugin declare their columns in lower case. */
const EXPRESSION_TYPES = new Set(["INT", "NUM", "REAL", "TEXT", "BLOB"]);

const PROBE = "~columns";

/** One in-memory database. */
export class Sqlite {
  readonly #database = new DatabaseSync(":memory:");

  #prepare(sql: string): StatementSync {
    try {
      return this.#database.prepare(sql);
    } catch (error) {
      if (error instanceof Error && error.message === "failed to prepare statement") {
        // EXPLAIN prepares the same statement and runs nothing.
        this.#database.exec(`EXPLAIN ${sql}`);
      }
      throw error;
    }
  }

  /** Runs statements without parameters and without rows. */
  exec(sql: string): void {
    this.#database.exec(sql);
  }

  /** Runs one statement that changes something. */
  run(sql: string, parameters: readonly Value[] = []): SqliteChanges {
    const statement = this.#prepare(sql);
    statement.setReadBigInts(true);
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { changes: BigInt(changes), lastInsertRowid: BigInt(lastInsertRowid) };
  }

  /** Runs one query. */
  query(sql: string, parameters: readonly Value[] = []): SqliteRows {
    const statement = this.#prepare(sql);
    if (!hasColumns(statement)) return this.#queryByPosition(sql, parameters);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    const columns = statement.columns().map(originOf);
    const rows = statement.all(...parameters).map((row) => Array.isArray(row) ? row.map(toValue) : []);
    return { columns, rows };
  }

  /** The columns that a query would return; `sql` without parameters, NULL in their places. */
  columns(sql: string): readonly SqliteColumn[] {
    const statement = this.#prepare(sql);
    return hasColumns(statement) ? statement.columns().map(originOf) : this.#probe(withoutParameters(sql));
  }

  close(): void {
    this.#database.close();
  }

  #probe(sql: string): SqliteColumn[] {
    // Pragmas and the like cannot be looked at this way; those of this plugin go through `objects`.
    this.#database.exec(`DROP VIEW IF EXISTS temp."${PROBE}"; CREATE TEMP VIEW "${PROBE}" AS ${sql}`);
    const names = new Set<string>();
    return this.objects(`PRAGMA temp.table_info("${PROBE}")`).map((row) => {
      const shown = String(row["name"]);
      // A second column "id" appears as "id:1".
      const base = shown.replace(/:\d+$/, "");
      const name = names.has(base) ? base : shown;
      names.add(name);
      const type = String(row["type"] ?? "");
      return { name, column: "", table: "", type: EXPRESSION_TYPES.has(type) ? "" : type };
    });
  }

  /** Objects cannot hold two columns of one name, nor keep a column called "2" in its place: rename them all. */
  #queryByPosition(sql: string, parameters: readonly Value[]): SqliteRows {
    const columns = this.#probe(withoutParameters(sql));
    const names = columns.map((_, index) => `c${index}`);
    const statement = this.#prepare(`WITH "~q"(${names.join(", ")}) AS (${sql}) SELECT * FROM "~q"`);
    statement.setReadBigInts(true);
    const rows = statement.all(...parameters).map((row) => {
      const record: Record<string, unknown> = Object.fromEntries(Object.entries(row ?? {}));
      return names.map((name) => toValue(record[name]));
    });
    return { columns, rows };
  }

  /** Rows as objects, for the catalog: pragmas and queries whose names are known and differ. */
  objects(sql: string, parameters: readonly Value[] = []): Record<string, Value>[] {
    const statement = this.#prepare(sql);
    statement.setReadBigInts(true);
    return statement.all(...parameters).map((row) =>
      Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, toValue(value)]))
    );
  }
}

function originOf(
  { name, column, table, type }: { name: string; column: string | null; table: string | null; type: string | null },
): SqliteColumn {
  return { name, column: column ?? "", table: table ?? "", type: type ?? "" };
}

/** NULL for every parameter outside of literals and names. A doubled quote reads as the end of one and another. */
export function withoutParameters(sql: string): string {
  return sql.replace(/'[^']*'|"[^"]*"|\?/g, (match) => match === "?" ? "NULL" : match);
}
