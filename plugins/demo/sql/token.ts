/**
 * Cuts MySQL's SQL into tokens, in one pass, linear in the input.
 *
 * The lexical rules are those of the manual's chapter "Language Structure": `#`, `-- ` and C comments, comments whose
 * content counts (slash, star, exclamation mark, version), backtick names, both kinds of string quotes, backslash escapes, `@user`
 * and `@@system` variables, hexadecimal and bit literals.
 *
 * @module
 */
import { syntaxError } from "./sql_error.ts";

/** What a token is. `value` of a name, string or variable is what it stands for, without quotes and escapes. */
export type TokenKind =
  | "word"
  | "name"
  | "string"
  | "number"
  | "bytes"
  | "parameter"
  | "user-variable"
  | "system-variable"
  | "operator";

/** One token; `start` and `end` are offsets into the statement's text. */
export interface Token {
  readonly kind: TokenKind;
  readonly value: string;
  /** `value` in upper case for words, so that keywords compare with `===`; `value` itself for all others. */
  readonly upper: string;
  readonly start: number;
  readonly end: number;
}

const SPACE = /\s/;
const WORD_START = /[A-Za-z_$\u0080-\uffff]/;
const WORD = /[A-Za-z0-9_$\u0080-\uffff]*/y;
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const HEX = /0[xX][0-9A-Fa-f]+(?![A-Za-z0-9_$])/y;
const BITS = /0b[01]+(?![A-Za-z0-9_$])/y;
const OPERATOR = /<=>|->>|:=|<=|>=|<>|!=|<<|>>|&&|\|\||->|[-+*\/%&|^~!<>=(),.;:{}\[\]]/y;
const VARIABLE_NAME = /[A-Za-z0-9_$.\u0080-\uffff]*/y;
const SYSTEM_NAME = /(?:(?:session|global|local|persist|persist_only)\s*\.\s*)?[A-Za-z0-9_$.]+/iy;

const ESCAPES: Readonly<Record<string, string>> = {
  "0": "\0",
  b: "\b",
  n: "\n",
  r: "\r",
  t: "\t",
  Z: "\x1a",
};

/** Reads a quoted run that begins at `start`; a doubled quote stands for one. */
function quoted(sql: string, start: number, escapes: boolean): { value: string; end: number } {
  const quote = sql.charAt(start);
  const parts: string[] = [];
  let from = start + 1;
  for (let at = from; at < sql.length; at++) {
    const char = sql.charAt(at);
    if (char === "\\" && escapes) {
      const next = sql.charAt(at + 1);
      // "\%" and "\_" stay as they are: LIKE reads them.
      const meaning = next === "%" || next === "_" ? `\\${next}` : ESCAPES[next] ?? next;
      parts.push(sql.slice(from, at), meaning);
      from = at + 2;
      at++;
    } else if (char === quote) {
      if (sql.charAt(at + 1) !== quote) {
        parts.push(sql.slice(from, at));
        return { value: parts.join(""), end: at + 1 };
      }
      parts.push(sql.slice(from, at + 1));
      from = at + 2;
      at++;
    }
  }
  throw syntaxError(sql.slice(start), sql.slice(0, start).split("\n").length);
}

function match(pattern: RegExp, sql: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0];
}

/**
 * Cuts `sql` into tokens.
 *
 * @throws {SqlError} 1064 for a string, name or comment without an end, or a character that no token begins with.
 */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  const push = (kind: TokenKind, value: string, start: number, end: number) => {
    tokens.push({ kind, value, upper: kind === "word" ? value.toUpperCase() : value, start, end });
    return end;
  };
  let inCountingComment = false;
  let at = 0;
  while (at < sql.length) {
    const char = sql.charAt(at);
    const next = sql.charAt(at + 1);
    if (SPACE.test(char) || char === "\0") {
      at++;
    } else if (char === "#" || (char === "-" && next === "-" && /[\s]|^$/.test(sql.charAt(at + 2)))) {
      const end = sql.indexOf("\n", at);
      at = end < 0 ? sql.length : end + 1;
    } else if (char === "/" && next === "*") {
      if (sql.charAt(at + 2) === "!") {
        inCountingComment = true;
        at += 3;
        while (/\d/.test(sql.charAt(at))) at++;
      } else {
        const end = sql.indexOf("*/", at + 2);
        if (end < 0) throw syntaxError(sql.slice(at));
        at = end + 2;
      }
    } else if (inCountingComment && char === "*" && next === "/") {
      inCountingComment = false;
      at += 2;
    } else if (char === "'" || char === '"') {
      const { value, end } = quoted(sql, at, true);
      at = push("string", value, at, end);
    } else if (char === "`") {
      const { value, end } = quoted(sql, at, false);
      at = push("name", value, at, end);
    } else if ((char === "x" || char === "X" || char === "b" || char === "B") && next === "'") {
      const { value, end } = quoted(sql, at + 1, false);
      at = push("bytes", char === "x" || char === "X" ? value : hexOfBits(value), at, end);
    } else if (char === "@" && next === "@") {
      const name = match(SYSTEM_NAME, sql, at + 2) ?? (sql.charAt(at + 2) === "`" ? quoted(sql, at + 2, false) : "");
      if (typeof name === "string") at = push("system-variable", name.replace(/\s/g, ""), at, at + 2 + name.length);
      else at = push("system-variable", name.value, at, name.end);
    } else if (char === "@") {
      if (next === "`" || next === "'" || next === '"') {
        const { value, end } = quoted(sql, at + 1, next !== "`");
        at = push("user-variable", value, at, end);
      } else {
        const name = match(VARIABLE_NAME, sql, at + 1) ?? "";
        at = push("user-variable", name, at, at + 1 + name.length);
      }
    } else if (char === "?") {
      at = push("parameter", "?", at, at + 1);
    } else if (/\d/.test(char) || (char === "." && /\d/.test(next) && !endsOperand(tokens.at(-1)))) {
      const hex = match(HEX, sql, at);
      const bits = hex === undefined ? match(BITS, sql, at) : undefined;
      const number = hex ?? bits ?? match(NUMBER, sql, at) ?? char;
      if (hex !== undefined) {
        push("bytes", hex.slice(2).padStart(hex.length - 2 + (hex.length % 2), "0"), at, at + hex.length);
      } else if (bits !== undefined) push("bytes", hexOfBits(bits.slice(2)), at, at + bits.length);
      else push("number", number, at, at + number.length);
      at += number.length;
    } else if (WORD_START.test(char)) {
      const word = match(WORD, sql, at) ?? char;
      at = push("word", word, at, at + word.length);
    } else {
      const operator = match(OPERATOR, sql, at);
      if (operator === undefined) throw syntaxError(sql.slice(at), sql.slice(0, at).split("\n").length);
      at = push("operator", operator, at, at + operator.length);
    }
  }
  return tokens;
}

/** A dot after a name is a qualifier, also before digits: `t.1st`. */
function endsOperand(token: Token | undefined): boolean {
  return token !== undefined && (token.kind === "word" || token.kind === "name");
}

function hexOfBits(bits: string): string {
  let hex = "";
  const padded = bits.padStart(Math.ceil(bits.length / 8) * 8, "0");
  for (let at = 0; at < padded.length; at += 4) hex += parseInt(padded.slice(at, at + 4), 2).toString(16);
  return hex;
}

/** Cuts a token list at its semicolons; empty statements fall out. */
export function splitStatements(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [];
  let current: Token[] = [];
  for (const token of tokens) {
    if (token.kind === "operator" && token.value === ";") {
      if (current.length > 0) statements.push(current);
      current = [];
    } else current.push(token);
  }
  if (current.length > 0) statements.push(current);
  return statements;
}

/** For each opening parenthesis the index of its closing one, and back; -1 everywhere else. */
export function matchParentheses(tokens: readonly Token[]): Int32Array {
  const partner = new Int32Array(tokens.length).fill(-1);
  const open: number[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== "operator") continue;
    if (token.value === "(") open.push(index);
    else if (token.value === ")") {
      const start = open.pop();
      if (start === undefined) continue;
      partner[start] = index;
      partner[index] = start;
    }
  }
  return partner;
}
