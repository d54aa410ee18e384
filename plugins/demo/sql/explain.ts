/**
 * EXPLAIN, DESCRIBE and DESC: three words for one statement, which tells of a table or of how another statement runs.
 *
 * @module
 */
import { type RowSource, rowSource } from "./row_source.ts";
import type { Script } from "./script.ts";
import type { Session } from "./session.ts";
import { showContext } from "./show_context.ts";
import { describe } from "./show_table.ts";
import type { TokenCursor } from "./token_list.ts";
import { chooseValues } from "./translation.ts";
import type { Value } from "./value_type.ts";
import { fillVirtualTables } from "./virtual_schema.ts";

const EXPLAINED = ["SELECT", "WITH", "INSERT", "REPLACE", "UPDATE", "DELETE", "TABLE", "("];

/** Explains, the cursor behind the first word; a statement's plan is SQLite's. @throws {SqlError} */
export function explain(
  session: Session,
  cursor: TokenCursor,
  script: Script,
  parameters: readonly Value[],
): RowSource {
  cursor.takeAny("ANALYZE", "EXTENDED");
  if (cursor.take("FORMAT", "=")) cursor.next();
  if (!EXPLAINED.includes(cursor.peek?.upper ?? "")) return describe(cursor, showContext(session, script));
  const translation = session.translate(cursor.rest(), script);
  fillVirtualTables(translation, session.sources);
  const plan = session.server.database.sqlite.objects(
    `EXPLAIN QUERY PLAN ${translation.sql}`,
    chooseValues(translation, parameters),
  );
  return rowSource(
    "id parent detail",
    plan.map(({ id, parent, detail }) => [id ?? null, parent ?? null, detail ?? null]),
  );
}
