/**
 * ANALYZE, OPTIMIZE, CHECK, REPAIR and CHECKSUM TABLE: nothing needs them here, so they find all well.
 *
 * @module
 */
import type { Catalog } from "./catalog.ts";
import { DATABASE_NAME } from "./database.ts";
import { type RowSource, rowSource } from "./row_source.ts";
import type { TokenCursor } from "./token_list.ts";
import type { Value } from "./value_type.ts";

/** What the statement says of each table, the cursor behind its first word. @throws {SqlError} 1064 */
export function maintain(cursor: TokenCursor, catalog: Catalog): RowSource {
  const operation = cursor.tokens[0]?.value.toLowerCase() ?? "";
  cursor.takeAny("NO_WRITE_TO_BINLOG", "LOCAL");
  cursor.takeAny("TABLE", "TABLES");
  const rows: Value[][] = [];
  do {
    const { name } = cursor.qualifiedName();
    const finding = catalog.table(name) === undefined ? ["Error", `Table '${name}' doesn't exist`] : ["status", "OK"];
    rows.push([`${DATABASE_NAME}.${name}`, operation, ...finding]);
  } while (cursor.take(","));
  return rowSource("Table Op Msg_type Msg_text", rows);
}
