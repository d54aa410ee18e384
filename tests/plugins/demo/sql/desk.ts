/**
 * Sessions without sockets, for the tests of the SQL side.
 *
 * @module
 */
import { Database } from "../../../../plugins/demo/sql/database.ts";
import { execute } from "../../../../plugins/demo/sql/execute.ts";
import type { Outcome } from "../../../../plugins/demo/sql/outcome.ts";
import { readScript } from "../../../../plugins/demo/sql/script.ts";
import { Session } from "../../../../plugins/demo/sql/session.ts";
import { SqlError } from "../../../../plugins/demo/sql/sql_error.ts";
import { textOfValue } from "../../../../plugins/demo/sql/value_type.ts";

/** A database and as many sessions on it as a test asks for. */
export class Desk implements Disposable {
  readonly database = new Database();
  #sessions = 0;

  /** A session with the sample database as its default. */
  session(options: { readonly readOnly?: boolean } = {}): Session {
    const session = new Session(++this.#sessions, {
      identity: { hostname: "demo-test", port: 3306, serverId: 1, readOnly: options.readOnly ?? false },
      database: this.database,
      processes: () => [],
      status: () => [["Uptime", "1"]],
      kill: () => {},
    });
    session.user = "demo@localhost";
    session.use("shop");
    return session;
  }

  [Symbol.dispose](): void {
    this.database.close();
  }
}

/** Runs all statements of `sql` and returns the last one's outcome. */
export async function run(session: Session, sql: string | Uint8Array): Promise<Outcome> {
  const script = readScript(typeof sql === "string" ? new TextEncoder().encode(sql) : sql);
  let outcome: Outcome | undefined;
  for (let index = 0; index < script.statements.length; index++) outcome = await execute(session, script, index);
  if (outcome === undefined) throw new Error("No statement");
  return outcome;
}

/** The rows of the last statement as a text client shows them. */
export async function rows(session: Session, sql: string | Uint8Array): Promise<(string | Uint8Array | null)[][]> {
  const outcome = await run(session, sql);
  if (outcome.kind !== "rows") throw new Error(`No rows from ${sql}`);
  return outcome.rows.map((row) => outcome.columns.map((column, at) => textOfValue(row[at] ?? null, column)));
}

/** The number, state and text of the error that `sql` gives. */
export async function failure(session: Session, sql: string): Promise<[number, string, string]> {
  try {
    await run(session, sql);
  } catch (error) {
    if (error instanceof SqlError) return [error.code, error.sqlState, error.message];
    throw error;
  }
  throw new Error(`No error from ${sql}`);
}
