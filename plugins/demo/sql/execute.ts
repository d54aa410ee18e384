/**
 * Executes the statements of a session, each by its first word.
 *
 * @module
 */
import type { ColumnDefinition } from "../../../lib/protocol/column_definition.ts";
import { DATABASE_NAME } from "./database.ts";
import { duplicateValue } from "./duplicate_value.ts";
import { explain } from "./explain.ts";
import { maintain } from "./maintenance.ts";
import { DONE, type Outcome } from "./outcome.ts";
import { runDdl } from "./run_ddl.ts";
import { madeUp, queryColumns, runQuery } from "./run_query.ts";
import { runSet } from "./run_set.ts";
import { runWrite } from "./run_write.ts";
import type { Script } from "./script.ts";
import type { Session } from "./session.ts";
import { show } from "./show.ts";
import { showContext } from "./show_context.ts";
import { fromSqlite, notSupported, SqlError, syntaxError } from "./sql_error.ts";
import type { Token } from "./token.ts";
import { keyword, TokenCursor } from "./token_list.ts";
import type { Value } from "./value_type.ts";
import { rewriteDelete, rewriteInsert, rewriteUpdate } from "./write_statement.ts";

/** A statement that PREPARE has read. */
export interface Prepared {
  readonly script: Script;
  readonly parameterCount: number;
  readonly columns: readonly ColumnDefinition[];
}

/** Runs one statement of a script. @throws {SqlError} */
export async function execute(
  session: Session,
  script: Script,
  index = 0,
  parameters: readonly Value[] = [],
): Promise<Outcome> {
  const tokens = script.statements[index] ?? [];
  session.interruption.clear();
  try {
    const outcome = await dispatch(session, tokens, script, parameters);
    session.rowCount = outcome.kind === "ok" ? outcome.affectedRows : -1n;
    if (outcome.kind === "rows") session.foundRows = BigInt(outcome.rows.length);
    if (tokens[0]?.upper !== "SHOW") session.warnings = [];
    return outcome;
  } catch (error) {
    const { catalog } = session.server.database;
    const failed = fromSqlite(error, {
      source: script.source,
      database: session.database ?? DATABASE_NAME,
      keyOf: (table, columns) =>
        catalog.table(table)?.indexes.find((key) => key.unique && key.columns.join() === columns.join())?.name,
      duplicate: (columns) => duplicateValue(tokens, columns, parameters, catalog),
    });
    session.rowCount = -1n;
    session.warnings = [["Error", failed.code, failed.message]];
    throw failed;
  }
}

/** Reads a statement for COM_STMT_PREPARE. @throws {SqlError} */
export async function prepare(session: Session, script: Script): Promise<Prepared> {
  const [tokens = [], second] = script.statements;
  if (second !== undefined) throw syntaxError(script.source.slice(second[0]?.start ?? 0));
  const parameterCount = tokens.filter(({ kind }) => kind === "parameter").length;
  try {
    return { script, parameterCount, columns: await columnsOf(session, tokens, script, parameterCount) };
  } catch (error) {
    throw fromSqlite(error, { source: script.source, database: session.database ?? DATABASE_NAME });
  }
}

/** The columns that a statement will have. SHOW and its kin change nothing, so they are run to find out. */
async function columnsOf(session: Session, tokens: readonly Token[], script: Script, parameterCount: number) {
  switch (tokens[0]?.upper) {
    case "SHOW":
    case "DESCRIBE":
    case "DESC":
    case "EXPLAIN": {
      const outcome = await dispatch(session, tokens, script, Array.from({ length: parameterCount }, () => null));
      return outcome.kind === "rows" ? outcome.columns : [];
    }
    case "SELECT":
    case "WITH":
    case "(":
    case "TABLE":
    case "VALUES":
      return queryColumns(session, tokens, script);
    default:
      return [];
  }
}

async function dispatch(
  session: Session,
  tokens: readonly Token[],
  script: Script,
  parameters: readonly Value[],
): Promise<Outcome> {
  if (tokens.length === 0) return DONE;
  const { source } = script;
  const placeholders = tokens.filter(({ kind }) => kind === "parameter");
  if (placeholders.length > parameters.length) throw syntaxError(source.slice(placeholders[0]?.start));
  const cursor = new TokenCursor(tokens, source);
  const { upper: word } = cursor.next();
  switch (word) {
    case "SELECT":
    case "WITH":
    case "(":
    case "VALUES":
    case "TABLE":
      return await runQuery(session, tokens, script, parameters);
    case "INSERT":
    case "REPLACE":
      return await runWrite(session, rewriteInsert(tokens, source), script, parameters);
    case "UPDATE":
      return await runWrite(session, rewriteUpdate(tokens, source), script, parameters);
    case "DELETE":
      return await runWrite(session, rewriteDelete(tokens, source), script, parameters);
    case "CREATE":
    case "DROP":
    case "ALTER":
    case "RENAME":
    case "TRUNCATE":
      return await runDdl(session, cursor, script);
    case "SET":
      return await runSet(session, cursor, script, parameters);
    case "SHOW":
      return madeUp(session, show(cursor, showContext(session, script)), script);
    case "DESC":
    case "DESCRIBE":
    case "EXPLAIN":
      return madeUp(session, explain(session, cursor, script, parameters), script);
    case "USE":
      session.use(cursor.name());
      return DONE;
    case "DO":
      await runQuery(session, [keyword("SELECT"), ...cursor.rest()], script, parameters);
      return DONE;
    case "KILL": {
      const what = cursor.takeAny("CONNECTION", "QUERY") === "QUERY" ? "query" : "connection";
      const { rows } = await runQuery(session, [keyword("SELECT"), ...cursor.rest()], script, parameters);
      session.server.kill(Number(rows[0]?.[0] ?? 0), what);
      return DONE;
    }
    case "PREPARE":
      await session.namedStatements.prepare(cursor, (read) => prepare(session, read));
      return { ...DONE, info: "Statement prepared" };
    case "EXECUTE": {
      const { script: named, values } = session.namedStatements.execution(cursor, source);
      return await dispatch(session, named.statements[0] ?? [], named, values);
    }
    case "DEALLOCATE":
      session.namedStatements.deallocate(cursor);
      return DONE;
    case "FLUSH":
      return DONE;
    case "ANALYZE":
    case "OPTIMIZE":
    case "CHECK":
    case "REPAIR":
    case "CHECKSUM":
      return madeUp(session, maintain(cursor, session.server.database.catalog), script);
    case "CALL":
      throw new SqlError(
        1305,
        "42000",
        `PROCEDURE ${session.database ?? DATABASE_NAME}.${cursor.name()} does not exist`,
      );
    case "HANDLER":
    case "LOAD":
    case "GRANT":
    case "REVOKE":
    case "XA":
      throw notSupported(word);
  }
  if (await session.transaction.run(word, cursor, session.interruption.signal)) return DONE;
  cursor.at = 0;
  throw cursor.error();
}
