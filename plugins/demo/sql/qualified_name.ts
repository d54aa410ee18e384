/**
 * Names with their qualifiers: those that name the one database, or a virtual schema, are resolved here.
 *
 * @module
 */
import { quoteName } from "./quoting.ts";
import { noDatabase } from "./sql_error.ts";
import type { Token } from "./token.ts";
import { isName, isOperator } from "./token_role.ts";
import type { Passage } from "./translation.ts";

/** Words that SQLite reserves and MySQL allows as names. */
const QUOTED_WORDS = new Set([
  "AUTOINCREMENT",
  "DEFERRABLE",
  "INDEXED",
  "NOTHING",
  "RETURNING",
  "TRANSACTION",
]);

/** The schemas that live in temporary tables named `schema.TABLE`. */
const VIRTUAL_SCHEMAS = new Set(["information_schema", "performance_schema"]);

/** A word after a virtual table that is not its alias. */
const CLAUSE = /^(WHERE|ORDER|GROUP|LIMIT|LEFT|RIGHT|INNER|JOIN|ON|USING|CROSS|NATURAL|UNION|HAVING|FOR)$/;

/** Translates the name that begins at `at`, up to its last part or its star. @throws {SqlError} 1046 */
export function translateName(passage: Passage, at: number): number {
  const { tokens, context, end, out } = passage;
  const first = tokens[at];
  if (first === undefined) return at + 1;
  const parts: Token[] = [first];
  let star = false;
  at++;
  while (at + 1 < end && isOperator(tokens[at], ".")) {
    const part = tokens[at + 1];
    if (isOperator(part, "*")) star = true;
    else if (isName(part)) parts.push(part);
    else break;
    at += 2;
    if (star) break;
  }
  const names = parts.map((part) => part.value);
  const [name = ""] = names;
  const chosen = context.database?.toLowerCase() ?? "";
  if (names.length + (star ? 1 : 0) > 1) {
    const schema = name.toLowerCase();
    if (VIRTUAL_SCHEMAS.has(schema)) {
      if (names.length === 2 && !star) return nameVirtualTable(passage, schema, names[1] ?? "", at);
      names.shift();
    } else if (schema === context.mainDatabase.toLowerCase()) names.shift();
  } else if (VIRTUAL_SCHEMAS.has(chosen) && /^(FROM|JOIN)$/i.test(out.at(-1) ?? "")) {
    return nameVirtualTable(passage, chosen, name, at);
  }
  const single = parts.length === 1 && !star;
  if (single && context.database === undefined && namesTable(passage)) throw noDatabase();
  if (single && first.kind === "word") {
    // A word with a dollar sign would be a parameter to SQLite.
    const quoted = QUOTED_WORDS.has(first.upper) || first.value.includes("$");
    out.push(quoted ? quoteName(first.value) : first.value);
  } else out.push(names.map(quoteName).join(".") + (star ? ".*" : ""));
  return at;
}

/** Whether what comes next must be a table. Names that WITH has defined look the same, so it must not be there. */
function namesTable({ out, tokens }: Passage): boolean {
  return /^(FROM|JOIN|INTO|UPDATE)$/i.test(out.at(-1) ?? "") && tokens[0]?.upper !== "WITH";
}

/** Names the temporary table that stands for one of a virtual schema; `at` is the place behind the name. */
function nameVirtualTable(passage: Passage, schema: string, table: string, at: number): number {
  const { tokens, end, out } = passage;
  passage.needSchemas();
  out.push(`temp.${quoteName(`${schema}.${table.toUpperCase()}`)}`);
  const following = at < end ? tokens[at] : undefined;
  const named = following?.kind === "name" || following?.upper === "AS" ||
    (following?.kind === "word" && !CLAUSE.test(following.upper));
  if (!named) out.push(`AS ${quoteName(table)}`);
  return at;
}
