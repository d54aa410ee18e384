/**
 * The names of a result's columns: MySQL calls an expression by its own text, SQLite by what it likes.
 *
 * @module
 */
import type { Token } from "./token.ts";

/** The units of INTERVAL, as date modifiers of SQLite. */
export const UNITS: Readonly<Record<string, readonly [modifier: string, factor: number]>> = {
  SECOND: ["seconds", 1],
  MINUTE: ["minutes", 1],
  HOUR: ["hours", 1],
  DAY: ["days", 1],
  WEEK: ["days", 7],
  MONTH: ["months", 1],
  QUARTER: ["months", 3],
  YEAR: ["years", 1],
};

/** Words of a SELECT that only advise the optimizer. */
const DROPPED_WORDS = new Set([
  "HIGH_PRIORITY",
  "LOW_PRIORITY",
  "DELAYED",
  "SQL_NO_CACHE",
  "SQL_CACHE",
  "SQL_CALC_FOUND_ROWS",
  "SQL_SMALL_RESULT",
  "SQL_BIG_RESULT",
  "SQL_BUFFER_RESULT",
  "BINARY",
  "_UTF8MB4",
  "_UTF8MB3",
  "_UTF8",
  "_LATIN1",
  "_ASCII",
]);

/** After these a name is a table, or a clause begins; either way an item of the select list has ended. */
const SELECT_LIST_ENDS = new Set([
  "FROM",
  "WHERE",
  "GROUP",
  "HAVING",
  "ORDER",
  "LIMIT",
  "UNION",
  "INTO",
  "FOR",
  "WINDOW",
  "EXCEPT",
  "INTERSECT",
  "PROCEDURE",
  "LOCK",
]);

/** Words that cannot be a column's alias, and after which another word cannot be one. */
const OPERATOR_WORDS = new Set([
  ...["AND", "OR", "XOR", "NOT", "IS", "IN", "LIKE", "BETWEEN", "DIV", "MOD", "DISTINCT", "ALL", "CASE", "WHEN"],
  ...["THEN", "ELSE", "END", "NULL", "TRUE", "FALSE", "AS", "INTERVAL", "COLLATE", "SELECT", "ESCAPE", "BINARY"],
  ...["CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "DISTINCTROW", "UNKNOWN", "REGEXP", "RLIKE", "OVER"],
  ...["SQL_CALC_FOUND_ROWS", "SQL_NO_CACHE", "STRAIGHT_JOIN", "EXISTS"],
]);

/** Whether the token can be a name. */
export function isName(token: Token | undefined): token is Token {
  return token !== undefined && (token.kind === "word" || token.kind === "name");
}

/** Whether the token is this operator. */
export function isOperator(token: Token | undefined, value: string): boolean {
  return token?.kind === "operator" && token.value === value;
}

/** Whether an operand ends with the token, so that an operator or an alias may follow. */
export function endsOperand(token: Token | undefined): boolean {
  if (token === undefined) return false;
  if (token.kind === "operator") return token.value === ")";
  return token.kind !== "word" || !OPERATOR_WORDS.has(token.upper) || token.upper === "END" || token.upper === "NULL";
}

/** Whether the token at `at` only advises the optimizer, or tells what a literal's bytes are. */
export function isDropped(tokens: readonly Token[], at: number): boolean {
  const token = tokens[at];
  return token?.kind === "word" && DROPPED_WORDS.has(token.upper) && !isOperator(tokens[at + 1], "(") &&
    !isOperator(tokens[at - 1], ".");
}

/**
 * Gives every unnamed item of the outermost select list the name that MySQL would: its own text.
 *
 * @param partner the matching parentheses of `tokens`.
 * @returns the names by the place of the last token of each item.
 */
export function nameItems(tokens: readonly Token[], partner: Int32Array, source: string): Map<number, string> {
  const names = new Map<number, string>();
  const opening = tokens[0]?.upper ?? "";
  if (opening !== "SELECT" && opening !== "WITH" && opening !== "(") return names;
  let at = 0;
  // Past the parentheses of WITH, or into those around the first SELECT.
  while (at < tokens.length && tokens[at]?.upper !== "SELECT") {
    const close = partner[at] ?? -1;
    at = close > at && opening === "WITH" ? close + 1 : at + 1;
  }
  let start = ++at;
  while (["DISTINCT", "ALL", "DISTINCTROW"].includes(tokens[start]?.upper ?? "") || isDropped(tokens, start)) start++;
  for (at = start; at <= tokens.length; at++) {
    const token = tokens[at];
    const ends = token === undefined || isOperator(token, ")") ||
      (token.kind === "word" && SELECT_LIST_ENDS.has(token.upper) && !isOperator(tokens[at - 1], "."));
    if (ends || isOperator(token, ",")) {
      const name = nameOfItem(tokens, start, at, source);
      if (name !== undefined) names.set(at - 1, name);
      start = at + 1;
      if (ends) break;
    } else at = Math.max(at, partner[at] ?? at);
  }
  return names;
}

function nameOfItem(tokens: readonly Token[], start: number, end: number, source: string): string | undefined {
  const last = tokens[end - 1];
  const first = tokens[start];
  if (end <= start || last === undefined || first === undefined || isOperator(last, "*")) return undefined;
  const before = end - 2 >= start ? tokens[end - 2] : undefined;
  if (before?.upper === "AS") return undefined;
  const canBeAlias = last.kind === "string" || (isName(last) && !OPERATOR_WORDS.has(last.upper));
  if (canBeAlias && endsOperand(before) && !isOperator(before, ".") && !isUnit(tokens, start, end - 1)) {
    return undefined;
  }
  if (isChain(tokens, start, end)) return undefined;
  if (end === start + 1 && last.kind === "string") return last.value;
  return source.slice(first.start, last.end);
}

function isUnit(tokens: readonly Token[], start: number, at: number): boolean {
  if (!((tokens[at]?.upper ?? "") in UNITS)) return false;
  for (let back = at; back >= start; back--) if (tokens[back]?.upper === "INTERVAL") return true;
  return false;
}

function isChain(tokens: readonly Token[], start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const token = tokens[at];
    if (
      (at - start) % 2 === 0
        ? !isName(token) || (token.kind === "word" && OPERATOR_WORDS.has(token.upper))
        : !isOperator(token, ".")
    ) {
      return false;
    }
  }
  return true;
}
