/**
 * The value that error 1062 names. SQLite tells only which columns collided, so it is read from the statement.
 *
 * @module
 */
import type { Catalog } from "./catalog.ts";
import type { Token } from "./token.ts";
import { isToken, splitAtCommas, TokenCursor } from "./token_list.ts";
import type { Value } from "./value_type.ts";

/** The values of `columns` in an INSERT of one row of literals and parameters; `undefined` if it is anything else. */
export function duplicateValue(
  tokens: readonly Token[],
  columns: readonly string[],
  parameters: readonly Value[],
  catalog: Catalog,
): string | undefined {
  const cursor = new TokenCursor(tokens, "");
  try {
    if (cursor.takeAny("INSERT", "REPLACE") === undefined) return undefined;
    cursor.take("INTO");
    const { name: table } = cursor.qualifiedName();
    const names = isToken(cursor.peek, "(")
      ? splitAtCommas(cursor.group()).map(([token]) => token?.value ?? "")
      : catalog.table(table)?.columns.map(({ name }) => name) ?? [];
    if (cursor.takeAny("VALUES", "VALUE") === undefined) return undefined;
    const values = splitAtCommas(cursor.group());
    if (isToken(cursor.peek, ",")) return undefined;
    const shown = columns.map((column) => {
      const at = names.findIndex((name) => name.toLowerCase() === column.toLowerCase());
      return textOf(values[at], tokens, parameters);
    });
    return shown.every((value) => value !== undefined) ? shown.join("-") : undefined;
  } catch {
    // A statement in a form that this reader does not know still has its error.
    return undefined;
  }
}

function textOf(value: readonly Token[] | undefined, tokens: readonly Token[], parameters: readonly Value[]) {
  const [only] = value ?? [];
  if (only === undefined || value?.length !== 1) return undefined;
  if (only.kind === "parameter") {
    const bound = parameters[tokens.filter(({ kind }) => kind === "parameter").indexOf(only)];
    return bound === undefined || bound === null || bound instanceof Uint8Array ? undefined : String(bound);
  }
  return only.kind === "string" || only.kind === "number" ? only.value : undefined;
}
