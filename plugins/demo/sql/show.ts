/**
 * SHOW, DESCRIBE and their kin.
 *
 * @module
 */
import { type CatalogTable, showCreateTable } from "./catalog.ts";
import { noDatabase, noSuchTable, notSupported, SqlError, unknownDatabase } from "./sql_error.ts";
import type { Token } from "./token.ts";
import { isToken, TokenCursor } from "./token_list.ts";
import type { Value } from "./value_type.ts";
import {
  CHARACTER_SETS,
  COLLATIONS,
  ENGINES,
  type RowSource,
  type SchemaSources,
  statisticsRows,
  virtualColumns,
  virtualTables,
} from "./virtual_schema.ts";

/** What SHOW needs of the session. */
export interface ShowContext {
  readonly sources: SchemaSources;
  readonly database: string | undefined;
  readonly user: string;
  /** The text of the statement. */
  readonly source: string;
  /** Notes, warnings and errors of the statement before. */
  readonly warnings: readonly (readonly [level: string, code: number, message: string])[];
  /** Keeps the rows that a translated WHERE accepts. */
  filter(rows: RowSource, where: readonly Token[]): RowSource;
}

/** Whether `text` matches a LIKE pattern, ignoring case. */
export function matchesLike(text: string, pattern: string): boolean {
  let expression = "";
  for (let at = 0; at < pattern.length; at++) {
    let char = pattern.charAt(at);
    if (char === "%") expression += "[^]*";
    else if (char === "_") expression += "[^]";
    else {
      if (char === "\\" && at + 1 < pattern.length) char = pattern.charAt(++at);
      expression += char.replace(/[\\^$.*+?()[\]{}|\/-]/g, "\\$&");
    }
  }
  return new RegExp(`^${expression}$`, "iu").test(text);
}

/** Applies the LIKE or WHERE that may stand at the end; LIKE looks at the first column. */
function narrowed(rows: RowSource, cursor: TokenCursor, context: ShowContext): RowSource {
  if (cursor.take("LIKE")) {
    const pattern = cursor.next().value;
    return { columns: rows.columns, rows: rows.rows.filter(([first]) => matchesLike(String(first), pattern)) };
  }
  if (cursor.take("WHERE")) return context.filter(rows, cursor.rest());
  if (!cursor.done) throw cursor.error();
  return rows;
}

function rows(columns: string, list: readonly (readonly Value[])[]): RowSource {
  return { columns: columns.split(" "), rows: list };
}

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
    return rows(
      names,
      virtual.map((column) => {
        return full
          ? [column, "text", "utf8mb3_general_ci", "YES", "", null, "", "select", ""]
          : [column, "text", "YES", "", null, ""];
      }),
    );
  }
  const table = findTable(name, context);
  return rows(
    names,
    table.columns.map((column): Value[] => {
      const nullable = column.nullable ? "YES" : "NO";
      if (!full) return [column.name, column.type, nullable, column.key, column.default, column.extra];
      const collation = column.text ? "utf8mb4_0900_ai_ci" : null;
      const privileges = "select,insert,update,references";
      return [column.name, column.type, collation, nullable, column.key, column.default, column.extra, privileges, ""];
    }),
  );
}

/** DESCRIBE t, DESC t [column]. */
export function describe(cursor: TokenCursor, context: ShowContext): RowSource {
  const shown = columnsOf(readTable(cursor, context), false, context);
  if (cursor.done) return shown;
  const pattern = cursor.name();
  return { columns: shown.columns, rows: shown.rows.filter(([field]) => matchesLike(String(field), pattern)) };
}

function databases({ mainDatabase }: SchemaSources): string[] {
  return ["information_schema", "performance_schema", mainDatabase].sort();
}

function showTables(cursor: TokenCursor, full: boolean, context: ShowContext): RowSource {
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

function showTableStatus(cursor: TokenCursor, context: ShowContext): RowSource {
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
      ...["utf8mb4_0900_ai_ci", null, "", ""],
    ];
  });
  return narrowed(rows(names, list), cursor, context);
}

function rowCount({ sources }: ShowContext, table: string): Value {
  return sources.sqlite.objects(`SELECT count(*) AS n FROM "${table.replaceAll('"', '""')}"`)[0]?.["n"] ?? 0n;
}

function showIndex(cursor: TokenCursor, context: ShowContext): RowSource {
  if (cursor.takeAny("FROM", "IN") === undefined) throw cursor.error();
  const table = findTable(readTable(cursor, context), context);
  const names = "Table Non_unique Key_name Seq_in_index Column_name Collation Cardinality Sub_part Packed Null " +
    "Index_type Comment Index_comment Visible Expression";
  // STATISTICS has the same columns after three of its own, and one more in between.
  const list = statisticsRows(context.sources).filter((row) => row[2] === table.name)
    .map((row) => [...row.slice(2, 4), ...row.slice(5)]);
  return narrowed(rows(names, list), cursor, context);
}

function showCreate(cursor: TokenCursor, context: ShowContext): RowSource {
  const kind = cursor.takeAny("TABLE", "VIEW", "DATABASE", "SCHEMA");
  if (kind === "TABLE" || kind === "VIEW") {
    const table = findTable(readTable(cursor, context), context);
    const text = showCreateTable(table);
    return table.kind === "VIEW"
      ? {
        columns: ["View", "Create View", "character_set_client", "collation_connection"],
        rows: [[table.name, text, "utf8mb4", "utf8mb4_0900_ai_ci"]],
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

/** Answers that are always empty here, by the first words after SHOW. */
const EMPTY: readonly (readonly [words: string, columns: string])[] = [
  ["TRIGGERS", "Trigger Event Table Statement Timing Created sql_mode Definer"],
  ["EVENTS", "Db Name Definer Time_zone Type Execute_at Status"],
  ["PROCEDURE STATUS", "Db Name Type Definer Modified Created Security_type Comment"],
  ["FUNCTION STATUS", "Db Name Type Definer Modified Created Security_type Comment"],
  ["PROFILES", "Query_ID Duration Query"],
  ["OPEN TABLES", "Database Table In_use Name_locked"],
  ["MASTER STATUS", "File Position Binlog_Do_DB Binlog_Ignore_DB Executed_Gtid_Set"],
  ["BINARY LOG STATUS", "File Position Binlog_Do_DB Binlog_Ignore_DB Executed_Gtid_Set"],
  ["SLAVE STATUS", "Slave_IO_State"],
  ["REPLICA STATUS", "Replica_IO_State"],
];

/** SHOW …, the cursor behind the word SHOW. */
export function show(cursor: TokenCursor, context: ShowContext): RowSource {
  const { sources } = context;
  if (cursor.take("COUNT")) {
    cursor.group();
    const kind = cursor.next().upper;
    return {
      columns: [`@@session.${kind === "ERRORS" ? "error_count" : "warning_count"}`],
      rows: [[BigInt(context.warnings.length)]],
    };
  }
  cursor.take("EXTENDED");
  const full = cursor.take("FULL");
  cursor.takeAny("GLOBAL", "SESSION", "LOCAL", "STORAGE");
  const word = cursor.next().upper;
  switch (word) {
    case "TABLES":
      return showTables(cursor, full, context);
    case "COLUMNS":
    case "FIELDS": {
      if (cursor.takeAny("FROM", "IN") === undefined) throw cursor.error();
      return narrowed(columnsOf(readTable(cursor, context), full, context), cursor, context);
    }
    case "DATABASES":
    case "SCHEMAS":
      return narrowed(rows("Database", databases(sources).map((name) => [name])), cursor, context);
    case "VARIABLES":
      return narrowed(rows("Variable_name Value", sources.variables.list()), cursor, context);
    case "STATUS":
      return narrowed(
        rows("Variable_name Value", sources.status().map(([name, value]) => [name, value])),
        cursor,
        context,
      );
    case "TABLE":
      cursor.expect("STATUS");
      return showTableStatus(cursor, context);
    case "INDEX":
    case "INDEXES":
    case "KEYS":
      return showIndex(cursor, context);
    case "CREATE":
      return showCreate(cursor, context);
    case "WARNINGS":
    case "ERRORS": {
      const list = context.warnings.filter(([level]) => word === "WARNINGS" || level === "Error");
      return rows("Level Code Message", list.map(([level, code, message]) => [level, BigInt(code), message]));
    }
    case "ENGINES":
      return { columns: ["Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"], rows: ENGINES.rows };
    case "COLLATION":
      return narrowed(
        {
          columns: ["Collation", "Charset", "Id", "Default", "Compiled", "Sortlen", "Pad_attribute"],
          rows: COLLATIONS.rows,
        },
        cursor,
        context,
      );
    case "CHARSET":
    case "CHARACTER":
      cursor.take("SET");
      return narrowed(
        {
          columns: ["Charset", "Description", "Default collation", "Maxlen"],
          rows: CHARACTER_SETS.rows.map((
            [name = "", collation = "", text = "", length = 1n],
          ) => [name, text, collation, length]),
        },
        cursor,
        context,
      );
    case "PROCESSLIST":
      return rows(
        "Id User Host db Command Time State Info",
        sources.processes().map(({ id, user, host, database, command, seconds, info }) => [
          ...[BigInt(id), user, host, database ?? null, command, BigInt(seconds), "", info ?? null],
        ]),
      );
    case "GRANTS": {
      const name = context.user.split("@")[0] ?? "";
      return { columns: [`Grants for ${name}@%`], rows: [[`GRANT ALL PRIVILEGES ON *.* TO \`${name}\`@\`%\``]] };
    }
    case "PLUGINS":
      return rows("Name Status Type Library License", [[
        "caching_sha2_password",
        "ACTIVE",
        "AUTHENTICATION",
        null,
        "MIT",
      ]]);
    case "PRIVILEGES":
      return rows("Privilege Context Comment", []);
  }
  cursor.at--;
  for (const [words, columns] of EMPTY) {
    if (cursor.take(...words.split(" "))) return rows(columns, []);
  }
  throw new SqlError(1064, "42000", cursor.error().message);
}
