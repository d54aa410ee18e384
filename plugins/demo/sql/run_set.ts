/**
 * Runs SET.
 *
 * @module
 */
import { decodeText } from "../../../lib/protocol/text.ts";
import { DONE, type OkOutcome } from "./outcome.ts";
import { runQuery } from "./run_query.ts";
import type { Script } from "./script.ts";
import type { Session } from "./session.ts";
import { type AssignedValue, readSet } from "./set_statement.ts";
import { keyword, type TokenCursor } from "./token_list.ts";
import type { Value } from "./value_type.ts";

/** Makes the assignments of SET one after the other, the cursor behind its first word. @throws {SqlError} */
export async function runSet(
  session: Session,
  cursor: TokenCursor,
  script: Script,
  parameters: readonly Value[],
): Promise<OkOutcome> {
  for (const assignment of readSet(cursor.rest(), script.source)) {
    const value = await evaluate(session, assignment.value, script, parameters);
    if (assignment.kind === "user") {
      session.setUserVariable(assignment.name, value ?? null);
      continue;
    }
    const plain = typeof value === "bigint" ? Number(value) : value instanceof Uint8Array ? decodeText(value) : value;
    const before = session.autocommit;
    session.variables.set(assignment.name, plain);
    if (!before && session.autocommit) session.transaction.end("COMMIT");
  }
  return DONE;
}

/** The value that is assigned; `undefined` for the server's default. */
async function evaluate(
  session: Session,
  value: AssignedValue,
  script: Script,
  parameters: readonly Value[],
): Promise<Value | undefined> {
  switch (value.kind) {
    case "default":
      return undefined;
    case "word":
      return value.word;
    case "expression": {
      const { rows } = await runQuery(session, [keyword("SELECT"), ...value.tokens], script, parameters);
      return rows[0]?.[0] ?? null;
    }
  }
}
