/**
 * The normal form of a statement: the same for all statements that differ only in values, white space, comments and case of
 * keywords. Statistics count by it.
 *
 * Source: spec section 4.11, `proxy.tokenizer`.
 *
 * @module
 */
import { glance, type Tokens } from "./tokenizer.ts";
import { TokenId } from "./tokens.ts";

const AT = 0x40;
const BACKTICK = 0x60;
const SPACE = 0x20;
const QUESTION_MARK = 0x3f;
const encoder = new TextEncoder();
const COMMENT_BEGIN = encoder.encode("/*!");
const COMMENT_END = encoder.encode("*/ ");

/** Statements whose first word is no keyword for the tokenizer; it is written as one. */
const FIRST_WORDS = ["COMMIT", "ROLLBACK", "BEGIN", "START"].map((word) => encoder.encode(word));
const START = encoder.encode("START");
const TRANSACTION = encoder.encode("TRANSACTION");

/** Whether nothing but comments is in front of token `i`. */
function isFirst(tokens: Tokens, i: number): boolean {
  while (--i >= 0) if (tokens.id(i) !== TokenId.COMMENT && tokens.id(i) !== TokenId.COMMENT_MYSQL) return false;
  return true;
}

/** Whether literal `i`, with `before` in front of it (-1 for none), is part of a command such as START TRANSACTION. */
function isCommand(tokens: Tokens, i: number, before: number): boolean {
  if (before < 0) return FIRST_WORDS.some((word) => isWord(tokens, i, word));
  return isWord(tokens, i, TRANSACTION) && isWord(tokens, before, START) && isFirst(tokens, before);
}

/** Whether the text of token `i` is this word, in any case. */
function isWord(tokens: Tokens, i: number, word: Uint8Array): boolean {
  const start = tokens.start(i);
  if (tokens.end(i) - start !== word.length) return false;
  for (let k = 0; k < word.length; k++) {
    if ((tokens.source[start + k]! & 0xdf) !== word[k]) return false;
  }
  return true;
}

/** Where the normal form is written; it is kept between statements, unless one was huge. */
let out = new Uint8Array(4096);
const KEPT = 1 << 20;

/** Makes room for `size` bytes behind `at`. */
function claim(at: number, size: number): void {
  if (at + size <= out.length) return;
  const grown = new Uint8Array(Math.max(at + size, out.length * 2));
  grown.set(out.subarray(0, at));
  out = grown;
}

/** Copies the source from `start` to `end`, with ASCII letters made upper case. */
function writeUpper(at: number, source: Uint8Array, start: number, end: number): number {
  claim(at, end - start + 1);
  for (let i = start; i < end; i++) {
    const byte = source[i]!;
    out[at++] = byte >= 0x61 && byte <= 0x7a ? byte - 32 : byte;
  }
  return at;
}

/** Writes token `i` in upper case. */
function writeWord(at: number, tokens: Tokens, i: number): number {
  at = writeUpper(at, tokens.source, tokens.start(i), tokens.end(i));
  out[at++] = SPACE;
  return at;
}

function write(at: number, bytes: Uint8Array): number {
  claim(at, bytes.length);
  out.set(bytes, at);
  return at + bytes.length;
}

/** Writes a name in backticks; those in it are doubled. */
function writeName(at: number, tokens: Tokens, i: number): number {
  const { source } = tokens;
  const start = tokens.start(i);
  const end = tokens.end(i);
  if (source[start] === AT) {
    at = write(at, tokens.text(i));
  } else {
    // A name in double form has its backticks doubled in the source already; other names have none.
    claim(at, end - start + 3);
    out[at++] = BACKTICK;
    for (let k = start; k < end; k++) out[at++] = source[k]!;
    out[at++] = BACKTICK;
  }
  claim(at, 1);
  out[at++] = SPACE;
  return at;
}

/**
 * The normal form: comments dropped (those for MySQL are kept as they are), values as `?`, names in backticks except
 * variables, everything else in upper case. A blank follows each piece except names of functions.
 */
export function normalize(tokens: Tokens): Uint8Array {
  return writeNormal(tokens).slice();
}

/** The normal form of a text, in a place that the next one takes: for whoever copies it at once. */
export function normalizeSql(sql: Uint8Array): Uint8Array {
  return writeNormal(glance(sql));
}

/** @returns a view of what has been written: valid until the next statement. */
function writeNormal(tokens: Tokens): Uint8Array {
  const { source, length } = tokens;
  let at = 0;
  // The last token that is no comment.
  let before = -1;
  for (let i = 0; i < length; i++) {
    const id = tokens.id(i);
    switch (id) {
      case TokenId.COMMENT:
        continue;
      case TokenId.COMMENT_MYSQL:
        at = write(write(write(at, COMMENT_BEGIN), tokens.text(i)), COMMENT_END);
        continue;
      case TokenId.STRING:
      case TokenId.INTEGER:
      case TokenId.FLOAT:
        claim(at, 2);
        out[at++] = QUESTION_MARK;
        out[at++] = SPACE;
        break;
      case TokenId.FUNCTION:
        at = writeUpper(at, source, tokens.start(i), tokens.end(i));
        break;
      case TokenId.LITERAL:
        at = isCommand(tokens, i, before) ? writeWord(at, tokens, i) : writeName(at, tokens, i);
        break;
      default:
        at = writeWord(at, tokens, i);
    }
    before = i;
  }
  const normal = out.subarray(0, at);
  if (out.length > KEPT) out = new Uint8Array(KEPT);
  return normal;
}
