/**
 * Runs statements that give rows, and tells what their columns hold.
 *
 * @module
 */
import type { ColumnDefinition } from "../../../lib/protocol/column_definition.ts";
import { DATABASE_NAME } from "./database.ts";
import type { RowsOutcome } from "./outcome.ts";
import { defineColumns, speaksOfDates } from "./result_columns.ts";
import type { RowSource } from "./row_source.ts";
import { type Script, spellQuery } from "./script.ts";
import type { Session } from "./session.ts";
import type { SqliteColumn } from "./sqlite.ts";
import type { Token } from "./token.ts";
import { findOutside } from "./token_list.ts";
import { chooseValues } from "./translation.ts";
import type { Value } from "./value_type.ts";
import { fillVirtualTables } from "./virtual_schema.ts";

/** Runs SELECT and its kin. @throws What SQLite throws, and {SqlError}. */
export async function runQuery(
  session: Session,
  tokens: readonly Token[],
  script: Script,
  parameters: readonly Value[],
): Promise<RowsOutcome> {
  const { transaction, interruption, server } = session;
  // SELECT … FOR UPDATE waits for other writers, and they for it.
  const locks = transaction.continues && !server.identity.readOnly &&
    findOutside(tokens, 0, "FOR") < tokens.length && tokens.at(-1)?.upper !== "SHARE";
  if (locks) await transaction.lock(interruption.signal);
  const sleeps: string[] = [];
  const translation = session.translate(spellQuery(tokens), script, sleeps);
  await interruption.sleep(sleeps, parameters);
  fillVirtualTables(translation, session.sources);
  const { columns, rows } = server.database.sqlite.query(translation.sql, chooseValues(translation, parameters));
  return { kind: "rows", columns: define(session, columns, rows, script), rows };
}

/** The columns of a query that is not run. @throws What SQLite throws, and {SqlError}. */
export function queryColumns(session: Session, tokens: readonly Token[], script: Script): ColumnDefinition[] {
  const translation = session.translate(spellQuery(tokens), script);
  fillVirtualTables(translation, session.sources);
  return define(session, session.server.database.sqlite.columns(translation.sql), [], script);
}

/** The outcome of a statement whose rows are made up. */
export function madeUp(session: Session, { columns, rows }: RowSource, script: Script): RowsOutcome {
  const named = columns.map((name) => ({ name, column: "", table: "", type: "" }));
  return { kind: "rows", columns: define(session, named, rows, script), rows };
}

function define(
  { server }: Session,
  columns: readonly SqliteColumn[],
  rows: readonly (readonly Value[])[],
  { source }: Script,
): ColumnDefinition[] {
  const { catalog } = server.database;
  return defineColumns(columns, rows, { catalog, schema: DATABASE_NAME, dates: speaksOfDates(source) });
}
