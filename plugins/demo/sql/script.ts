/**
 * What a client sends to be run: bytes, cut into statements.
 *
 * @module
 */
import { decodeText } from "../../../lib/protocol/text.ts";
import { rawText } from "./quoting.ts";
import { SqlError } from "./sql_error.ts";
import { matchParentheses, splitStatements, type Token, tokenize } from "./token.ts";
import { findOutside, isToken, operator } from "./token_list.ts";

/** Statements as the client sent them, cut apart. */
export interface Script {
  readonly source: string;
  /** The text holds one character per byte, because its bytes are not UTF-8. */
  readonly rawBytes: boolean;
  readonly statements: readonly (readonly Token[])[];
}

/** Reads the bytes of COM_QUERY or COM_STMT_PREPARE. @throws {SqlError} 1064, or 1065 if there is nothing in them. */
export function readScript(sql: Uint8Array): Script {
  let source = decodeText(sql);
  // Bytes that are no text can only be read one by one; a literal U+FFFD is the rare false alarm, and harmless.
  const rawBytes = source.includes("\ufffd");
  if (rawBytes) source = rawText(sql);
  const statements = splitStatements(tokenize(source));
  if (statements.length === 0) {
    if (!/[^\s;]/.test(source)) throw new SqlError(1065, "42000", "Query was empty");
    // Comments alone are a statement that does nothing: the mysql client sends those of a dump.
    statements.push([]);
  }
  return { source, rawBytes, statements };
}

/** A query in the forms that SQLite has: no TABLE t, no ROW in VALUES, no parentheses around parts of a compound. */
export function spellQuery(tokens: readonly Token[]): readonly Token[] {
  const [first] = tokens;
  if (isToken(first, "TABLE")) return [...tokenize("SELECT * FROM"), ...tokens.slice(1)];
  if (isToken(first, "VALUES")) return tokens.filter((token) => !isToken(token, "ROW"));
  return withoutOuterParentheses(tokens);
}

/** `(SELECT …) UNION (SELECT …)`: SQLite has no parentheses around the parts of a compound. */
function withoutOuterParentheses(tokens: readonly Token[]): readonly Token[] {
  if (
    !tokens.some((token, at) =>
      isToken(token, "(") && (at === 0 || /^(UNION|ALL|DISTINCT|EXCEPT|INTERSECT)$/.test(tokens[at - 1]?.upper ?? ""))
    )
  ) {
    return tokens;
  }
  const partner = matchParentheses(tokens);
  const out: Token[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    const close = partner[at] ?? -1;
    if (token === undefined) continue;
    if (close <= at) out.push(token);
    else {
      const inside = tokens.slice(at + 1, close);
      const part = at === 0 || /^(UNION|ALL|EXCEPT|INTERSECT)$/.test(tokens[at - 1]?.upper ?? "");
      if (!part) out.push(...tokens.slice(at, close + 1));
      else if (findOutside(inside, 0, "ORDER", "LIMIT", "UNION") === inside.length) {
        out.push(...withoutOuterParentheses(inside));
      } else out.push(...tokenize("SELECT * FROM"), operator("("), ...withoutOuterParentheses(inside), operator(")"));
      at = close;
    }
  }
  return out;
}
