/**
 * SHOW, by the words behind it.
 *
 * @module
 */
import { CHARACTER_SETS, COLLATIONS } from "./character_sets.ts";
import { type RowSource, rowSource } from "./row_source.ts";
import { narrowed, type ShowContext } from "./show_context.ts";
import { databases, showColumns, showCreate, showIndex, showTables, showTableStatus } from "./show_table.ts";
import { SqlError } from "./sql_error.ts";
import type { TokenCursor } from "./token_list.ts";
import { ENGINES } from "./virtual_schema.ts";

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

/** SHOW …, the cursor behind the word SHOW. @throws {SqlError} */
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
    case "FIELDS":
      return showColumns(cursor, full, context);
    case "DATABASES":
    case "SCHEMAS":
      return narrowed(rowSource("Database", databases(sources).map((name) => [name])), cursor, context);
    case "VARIABLES":
      return narrowed(rowSource("Variable_name Value", sources.variables.list()), cursor, context);
    case "STATUS":
      return narrowed(
        rowSource("Variable_name Value", sources.status().map(([name, value]) => [name, value])),
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
      return rowSource("Level Code Message", list.map(([level, code, message]) => [level, BigInt(code), message]));
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
      return rowSource(
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
      return rowSource("Name Status Type Library License", [[
        "caching_sha2_password",
        "ACTIVE",
        "AUTHENTICATION",
        null,
        "MIT",
      ]]);
    case "PRIVILEGES":
      return rowSource("Privilege Context Comment", []);
  }
  cursor.at--;
  for (const [words, columns] of EMPTY) {
    if (cursor.take(...words.split(" "))) return rowSource(columns, []);
  }
  throw new SqlError(1064, "42000", cursor.error().message);
}
