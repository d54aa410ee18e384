/**
 * Words outside of quotes: MySQL's own keywords, the functions that are rewritten, and names.
 *
 * @module
 */
import { encodeText } from "../../../lib/protocol/text.ts";
import { BARE_CALL, readCall } from "./call.ts";
import { FUNCTIONS } from "./functions.ts";
import { translateName } from "./qualified_name.ts";
import { quoteBytes, rawBytesOf } from "./quoting.ts";
import { syntaxError } from "./sql_error.ts";
import type { Token } from "./token.ts";
import { endsOperand, isDropped, isOperator } from "./token_role.ts";
import type { Passage } from "./translation.ts";

/** Translates the word at `at`, with all that belongs to it. @throws {SqlError} */
export function translateWord(passage: Passage, at: number): number {
  const { tokens, end } = passage;
  const token = tokens[at];
  if (token === undefined) return at + 1;
  const following = at + 1 < end ? tokens[at + 1] : undefined;
  if (isOperator(following, ".")) return translateName(passage, at);
  return (isOperator(following, "(") ? translateCall(passage, at, token) : undefined) ??
    translateKeyword(passage, at, token, following) ??
    (isDropped(tokens, at) ? at + 1 : translateName(passage, at));
}

/** Translates a call with its parentheses; `undefined` if the function goes through under its own name. */
function translateCall(passage: Passage, at: number, token: Token): number | undefined {
  const { tokens, partner, context, end, out } = passage;
  const close = partner[at + 1] ?? -1;
  if (close < 0 || close >= end) throw syntaxError(context.source.slice(token.start));
  if (token.upper === "MOD" && endsOperand(tokens[at - 1])) return undefined;
  const rewrite = FUNCTIONS.get(token.upper);
  const made = rewrite?.(readCall(passage, at, close), context);
  if (made === undefined) return undefined;
  out.push(made);
  return close + 1;
}

/** Translates a keyword that SQLite lacks or reads otherwise; `undefined` if it is no such word. */
function translateKeyword(passage: Passage, at: number, token: Token, following: Token | undefined) {
  const { tokens, partner, context, end, out } = passage;
  switch (token.upper) {
    case "DIV":
      out.push("/");
      return at + 1;
    case "MOD":
      out.push("%");
      return at + 1;
    case "DUAL":
      if (out.at(-1) !== "FROM") return undefined;
      out.pop();
      return at + 1;
    case "DISTINCTROW":
      out.push("DISTINCT");
      return at + 1;
    case "STRAIGHT_JOIN":
      if (endsOperand(tokens[at - 1])) out.push("JOIN");
      return at + 1;
    case "COLLATE":
      // All others compare like the columns do, without regard to case.
      if (/_(bin|cs)$/i.test(following?.value ?? "")) out.push("COLLATE BINARY");
      return at + 2;
    case "N":
      return following?.kind === "string" && following.start === token.end ? at + 1 : undefined;
    case "_BINARY":
      if (following?.kind !== "string") return undefined;
      out.push(quoteBytes(context.rawBytes ? rawBytesOf(following.value) : encodeText(following.value)));
      return at + 2;
    case "FOR":
      return following?.upper === "UPDATE" || following?.upper === "SHARE" ? behindLocking(passage, at + 2) : undefined;
    case "LOCK":
      return following?.upper === "IN" ? Math.min(at + 4, end) : undefined;
    case "USE":
    case "FORCE":
    case "IGNORE": {
      if (following?.upper !== "INDEX" && following?.upper !== "KEY") return undefined;
      let open = at + 2;
      while (open < end && !isOperator(tokens[open], "(")) open++;
      return (partner[open] ?? open) + 1;
    }
    case "FROM":
    case "TRUE":
    case "FALSE":
    case "NULL":
      // In upper case, because other rules look for them in what has been written.
      out.push(token.upper);
      return at + 1;
    case "CURRENT_DATE":
    case "CURRENT_TIME":
    case "CURRENT_TIMESTAMP":
    case "LOCALTIME":
    case "LOCALTIMESTAMP":
    case "UTC_DATE":
    case "UTC_TIME":
    case "UTC_TIMESTAMP":
    case "CURRENT_USER": {
      const made = FUNCTIONS.get(token.upper)?.(BARE_CALL, context);
      if (made === undefined) return undefined;
      out.push(made);
      return at + 1;
    }
  }
  return undefined;
}

/** The place behind `OF t`, `NOWAIT` and `SKIP LOCKED`, which may follow a locking clause. */
function behindLocking({ tokens, end }: Passage, at: number): number {
  if (tokens[at]?.upper === "OF") at += 2;
  while (at < end && ["NOWAIT", "SKIP", "LOCKED"].includes(tokens[at]?.upper ?? "")) at++;
  return at;
}
