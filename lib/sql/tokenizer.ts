/**
 * Cuts SQL into tokens.
 *
 * The rules are the original's (spec section 4.10): the longest match wins, keywords are found in any case, and bytes
 * matter, not characters. It differs from the original where that read SQL wrong:
 * - `#` begins a comment, which ends with the line
 * - `$` and bytes from 0x80 on are parts of words
 * - a string ends at its closing quote, also if a quote of another kind follows at once
 * - in backticks a backslash is a character like any other
 * - the sign of an exponent may be missing (`1e5`), and the digits before the point of a float with an exponent (`.5e3`)
 * - `--` with CR and LF behind it is a comment too
 *
 * A string or comment without an end goes to the end of the input.
 *
 * @module
 */
import { TOKEN_NAMES, TokenId, wordId } from "./tokens.ts";

/** Set in a token's id where its text has doubled quotes; they become single ones when the text is asked for. */
const DOUBLED = 0x10000;
const ID_MASK = DOUBLED - 1;
/** Numbers per token: id, start, end. */
const STRIDE = 3;

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const EXCLAMATION_MARK = 0x21;
const DOUBLE_QUOTE = 0x22;
const HASH = 0x23;
const AMPERSAND = 0x26;
const SINGLE_QUOTE = 0x27;
const OPEN = 0x28;
const CLOSE = 0x29;
const STAR = 0x2a;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const LESS = 0x3c;
const EQUAL = 0x3d;
const GREATER = 0x3e;
const BACKSLASH = 0x5c;
const CARET = 0x5e;
const BACKTICK = 0x60;
const BAR = 0x7c;

const DIGIT = 1;
const LETTER = 2;
const BLANK = 4;
const classes = new Uint8Array(256);
for (let byte = 0x30; byte <= 0x39; byte++) classes[byte] = DIGIT;
for (const byte of new TextEncoder().encode("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_@$")) {
  classes[byte] = LETTER;
}
for (let byte = 0x80; byte <= 0xff; byte++) classes[byte] = LETTER;
for (const byte of [TAB, LINE_FEED, 0x0b, 0x0c, CARRIAGE_RETURN, SPACE]) classes[byte] = BLANK;

/** The tokens of one text, kept as numbers; texts are made when they are asked for. */
export class Tokens {
  /** What the tokens were cut from. */
  readonly source: Uint8Array;
  /** How many tokens there are. */
  readonly length: number;
  readonly #data: Int32Array;

  /** @param data id, start and end of each token, as {@linkcode tokenize} makes them. */
  constructor(source: Uint8Array, data: Int32Array) {
    this.source = source;
    this.#data = data;
    this.length = data.length / STRIDE;
  }

  /** The id of token `i`; 0-based, as everywhere here. */
  id(i: number): number {
    return this.#data[i * STRIDE]! & ID_MASK;
  }

  /** The name of the id of token `i`. */
  name(i: number): string {
    return TOKEN_NAMES[this.id(i)]!;
  }

  /** Where the text of token `i` begins in the source, without quotes and comment marks. */
  start(i: number): number {
    return this.#data[i * STRIDE + 1]!;
  }

  /** Where the text of token `i` ends in the source. */
  end(i: number): number {
    return this.#data[i * STRIDE + 2]!;
  }

  /** Whether the text of token `i` is not the source from start to end, because a doubled quote in it counts once. */
  isDoubled(i: number): boolean {
    return (this.#data[i * STRIDE]! & DOUBLED) !== 0;
  }

  /** The text of token `i`: a view of the source where that is possible. */
  text(i: number): Uint8Array {
    const start = this.start(i);
    const raw = this.source.subarray(start, this.end(i));
    return this.isDoubled(i) ? withoutDoubled(raw, this.source[start - 1]!) : raw;
  }
}

/** The text between quotes, with one quote for each pair of them. */
function withoutDoubled(raw: Uint8Array, quote: number): Uint8Array {
  const text = new Uint8Array(raw.length);
  let length = 0;
  for (let i = 0; i < raw.length; i++) {
    const byte = raw[i]!;
    text[length++] = byte;
    if (byte === BACKSLASH && quote !== BACKTICK && i + 1 < raw.length) text[length++] = raw[++i]!;
    else if (byte === quote) i++;
  }
  return text.subarray(0, length);
}

/** Where tokens are written while a text is read. It is kept between texts, unless one was huge. */
let scratch = new Int32Array(STRIDE * 1024);
const KEPT_SCRATCH = STRIDE * 65536;

/** Reads one text, from front to back. */
class Scanner {
  readonly #sql: Uint8Array;
  #used = 0;

  constructor(sql: Uint8Array) {
    this.#sql = sql;
  }

  #add(id: number, start: number, end: number): number {
    if (this.#used + STRIDE > scratch.length) {
      const grown = new Int32Array(scratch.length * 2);
      grown.set(scratch);
      scratch = grown;
    }
    scratch[this.#used] = id;
    scratch[this.#used + 1] = start;
    scratch[this.#used + 2] = end;
    this.#used += STRIDE;
    return end;
  }

  #is(mask: number, at: number): boolean {
    return at < this.#sql.length && (classes[this.#sql[at]!]! & mask) !== 0;
  }

  #digitsEnd(at: number): number {
    while (this.#is(DIGIT, at)) at++;
    return at;
  }

  /** Where the word at `at` ends, -1 if there is none: digits may come first, but not alone. */
  #wordEnd(at: number): number {
    at = this.#digitsEnd(at);
    if (!this.#is(LETTER, at)) return -1;
    while (this.#is(LETTER | DIGIT, at)) at++;
    return at;
  }

  /** Where up to three words that dots join end. */
  #wordsEnd(end: number): number {
    for (let parts = 1; parts < 3 && this.#sql[end] === DOT; parts++) {
      const next = this.#wordEnd(end + 1);
      if (next < 0) break;
      end = next;
    }
    return end;
  }

  /** Takes up to three words that dots join, of which the first ends at `end`. */
  #words(start: number, end: number): number {
    for (let parts = 1; parts < 3 && this.#sql[end] === DOT; parts++) {
      const next = this.#wordEnd(end + 1);
      if (next < 0) break;
      this.#add(wordId(this.#sql, start, end), start, end);
      start = this.#add(TokenId.DOT, end, end + 1);
      end = next;
    }
    return this.#add(this.#sql[end] === OPEN ? TokenId.FUNCTION : wordId(this.#sql, start, end), start, end);
  }

  /** Where the exponent at `at` ends; `at` if there is none. */
  #exponentEnd(at: number): number {
    const sql = this.#sql;
    if (at >= sql.length || (sql[at]! | 0x20) !== 0x65) return at;
    const sign = sql[at + 1];
    const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1;
    return this.#is(DIGIT, digits) ? this.#digitsEnd(digits) : at;
  }

  /** Takes what begins with a digit: a number, or a word if that is longer. */
  #number(start: number): number {
    const digits = this.#digitsEnd(start);
    const mantissa = this.#sql[digits] === DOT ? this.#digitsEnd(digits + 1) : digits;
    const isFraction = mantissa > digits + 1;
    const float = this.#exponentEnd(isFraction ? mantissa : digits);
    if (this.#is(LETTER, digits)) {
      const word = this.#wordEnd(digits);
      if (this.#wordsEnd(word) > float) return this.#words(start, word);
    }
    return this.#add(float > digits ? TokenId.FLOAT : TokenId.INTEGER, start, float);
  }

  /** Takes a quoted text, of which `start` is the opening quote. */
  #quoted(id: number, quote: number, start: number): number {
    const sql = this.#sql;
    let at = start + 1;
    let doubled = 0;
    for (; at < sql.length; at++) {
      const byte = sql[at]!;
      if (byte === quote) {
        if (sql[at + 1] !== quote) break;
        doubled = DOUBLED;
        at++;
      } else if (byte === BACKSLASH && quote !== BACKTICK) {
        at++;
      }
    }
    const end = Math.min(at, sql.length);
    this.#add(id | doubled, start + 1, end);
    return end + 1;
  }

  /** Takes a comment to the end of the line, whose text begins at `start`. */
  #lineComment(start: number): number {
    const end = this.#sql.indexOf(LINE_FEED, start);
    return this.#add(TokenId.COMMENT, start, end < 0 ? this.#sql.length : end);
  }

  /** Takes a comment, of which `at` is the slash. */
  #comment(at: number): number {
    const sql = this.#sql;
    const forMysql = sql[at + 2] === EXCLAMATION_MARK;
    const start = forMysql ? at + 3 : at + 2;
    const id = forMysql ? TokenId.COMMENT_MYSQL : TokenId.COMMENT;
    let star = sql.indexOf(STAR, start);
    while (star >= 0 && star + 1 < sql.length) {
      let after = star + 1;
      while (sql[after] === STAR) after++;
      if (sql[after] === SLASH) {
        this.#add(id, start, star);
        return after + 1;
      }
      star = sql.indexOf(STAR, after);
    }
    return this.#add(id, start, sql.length);
  }

  /** Takes what begins with a minus at `at`: a comment or an operator. */
  #minus(at: number): number {
    const sql = this.#sql;
    if (sql[at + 1] === MINUS) {
      const after = sql[at + 2];
      if (after === SPACE || after === TAB) return this.#lineComment(at + 3);
      if (after === LINE_FEED || (after === CARRIAGE_RETURN && sql[at + 3] === LINE_FEED)) {
        return this.#add(TokenId.COMMENT, at + 2, at + 2);
      }
    }
    return this.#add(TokenId.MINUS, at, at + 1);
  }

  /** Takes one or two bytes: `two` if the next byte is `second`. */
  #operator(at: number, one: number, second: number, two: number): number {
    return this.#sql[at + 1] === second ? this.#add(two, at, at + 2) : this.#add(one, at, at + 1);
  }

  /** Takes the token that begins at `at`, which is no blank. */
  #token(at: number): number {
    const byte = this.#sql[at]!;
    const kind = classes[byte];
    if (kind === LETTER) return this.#words(at, this.#wordEnd(at));
    if (kind === DIGIT) return this.#number(at);
    switch (byte) {
      case COMMA:
        return this.#add(TokenId.COMMA, at, at + 1);
      case DOT:
        if (!this.#is(DIGIT, at + 1)) return this.#add(TokenId.DOT, at, at + 1);
        return this.#add(TokenId.FLOAT, at, this.#exponentEnd(this.#digitsEnd(at + 1)));
      case OPEN:
        return this.#add(TokenId.OBRACE, at, at + 1);
      case CLOSE:
        return this.#add(TokenId.CBRACE, at, at + 1);
      case SINGLE_QUOTE:
      case DOUBLE_QUOTE:
        return this.#quoted(TokenId.STRING, byte, at);
      case BACKTICK:
        return this.#quoted(TokenId.LITERAL, byte, at);
      case EQUAL:
        return this.#add(TokenId.EQ, at, at + 1);
      case LESS:
        if (this.#sql[at + 1] === GREATER) return this.#add(TokenId.NE, at, at + 2);
        return this.#operator(at, TokenId.LT, EQUAL, TokenId.LE);
      case GREATER:
        return this.#operator(at, TokenId.GT, EQUAL, TokenId.GE);
      case EXCLAMATION_MARK:
        return this.#operator(at, TokenId.UNKNOWN, EQUAL, TokenId.NE);
      case COLON:
        return this.#operator(at, TokenId.UNKNOWN, EQUAL, TokenId.ASSIGN);
      case AMPERSAND:
        return this.#operator(at, TokenId.BITWISE_AND, AMPERSAND, TokenId.LOGICAL_AND);
      case BAR:
        return this.#operator(at, TokenId.BITWISE_OR, BAR, TokenId.LOGICAL_OR);
      case CARET:
        return this.#add(TokenId.BITWISE_XOR, at, at + 1);
      case SEMICOLON:
        return this.#add(TokenId.SEMICOLON, at, at + 1);
      case STAR:
        return this.#add(TokenId.STAR, at, at + 1);
      case PLUS:
        return this.#add(TokenId.PLUS, at, at + 1);
      case MINUS:
        return this.#minus(at);
      case SLASH:
        return this.#sql[at + 1] === STAR ? this.#comment(at) : this.#add(TokenId.DIV, at, at + 1);
      case HASH:
        return this.#lineComment(at + 1);
      default:
        return this.#add(TokenId.UNKNOWN, at, at + 1);
    }
  }

  /** @returns a view of the scratch space: valid until the next text is read. */
  run(): Int32Array {
    const length = this.#sql.length;
    for (let at = 0; at < length;) at = this.#is(BLANK, at) ? at + 1 : this.#token(at);
    const data = scratch.subarray(0, this.#used);
    if (scratch.length > KEPT_SCRATCH) scratch = new Int32Array(KEPT_SCRATCH);
    return data;
  }
}

/** The tokens of `sql`, in time proportional to its length. It never throws, and remembers nothing of other texts. */
export function tokenize(sql: Uint8Array): Tokens {
  return new Tokens(sql, new Scanner(sql).run().slice());
}

/** The same without a copy: the tokens are valid until the next text is cut. */
export function glance(sql: Uint8Array): Tokens {
  return new Tokens(sql, new Scanner(sql).run());
}
