/**
 * What a token can be where it stands, as far as that can be told without a grammar.
 *
 * @module
 */
import type { Token } from "./token.ts";

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

/** Whether the token is a keyword that works on operands, or is one; such a word is never an alias. */
export function isOperatorWord({ kind, upper }: Token): boolean {
  return kind === "word" && OPERATOR_WORDS.has(upper);
}

/** Whether an operand ends with the token, so that an operator or an alias may follow. */
export function endsOperand(token: Token | undefined): boolean {
  if (token === undefined) return false;
  if (token.kind === "operator") return token.value === ")";
  return !isOperatorWord(token) || token.upper === "END" || token.upper === "NULL";
}

/** Whether the token at `at` only advises the optimizer, or tells what a literal's bytes are. */
export function isDropped(tokens: readonly Token[], at: number): boolean {
  const token = tokens[at];
  return token?.kind === "word" && DROPPED_WORDS.has(token.upper) && !isOperator(tokens[at + 1], "(") &&
    !isOperator(tokens[at - 1], ".");
}
