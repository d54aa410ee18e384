/**
 * The names of a result's columns: MySQL calls an expression by its own text, SQLite by what it likes.
 *
 * @module
 */
import { UNITS } from "./interval.ts";
import type { Token } from "./token.ts";
import { endsOperand, isDropped, isName, isOperator, isOperatorWord } from "./token_role.ts";

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
  const canBeAlias = last.kind === "string" || (isName(last) && !isOperatorWord(last));
  if (canBeAlias && endsOperand(before) && !isOperator(before, ".") && !isUnit(tokens, start, end - 1)) {
    return undefined;
  }
  if (isChain(tokens, start, end)) return undefined;
  if (end === start + 1 && last.kind === "string") return last.value;
  return source.slice(first.start, last.end);
}

/** Whether the word at `at` is the unit of an INTERVAL. */
function isUnit(tokens: readonly Token[], start: number, at: number): boolean {
  if (!((tokens[at]?.upper ?? "") in UNITS)) return false;
  for (let back = at; back >= start; back--) if (tokens[back]?.upper === "INTERVAL") return true;
  return false;
}

/** Whether the item is a column with its qualifiers and nothing else: SQLite names it as MySQL does. */
function isChain(tokens: readonly Token[], start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const token = tokens[at];
    const fits = (at - start) % 2 === 0 ? isName(token) && !isOperatorWord(token) : isOperator(token, ".");
    if (!fits) return false;
  }
  return true;
}
