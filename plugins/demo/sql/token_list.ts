/**
 * Walking and building token lists, for the statements that are taken apart rather than passed through.
 *
 * @module
 */
import { syntaxError } from "./sql_error.ts";
import { matchParentheses, type Token } from "./token.ts";

/** A keyword that the client did not write. */
export function keyword(upper: string): Token {
  return { kind: "word", value: upper, upper, start: -1, end: -1 };
}

/** A name that the client did not write, quoted so that it is never a keyword. */
export function name(value: string): Token {
  return { kind: "name", value, upper: value, start: -1, end: -1 };
}

/** An operator that the client did not write. */
export function operator(value: string): Token {
  return { kind: "operator", value, upper: value, start: -1, end: -1 };
}

/** Whether the token is this keyword or operator. */
export function isToken(token: Token | undefined, upper: string): boolean {
  return token !== undefined && token.upper === upper && (token.kind === "word" || token.kind === "operator");
}

/** Cuts a list at the commas that stand outside of parentheses. */
export function splitAtCommas(tokens: readonly Token[]): Token[][] {
  const partner = matchParentheses(tokens);
  const parts: Token[][] = [];
  let start = 0;
  for (let at = 0; at < tokens.length; at++) {
    const close = partner[at] ?? -1;
    if (close > at) at = close;
    else if (isToken(tokens[at], ",")) {
      parts.push(tokens.slice(start, at));
      start = at + 1;
    }
  }
  if (start < tokens.length || parts.length > 0) parts.push(tokens.slice(start));
  return parts;
}

/** Where, from `from` on and outside of parentheses, one of `words` stands; the list's length if nowhere. */
export function findOutside(tokens: readonly Token[], from: number, ...words: readonly string[]): number {
  const partner = matchParentheses(tokens);
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at];
    const close = partner[at] ?? -1;
    if (token !== undefined && words.includes(token.upper) && (token.kind === "word" || token.kind === "operator")) {
      return at;
    }
    if (close > at) at = close;
  }
  return tokens.length;
}

/** Reads a statement from front to back. */
export class TokenCursor {
  readonly tokens: readonly Token[];
  readonly #source: string;
  at = 0;

  constructor(tokens: readonly Token[], source: string) {
    this.tokens = tokens;
    this.#source = source;
  }

  get peek(): Token | undefined {
    return this.tokens[this.at];
  }

  get done(): boolean {
    return this.at >= this.tokens.length;
  }

  /** Takes the words if they come next, all or none. */
  take(...words: readonly string[]): boolean {
    if (!words.every((word, index) => isToken(this.tokens[this.at + index], word))) return false;
    this.at += words.length;
    return true;
  }

  /** Takes any one of the words. */
  takeAny(...words: readonly string[]): string | undefined {
    const found = words.find((word) => isToken(this.peek, word));
    if (found !== undefined) this.at++;
    return found;
  }

  /** @throws {SqlError} 1064 if something else comes next. */
  expect(...words: readonly string[]): void {
    if (!this.take(...words)) throw this.error();
  }

  next(): Token {
    const token = this.tokens[this.at];
    if (token === undefined) throw this.error();
    this.at++;
    return token;
  }

  /** A name, with or without quotes; also a string where MySQL takes one for a name. */
  name(): string {
    const token = this.next();
    if (token.kind === "word" || token.kind === "name" || token.kind === "string") return token.value;
    this.at--;
    throw this.error();
  }

  /** `table` or `database.table`. */
  qualifiedName(): { readonly database: string | undefined; readonly name: string } {
    const first = this.name();
    return this.take(".") ? { database: first, name: this.name() } : { database: undefined, name: first };
  }

  /** What stands between the parentheses that come next. */
  group(): Token[] {
    if (!isToken(this.peek, "(")) throw this.error();
    const partner = matchParentheses(this.tokens);
    const close = partner[this.at] ?? -1;
    if (close < 0) throw this.error();
    const inside = this.tokens.slice(this.at + 1, close);
    this.at = close + 1;
    return inside;
  }

  rest(): Token[] {
    const rest = this.tokens.slice(this.at);
    this.at = this.tokens.length;
    return rest;
  }

  /** 1064, near what comes next. */
  error(): Error {
    const token = this.tokens[this.at];
    const at = token === undefined ? this.#source.length : Math.max(token.start, 0);
    return syntaxError(this.#source.slice(at), this.#source.slice(0, at).split("\n").length);
  }
}
