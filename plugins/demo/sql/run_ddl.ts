/**
 * Runs CREATE, ALTER, DROP, RENAME and TRUNCATE.
 *
 * @module
 */
import { DATABASE_NAME } from "./database.ts";
import { readDdl } from "./ddl.ts";
import { DONE, type OkOutcome } from "./outcome.ts";
import type { Script } from "./script.ts";
import type { Session } from "./session.ts";
import { SqlError } from "./sql_error.ts";
import { isToken, type TokenCursor } from "./token_list.ts";

/**
 * Runs a statement that defines tables, views or databases, the cursor behind its first word.
 *
 * @throws What SQLite throws, and {SqlError}.
 */
export async function runDdl(session: Session, cursor: TokenCursor, script: Script): Promise<OkOutcome> {
  if (cursor.takeAny("DATABASE", "SCHEMA") !== undefined) return runDatabaseDdl(session, cursor);
  const { transaction, server } = session;
  const { sqlite, catalog } = server.database;
  const ddl = readDdl(
    cursor.tokens,
    script.source,
    (tokens) => session.translate(tokens, script).sql,
    (name) => catalog.table(name)?.kind === "VIEW",
  );
  const truncate = isToken(cursor.tokens[0], "TRUNCATE");
  transaction.end("COMMIT");
  session.requireWritable();
  await transaction.change(() => {
    const own = !transaction.continues;
    if (own) sqlite.exec("BEGIN");
    try {
      for (const statement of ddl.statements) sqlite.run(statement);
      if (own) sqlite.exec("COMMIT");
    } catch (error) {
      if (own) sqlite.exec("ROLLBACK");
      else transaction.end("ROLLBACK");
      throw error;
    } finally {
      if (!truncate) catalog.changed();
    }
  }, session.interruption.signal);
  transaction.end("COMMIT");
  if (ddl.temporary !== undefined) session.temporaryTables.add(ddl.temporary);
  return DONE;
}

/** There is one SQLite database, so there is one MySQL database, and it stays. @throws {SqlError} */
function runDatabaseDdl({ user }: Session, cursor: TokenCursor): OkOutcome {
  const verb = cursor.tokens[0]?.upper ?? "";
  const conditional = cursor.take("IF", "NOT", "EXISTS") || cursor.take("IF", "EXISTS");
  const name = verb === "ALTER" && cursor.done ? DATABASE_NAME : cursor.name();
  const exists = name.toLowerCase() === DATABASE_NAME;
  if (verb === "CREATE" && exists) {
    if (conditional) return { ...DONE, affectedRows: 1n };
    throw new SqlError(1007, "HY000", `Can't create database '${name}'; database exists`);
  }
  if (verb === "DROP" && !exists) {
    if (conditional) return DONE;
    throw new SqlError(1008, "HY000", `Can't drop database '${name}'; database doesn't exist`);
  }
  if (verb === "ALTER" && exists) return DONE;
  throw new SqlError(1044, "42000", `Access denied for user '${user.replace("@", "'@'")}' to database '${name}'`);
}
