/**
 * What SHOW and DESCRIBE tell of databases, tables, columns and indexes.
 *
 * @module
 */
import { type CatalogTable, showCreateTable } from "./catalog.ts";
import { statisticsRows } from "./catalog_rows.ts";
import { DEFAULT_COLLATION } from "./character_sets.ts";
import { quoteName } from "./quoting.ts";
import { type RowSource, rowSource } from "./row_source.ts";
import type { SchemaSources } from "./schema_sources.ts";
import { matchesLike, narrowed, type ShowContext } from "./show_context.ts";
import { noDatabase, noSuchTable, notSupported, unknownDatabase } from "./sql_error.ts";
import { isToken, type TokenCursor } from "./token_list.ts";
import type { Value } from "./value_type.ts";
import { virtualColumns, virtualTables } from "./virtual_schema.ts";

/** `FROM t [FROM db]`, `FROM db.t`. */
function readTable(cursor: TokenCursor, context: ShowContext): { database: string; table: string } {
  const { database, name } = cursor.qualifiedName();
  const chosen = cursor.takeAny("FROM", "IN") === undefined ? database ?? context.database : cursor.name();
  if (chosen === undefined) throw noDatabase();
  return { database: chosen, table: name };
}

function findTable(name: { database: string; table: string }, { sources }: ShowContext): CatalogTable {
  const known = name.database.toLowerCase() === sources.mainDatabase;
  const table = known ? sources.catalog.table(name.table) : undefined;
  if (table === undefined) throw noSuchTable(name.database, name.table);
  return table;
}

function columnsOf(name: { database: string; table: string }, full: boolean, context: ShowContext): RowSource {
  const virtual = virtualColumns(name.database, name.table, context.sources);
  const names = full
    ? "Field Type Collation Null Key Default Extra Privileges Comment"
    : "Field Type Null Key Default Extra";
  if (virtual !== undefined) {
    return rowSource(
      names,
      virtual.map((column) => {
        return full
          ? [column, "text", "utf8mb3_general_ci", "YES", "", null, "", "select", ""]
          : [column, "text", "YES", "", null, ""];
      }),
    );
  }
  const table = findTable(name, context);
  return rowSource(
    names,
    table.columns.map((column): Value[] => {
      const nullable = column.nullable ? "YES" : "NO";
      if (!full) return [column.name, column.type, nullable, column.key, column.default, column.extra];
      const collation = column.text ? DEFAULT_COLLATION : null;
      const privileges = "select,insert,update,references";
      return [column.name, column.type, collation, nullable, column.key, column.default, column.extra, privileges, ""];
    }),
  );
}

/** SHOW COLUMNS {FROM | IN} t …, the cursor behind COLUMNS; `full` adds three columns. @throws {SqlError} */
export function showColumns(cursor: TokenCursor, full: boolean, context: ShowContext): RowSource {
  if (cursor.takeAny("FROM", "IN") === undefined) throw cursor.error();
  return narrowed(columnsOf(readTable(cursor, context), full, context), cursor, context);
}

/** DESCRIBE t [column], the cursor behind the first word. @throws {SqlError} */
export function describe(cursor: TokenCursor, context: ShowContext): RowSource {
  const shown = columnsOf(readTable(cursor, context), false, context);
  if (cursor.done) return shown;
  const pattern = cursor.name();
  return { columns: shown.columns, rows: shown.rows.filter(([field]) => matchesLike(String(field), pattern)) };
}

/** The names of all databases, in the order of SHOW DATABASES. */
export function databases({ mainDatabase }: SchemaSources): string[] {
  return ["information_schema", "performance_schema", mainDatabase].sort();
}

/** SHOW [FULL] TABLES …, the cursor behind TABLES. @throws {SqlError} */
export function showTables(cursor: TokenCursor, full: boolean, context: ShowContext): RowSource {
  const database = cursor.takeAny("FROM", "IN") === undefined ? context.database : cursor.name();
  if (database === undefined) throw noDatabase();
  const { sources } = context;
  if (!databases(sources).includes(database.toLowerCase())) throw unknownDatabase(database);
  const list: [string, string][] = database.toLowerCase() === sources.mainDatabase
    ? sources.catalog.tables().filter(({ temporary }) => !temporary).map(({ name, kind }) => [name, kind])
    : virtualTables(database).map((name) => [name, "SYSTEM VIEW"]);
  const pattern = isToken(cursor.peek, "LIKE") ? cursor.tokens[cursor.at + 1]?.value : undefined;
  const title = `Tables_in_${database}${pattern === undefined ? "" : ` (${pattern})`}`;
  const shown = {
    columns: full ? [title, "Table_type"] : [title],
    rows: list.map((row) => full ? row : row.slice(0, 1)),
  };
  return narrowed(shown, cursor, context);
}

/** SHOW TABLE STATUS …, the cursor behind STATUS. @throws {SqlError} */
export function showTableStatus(cursor: TokenCursor, context: ShowContext): RowSource {
  const database = cursor.takeAny("FROM", "IN") === undefined ? context.database : cursor.name();
  if (database === undefined) throw noDatabase();
  const { catalog } = context.sources;
  const names =
    "Name Engine Version Row_format Rows Avg_row_length Data_length Max_data_length Index_length Data_free " +
    "Auto_increment Create_time Update_time Check_time Collation Checksum Create_options Comment";
  const tables = database.toLowerCase() === context.sources.mainDatabase ? catalog.tables() : [];
  const list = tables.map(({ name, kind }): Value[] => {
    const view = kind === "VIEW";
    if (view) return [name, ...Array.from({ length: 16 }, () => null), "VIEW"];
    return [
      ...[name, "InnoDB", 10n, "Dynamic", rowCount(context, name), 0n, 16384n, 0n, 0n, 0n, null, null, null, null],
      ...[DEFAULT_COLLATION, null, "", ""],
    ];
  });
  return narrowed(rowSource(names, list), cursor, context);
}

function rowCount({ sources }: ShowContext, table: string): Value {
  return sources.sqlite.objects(`SELECT count(*) AS n FROM ${quoteName(table)}`)[0]?.["n"] ?? 0n;
}

/** SHOW INDEX {FROM | IN} t …, the cursor behind INDEX. @throws {SqlError} */
export function showIndex(cursor: TokenCursor, context: ShowContext): RowSource {
  if (cursor.takeAny("FROM", "IN") === undefined) throw cursor.error();
  const table = findTable(readTable(cursor, context), context);
  const names = "Table Non_unique Key_name Seq_in_index Column_name Collation Cardinality Sub_part Packed Null " +
    "Index_type Comment Index_comment Visible Expression";
  // STATISTICS has the same columns after three of its own, and one more in between.
  const list = statisticsRows(context.sources).filter((row) => row[2] === table.name)
    .map((row) => [...row.slice(2, 4), ...row.slice(5)]);
  return narrowed(rowSource(names, list), cursor, context);
}

/** SHOW CREATE {TABLE | VIEW | DATABASE} …, the cursor behind CREATE. @throws {SqlError} */
export function showCreate(cursor: TokenCursor, context: ShowContext): RowSource {
  const kind = cursor.takeAny("TABLE", "VIEW", "DATABASE", "SCHEMA");
  if (kind === "TABLE" || kind === "VIEW") {
    const table = findTable(readTable(cursor, context), context);
    const text = showCreateTable(table);
    return table.kind === "VIEW"
      ? {
        columns: ["View", "Create View", "character_set_client", "collation_connection"],
        rows: [[table.name, text, "utf8mb4", DEFAULT_COLLATION]],
      }
      : { columns: ["Table", "Create Table"], rows: [[table.name, text]] };
  }
  if (kind === undefined) throw notSupported(`SHOW CREATE ${cursor.peek?.upper ?? ""}`);
  const ifNotExists = cursor.take("IF", "NOT", "EXISTS") ? "/*!32312 IF NOT EXISTS*/ " : "";
  const database = cursor.name();
  if (!databases(context.sources).includes(database.toLowerCase())) throw unknownDatabase(database);
  return {
    columns: ["Database", "Create Database"],
    rows: [[database, `CREATE DATABASE ${ifNotExists}\`${database}\` /*!40100 DEFAULT CHARACTER SET utf8mb4 */`]],
  };
}
