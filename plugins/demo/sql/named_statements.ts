/**
 * The prepared statements of SQL itself: PREPARE, EXECUTE and DEALLOCATE PREPARE.
 *
 * @module
 */
import { encodeText } from "../../../lib/protocol/text.ts";
import { readScript, type Script } from "./script.ts";
import { notSupported, SqlError } from "./sql_error.ts";
import type { TokenCursor } from "./token_list.ts";
import type { Value } from "./value_type.ts";

/** A statement that EXECUTE asks for, with the values of its parameters. */
export interface Execution {
  readonly script: Script;
  readonly values: readonly Value[];
}

/** The named statements of one session. */
export class NamedStatements {
  readonly #scripts = new Map<string, Script>();
  readonly #variable: (name: string) => Value;

  /** `variable` gives the value of `@name`. */
  constructor(variable: (name: string) => Value) {
    this.#variable = variable;
  }

  /**
   * PREPARE name FROM …, the cursor behind its first word.
   *
   * @param check throws if the statement cannot be prepared.
   */
  async prepare(cursor: TokenCursor, check: (script: Script) => Promise<unknown>): Promise<void> {
    const name = cursor.name().toLowerCase();
    cursor.expect("FROM");
    const from = cursor.next();
    const text = from.kind === "user-variable" ? this.#variable(from.value) : from.value;
    const script = readScript(encodeText(String(text ?? "NULL")));
    await check(script);
    this.#scripts.set(name, script);
  }

  /**
   * EXECUTE name [USING …], the cursor behind its first word.
   *
   * @param source the text of the EXECUTE itself.
   * @throws {SqlError} 1210 or 1243
   */
  execution(cursor: TokenCursor, source: string): Execution {
    const name = cursor.name().toLowerCase();
    const script = this.#scripts.get(name);
    if (script === undefined) throw unknownStatement(name, "EXECUTE");
    const values: Value[] = [];
    if (cursor.take("USING")) {
      do values.push(this.#variable(cursor.next().value)); while (cursor.take(","));
    }
    const [tokens = []] = script.statements;
    if (/^(EXECUTE|PREPARE)$/.test(tokens[0]?.upper ?? "")) throw notSupported(source);
    if (tokens.filter(({ kind }) => kind === "parameter").length !== values.length) {
      throw new SqlError(1210, "HY000", "Incorrect arguments to EXECUTE");
    }
    return { script, values };
  }

  /** DEALLOCATE PREPARE name, the cursor behind its first word. @throws {SqlError} 1243 */
  deallocate(cursor: TokenCursor): void {
    cursor.expect("PREPARE");
    const name = cursor.name().toLowerCase();
    if (!this.#scripts.delete(name)) throw unknownStatement(name, "DEALLOCATE");
  }

  /** Forgets them all. */
  clear(): void {
    this.#scripts.clear();
  }
}

function unknownStatement(name: string, verb: string): SqlError {
  return new SqlError(1243, "HY000", `Unknown prepared statement handler (${name}) given to ${verb}`);
}
