/**
 * SET in all its forms, as a list of assignments.
 *
 * @module
 */
import { notSupported } from "./sql_error.ts";
import type { Token } from "./token.ts";
import { isToken, splitAtCommas, TokenCursor } from "./token_list.ts";

/** One assignment of a SET statement. */
export type Assignment =
  | { readonly kind: "system"; readonly name: string; readonly value: AssignedValue }
  | { readonly kind: "user"; readonly name: string; readonly value: AssignedValue };

/** A word as it stands, an expression to be evaluated, or the server's default. */
export type AssignedValue =
  | { readonly kind: "word"; readonly word: string }
  | { readonly kind: "expression"; readonly tokens: readonly Token[] }
  | { readonly kind: "default" };

function word(value: string): AssignedValue {
  return { kind: "word", word: value };
}

function readValue(cursor: TokenCursor, words: boolean): AssignedValue {
  const tokens = cursor.rest();
  const [only] = tokens;
  if (only === undefined) throw cursor.error();
  if (words && tokens.length === 1 && only.upper === "DEFAULT" && only.kind === "word") return { kind: "default" };
  const plain = tokens.length === 1 && (only.kind === "word" || only.kind === "name") &&
    !["TRUE", "FALSE", "NULL"].includes(only.upper);
  return words && plain ? word(only.value) : { kind: "expression", tokens };
}

function system(name: string, value: string | AssignedValue): Assignment {
  return { kind: "system", name, value: typeof value === "string" ? word(value) : value };
}

function setNames(cursor: TokenCursor): Assignment[] {
  const charset = cursor.take("DEFAULT") ? "utf8mb4" : cursor.name();
  const collation = cursor.take("COLLATE") ? cursor.name() : `${charset}_general_ci`;
  const shown = charset === "utf8mb4" && collation === "utf8mb4_general_ci" ? "utf8mb4_0900_ai_ci" : collation;
  return [
    system("character_set_client", charset),
    system("character_set_connection", charset),
    system("character_set_results", charset),
    system("collation_connection", shown),
  ];
}

function setTransaction(cursor: TokenCursor): Assignment[] {
  const assignments: Assignment[] = [];
  do {
    if (cursor.take("ISOLATION", "LEVEL")) {
      const first = cursor.next().upper;
      const level = first === "SERIALIZABLE" ? first : `${first}-${cursor.next().upper}`;
      assignments.push(system("transaction_isolation", level), system("tx_isolation", level));
    } else {
      cursor.expect("READ");
      assignments.push(system("transaction_read_only", cursor.next().upper === "ONLY" ? "ON" : "OFF"));
    }
  } while (cursor.take(","));
  return assignments;
}

/** Reads the tokens behind the word SET. @throws {SqlError} 1064, or 1235 for accounts and roles. */
export function readSet(tokens: readonly Token[], source: string): Assignment[] {
  const whole = new TokenCursor(tokens, source);
  const scoped = whole.takeAny("SESSION", "GLOBAL", "LOCAL");
  if (whole.take("TRANSACTION")) return setTransaction(whole);
  if (scoped !== undefined) whole.at--;
  if (whole.takeAny("PASSWORD", "ROLE", "DEFAULT", "RESOURCE") !== undefined) throw notSupported("SET PASSWORD");
  const assignments = splitAtCommas(tokens).flatMap((part): Assignment[] => {
    const cursor = new TokenCursor(part, source);
    if (cursor.take("NAMES")) return setNames(cursor);
    if (cursor.take("CHARACTER", "SET") || cursor.take("CHARSET")) return setNames(cursor);
    cursor.takeAny("SESSION", "GLOBAL", "LOCAL", "PERSIST", "PERSIST_ONLY");
    const target = cursor.next();
    let name = target.value;
    // `SET @@session.x`, `SET session.x`.
    while (cursor.take(".")) name = `${name}.${cursor.name()}`;
    if (!isToken(cursor.peek, "=") && !isToken(cursor.peek, ":=")) throw cursor.error();
    cursor.at++;
    if (target.kind === "user-variable") return [{ kind: "user", name, value: readValue(cursor, false) }];
    if (target.kind !== "system-variable" && target.kind !== "word" && target.kind !== "name") throw cursor.error();
    return [{ kind: "system", name, value: readValue(cursor, true) }];
  });
  if (assignments.length === 0) throw whole.error();
  return assignments;
}
