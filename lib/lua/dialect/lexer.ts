/**
 * Cuts Lua 5.1 source into tokens: as much of its lexical rules as translating needs.
 *
 * Works on bytes, since a script may hold any. See https://www.lua.org/manual/5.1/manual.html#2.1
 *
 * @module
 */

/** What a token is. A keyword is a `name`; a symbol is one byte long, except `...`, `..`, `==`, `<=`, `>=`, `~=` and `::`. */
export type TokenKind = "name" | "number" | "string" | "long string" | "symbol" | "end";

const LETTER = 1;
const DIGIT = 2;
const SPACE = 4;

const classes = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const char = String.fromCharCode(byte);
  if (/[A-Za-z_]/.test(char)) classes[byte] = LETTER;
  else if (/[0-9]/.test(char)) classes[byte] = DIGIT;
  else if (/[ \t\n\v\f\r]/.test(char)) classes[byte] = SPACE;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BACKSLASH = 0x5c;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const EQUALS = 0x3d;
const COLON = 0x3a;
const TILDE = 0x7e;
const LESS = 0x3c;
const GREATER = 0x3e;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** A cursor over source. After {@linkcode Lexer.next} the fields describe the token at hand. */
export class Lexer {
  readonly #source: Uint8Array;
  kind: TokenKind = "end";
  /** Where the token begins, and the first byte behind it. */
  start: number;
  end: number;

  constructor(source: Uint8Array, from = 0) {
    this.#source = source;
    this.start = this.end = from;
  }

  /** Goes on to the next token. What cannot be a token counts as a symbol, an unfinished string ends with its line. */
  next(): void {
    const source = this.#source;
    let at = this.end;
    let kind: TokenKind | undefined;
    while (kind === undefined) {
      const byte = source[at];
      this.start = at;
      if (byte === undefined) {
        kind = "end";
      } else if (this.#is(at, SPACE)) {
        at++;
      } else if (this.#is(at, LETTER)) {
        do at++; while (this.#is(at, LETTER | DIGIT));
        kind = "name";
      } else if (this.#is(at, DIGIT) || (byte === DOT && this.#is(at + 1, DIGIT))) {
        at = this.#number(at);
        kind = "number";
      } else if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
        at = this.#string(at + 1, byte);
        kind = "string";
      } else if (byte === MINUS && source[at + 1] === MINUS) {
        at = this.#long(at + 2) ?? this.#line(at + 2);
      } else {
        const long = byte === OPEN_BRACKET ? this.#long(at) : undefined;
        kind = long === undefined ? "symbol" : "long string";
        at = long ?? at + this.#symbol(at, byte);
      }
    }
    this.kind = kind;
    this.end = at;
  }

  #is(at: number, mask: number): boolean {
    const byte = this.#source[at];
    return byte !== undefined && ((classes[byte] ?? 0) & mask) !== 0;
  }

  #number(at: number): number {
    const source = this.#source;
    while (this.#is(at, DIGIT) || source[at] === DOT) at++;
    if (source[at] === 0x65 || source[at] === 0x45) {
      at++;
      if (source[at] === PLUS || source[at] === MINUS) at++;
    }
    while (this.#is(at, LETTER | DIGIT)) at++;
    // A hexadecimal number with a binary exponent, which strtod() takes.
    if ((source[at] === PLUS || source[at] === MINUS) && (source[at - 1] === 0x70 || source[at - 1] === 0x50)) {
      at++;
      while (this.#is(at, DIGIT)) at++;
    }
    return at;
  }

  #string(at: number, quote: number): number {
    const source = this.#source;
    for (; at < source.length; at++) {
      const byte = source[at];
      if (byte === quote) return at + 1;
      if (byte === NEWLINE || byte === RETURN) return at;
      if (byte === BACKSLASH) {
        at++;
        if (source[at] === RETURN && source[at + 1] === NEWLINE) at++;
      }
    }
    return source.length;
  }

  /** The end of a long bracket that opens at `at`; `undefined` if none does. */
  #long(at: number): number | undefined {
    const source = this.#source;
    if (source[at] !== OPEN_BRACKET) return undefined;
    let level = 0;
    while (source[at + 1 + level] === EQUALS) level++;
    if (source[at + 1 + level] !== OPEN_BRACKET) return undefined;
    for (let i = source.indexOf(CLOSE_BRACKET, at + level + 2); i >= 0; i = source.indexOf(CLOSE_BRACKET, i + 1)) {
      let n = 0;
      while (n < level && source[i + 1 + n] === EQUALS) n++;
      if (n === level && source[i + 1 + level] === CLOSE_BRACKET) return i + level + 2;
    }
    return source.length;
  }

  #line(at: number): number {
    const source = this.#source;
    while (at < source.length && source[at] !== NEWLINE && source[at] !== RETURN) at++;
    return at;
  }

  #symbol(at: number, byte: number): number {
    const second = this.#source[at + 1];
    if (byte === DOT && second === DOT) return this.#source[at + 2] === DOT ? 3 : 2;
    if (second === EQUALS && (byte === EQUALS || byte === TILDE || byte === LESS || byte === GREATER)) return 2;
    return byte === COLON && second === COLON ? 2 : 1;
  }
}
