/**
 * What SHOW and DESCRIBE see of their session, and how LIKE and WHERE narrow the rows that they show.
 *
 * @module
 */
import { quoteName, quoteString } from "./quoting.ts";
import type { RowSource } from "./row_source.ts";
import type { SchemaSources } from "./schema_sources.ts";
import type { Script } from "./script.ts";
import type { Session, Warning } from "./session.ts";
import type { Token } from "./token.ts";
import type { TokenCursor } from "./token_list.ts";

/** What SHOW needs of the session. */
export interface ShowContext {
  readonly sources: SchemaSources;
  readonly database: string | undefined;
  readonly user: string;
  /** Notes, warnings and errors of the statement before. */
  readonly warnings: readonly Warning[];
  /** Keeps the rows that a WHERE accepts; it names the columns as they are shown. */
  filter(shown: RowSource, where: readonly Token[]): RowSource;
}

/** The context of a SHOW statement. */
export function showContext(session: Session, script: Script): ShowContext {
  const { sources, database, user, warnings } = session;
  return {
    sources,
    database,
    user,
    warnings,
    filter: ({ columns, rows }, where) => {
      const names = columns.map(quoteName).join(", ");
      const values = columns.map((_, at) => `(value ->> ${at}) COLLATE NOCASE`).join(", ");
      const { sql } = session.translate(where, script);
      const json = JSON.stringify(rows, (_, value) => typeof value === "bigint" ? Number(value) : value);
      const filtered = sources.sqlite.query(
        `WITH "show"(${names}) AS (SELECT ${values} FROM json_each(${
          quoteString(json)
        })) SELECT * FROM "show" WHERE ${sql}`,
      );
      return { columns, rows: filtered.rows };
    },
  };
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
export function narrowed(shown: RowSource, cursor: TokenCursor, context: ShowContext): RowSource {
  if (cursor.take("LIKE")) {
    const pattern = cursor.next().value;
    return { columns: shown.columns, rows: shown.rows.filter(([first]) => matchesLike(String(first), pattern)) };
  }
  if (cursor.take("WHERE")) return context.filter(shown, cursor.rest());
  if (!cursor.done) throw cursor.error();
  return shown;
}
