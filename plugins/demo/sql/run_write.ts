/**
 * Runs INSERT, REPLACE, UPDATE and DELETE.
 *
 * @module
 */
import { DONE, type OkOutcome } from "./outcome.ts";
import type { Script } from "./script.ts";
import type { Session } from "./session.ts";
import { chooseValues } from "./translation.ts";
import type { Value } from "./value_type.ts";
import { fillVirtualTables } from "./virtual_schema.ts";
import type { WriteStatement } from "./write_statement.ts";

/** Runs a statement that changes rows. @throws What SQLite throws, and {SqlError}. */
export async function runWrite(
  session: Session,
  statement: WriteStatement,
  script: Script,
  parameters: readonly Value[],
): Promise<OkOutcome> {
  const { transaction, interruption, server } = session;
  const { sqlite, catalog } = server.database;
  const sleeps: string[] = [];
  const translation = session.translate(statement.tokens, script, sleeps);
  await interruption.sleep(sleeps, parameters);
  session.requireWritable();
  const { changes, lastInsertRowid } = await transaction.change(() => {
    fillVirtualTables(translation, session.sources);
    return sqlite.run(translation.sql, chooseValues(translation, parameters));
  }, interruption.signal);
  const verb = statement.tokens[0]?.upper;
  if (verb === "UPDATE") {
    return { ...DONE, affectedRows: changes, info: `Rows matched: ${changes}  Changed: ${changes}  Warnings: 0` };
  }
  if (verb === "DELETE" || changes === 0n) return { ...DONE, affectedRows: changes };
  const numbers = catalog.table(statement.table)?.columns.some(({ extra }) => extra === "auto_increment") === true;
  // SQLite tells the last of several new numbers, MySQL the first.
  if (numbers) session.lastInsertId = lastInsertRowid - changes + 1n;
  const info = changes > 1n ? `Records: ${changes}  Duplicates: 0  Warnings: 0` : "";
  return { kind: "ok", affectedRows: changes, lastInsertId: numbers ? session.lastInsertId : 0n, info };
}
