/**
 * Makes Lua 5.4 read source as Lua 5.1 would.
 *
 * What differs in the language itself, where no library function can help:
 *
 * - An unknown escape such as `"\."` stands for its character; `\x`, `\z` and `\u` are unknown.
 * - `goto` is a name.
 * - A function with `...` has its arguments in the table `arg`, unless it uses `...`.
 * - `for i = 1, "3"` takes strings that are numbers.
 * - Numbers are doubles. Values stay Lua 5.4's integers, exact up to 2^63, but products with a literal are doubles, and so
 *   are hexadecimal literals beyond 2^63: hash functions such as `h * 33 + c` then grow as they did instead of wrapping.
 * - A first line that begins with `#` is skipped, as is a byte order mark.
 *
 * Everything that Lua 5.1 refuses and 5.4 takes stays allowed. Lines keep their numbers.
 *
 * @module
 */
import { Edits } from "./edits.ts";
import { Lexer, type TokenKind } from "./lexer.ts";

/** The escapes that mean the same in both: a b f n r t v \ " ' digits, and the end of a line. */
const ESCAPES = new Set(Array.from("abfnrtv\\\"'0123456789\r\n", (char) => char.charCodeAt(0)));
const BACKSLASH = 0x5c;

/** The function of `string` that makes the table `arg`; hidden from scripts by its metatable (see functions.lua). */
const ARGUMENTS = `local arg=(""):__arg(...)`;

const KEYWORDS = new Set(
  ("and break do else elseif end false for function if in local nil not or repeat return then true until while").split(
    " ",
  ),
);

interface FunctionBody {
  readonly kind: "function";
  /** Behind the parameter list. */
  start: number;
  vararg: boolean;
  usesDots: boolean;
  usesArg: boolean;
}

/** The head of a numeric `for`, between `=` and `do`: the expression at hand. */
interface ForHead {
  readonly kind: "for";
  first: number;
  last: number;
  text: string;
}

/** What is open: a function, any other block, a bracket, or the head of a `for`. */
type Open = FunctionBody | ForHead | { readonly kind: "block" | "(" | "[" | "{" };

interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
  /** The text of names and symbols, a letter for what else there is. */
  readonly text: string;
}

/** An expression that is a number for sure: a literal, or the length of a variable or field. */
const NUMBER = /^(-?0|#[A-Za-z_][\w.]*)$/;

class Translator {
  readonly #source: Uint8Array;
  readonly #edits = new Edits();
  readonly #lexer: Lexer;
  readonly #open: Open[] = [];
  /** The functions among them. */
  readonly #functions: FunctionBody[] = [];
  #before: Token = { kind: "end", start: 0, end: 0, text: "" };
  #token: Token = this.#before;
  #after: Token = this.#before;
  /** `function` was read, and its parameter list is to come or is being read. */
  #parameters: FunctionBody | undefined;
  /** The token before was the name behind `for`. */
  #forVariable = false;

  constructor(source: Uint8Array) {
    this.#source = source;
    this.#lexer = new Lexer(source, this.#skipFirstLine());
  }

  run(): Uint8Array {
    this.#advance();
    this.#advance();
    while (this.#token.kind !== "end") {
      this.#translate(this.#token);
      this.#advance();
    }
    return this.#edits.apply(this.#source);
  }

  #skipFirstLine(): number {
    const source = this.#source;
    let at = source[0] === 0xef && source[1] === 0xbb && source[2] === 0xbf ? 3 : 0;
    if (source[at] === 0x23) { while (at < source.length && source[at] !== 0x0a && source[at] !== 0x0d) at++; }
    if (at > 0) this.#edits.replace(0, at);
    return at;
  }

  #advance(): void {
    this.#before = this.#token;
    this.#token = this.#after;
    const lexer = this.#lexer;
    lexer.next();
    const { kind, start, end } = lexer;
    const text = kind === "name" || kind === "symbol"
      ? String.fromCharCode(...this.#source.subarray(start, Math.min(end, start + 64)))
      : kind === "number"
      ? "0"
      : "";
    this.#after = { kind, start, end, text };
  }

  #translate(token: Token): void {
    const top = this.#open.at(-1);
    if (top?.kind === "for") this.#forHead(top, token);
    if (token.kind === "string") this.#escapes(token);
    else if (token.kind === "number") this.#number(token);
    else if (token.kind === "name") this.#name(token);
    else if (token.kind === "symbol") this.#symbol(token);
    // A bracket or function inside the head was closed.
    const left = this.#open.at(-1);
    if (left?.kind === "for" && left !== top) left.last = token.end;
  }

  /** Takes the backslash from escapes that Lua 5.1 does not know. */
  #escapes({ start, end }: Token): void {
    const source = this.#source;
    for (let at = source.indexOf(BACKSLASH, start); at >= 0 && at < end - 1; at = source.indexOf(BACKSLASH, at + 2)) {
      const escaped = source[at + 1];
      if (escaped !== undefined && !ESCAPES.has(escaped)) this.#edits.replace(at, at + 1);
    }
  }

  #number({ start, end }: Token): void {
    const text = String.fromCharCode(...this.#source.subarray(start, Math.min(end, start + 400)));
    const factor = this.#before.text === "*" || this.#after.text === "*";
    if (/^\d+$/.test(text)) {
      if (factor) this.#edits.insert(end, ".0");
    } else if (/^0[xX][\dA-Fa-f]+$/.test(text)) {
      if (factor || /^..0*([89A-Fa-f].{15}|[1-9A-Fa-f].{16})/.test(text)) this.#edits.insert(end, "p0");
    }
  }

  #name(token: Token): void {
    this.#forVariable = this.#before.text === "for";
    switch (token.text) {
      case "function":
        this.#parameters = { kind: "function", start: 0, vararg: false, usesDots: false, usesArg: false };
        break;
      case "if":
      case "do":
      case "repeat":
        this.#open.push({ kind: "block" });
        break;
      case "end":
      case "until":
        this.#close();
        break;
      case "arg":
        this.#argument();
        break;
      case "goto":
        this.#goto(token);
        break;
    }
  }

  #symbol({ text, end }: Token): void {
    switch (text) {
      case "(":
      case "[":
      case "{":
        this.#open.push({ kind: text });
        break;
      case ")":
        this.#closeBracket("(");
        if (this.#parameters !== undefined) this.#body(this.#parameters, end);
        break;
      case "]":
        this.#closeBracket("[");
        break;
      case "}":
        this.#closeBracket("{");
        break;
      case "=":
        if (this.#forVariable) this.#open.push({ kind: "for", first: -1, last: -1, text: "" });
        break;
      case "...":
        this.#dots();
        break;
    }
    this.#forVariable = false;
  }

  #closeBracket(kind: Open["kind"]): void {
    if (this.#open.at(-1)?.kind === kind) this.#open.pop();
  }

  /** `end` or `until`. */
  #close(): void {
    const top = this.#open.at(-1);
    if (top?.kind !== "function" && top?.kind !== "block") return;
    this.#open.pop();
    if (top.kind !== "function") return;
    this.#functions.pop();
    // One that uses both has an `arg` that is nil.
    if (top.usesArg) this.#edits.insert(top.start, top.usesDots ? " local arg " : ` ${ARGUMENTS} `);
  }

  #body(body: FunctionBody, start: number): void {
    this.#parameters = undefined;
    body.start = start;
    this.#open.push(body);
    this.#functions.push(body);
  }

  #dots(): void {
    if (this.#parameters !== undefined) {
      this.#parameters.vararg = true;
      return;
    }
    const body = this.#functions.at(-1);
    if (body !== undefined) body.usesDots = true;
  }

  #argument(): void {
    if (this.#before.text === "." || this.#before.text === ":" || this.#parameters !== undefined) return;
    const body = this.#functions.findLast((body) => body.vararg);
    if (body !== undefined) body.usesArg = true;
  }

  /** The only names that cannot be helped are methods, `t:goto()`, and `function t.goto()`. */
  #goto({ start, end }: Token): void {
    const { text: before, start: dot } = this.#before;
    const statement = this.#after.kind === "name" && !KEYWORDS.has(this.#after.text);
    if (before === ":" || this.#namesFunction || statement) return;
    if (before === ".") this.#edits.replace(dot, end, `["goto"]`);
    else if (this.#open.at(-1)?.kind === "{" && /^[{,;]$/.test(before) && this.#after.text === "=") {
      this.#edits.replace(start, end, `["goto"]`);
    } else this.#edits.replace(start, end, "goto_");
  }

  /** Between `function` and `(`. */
  get #namesFunction(): boolean {
    return this.#parameters !== undefined && this.#open.at(-1)?.kind !== "(" && this.#before.text === ".";
  }

  /** Lets the expressions in the head of a numeric `for` be converted, as arithmetic converts strings. */
  #forHead(head: ForHead, { start, end, kind, text }: Token): void {
    const over = text === "do";
    if (!over && text !== ",") {
      if (head.first < 0) head.first = start;
      head.last = end;
      // The text of a string is empty, which no number may be mistaken for.
      head.text += kind === "string" || kind === "long string" ? "'" : head.text.length < 100 ? text : "";
      return;
    }
    if (head.first >= 0 && !NUMBER.test(head.text)) {
      this.#edits.insert(head.first, "(");
      this.#edits.insert(head.last, ")+0");
    }
    head.first = -1;
    head.text = "";
    if (over) this.#open.pop();
  }
}

/**
 * Lua 5.1 source as source that Lua 5.4 understands, with the same lines; the source itself if nothing has to change.
 *
 * Source with syntax errors comes out as wrong as it was.
 */
export function translate(source: Uint8Array): Uint8Array {
  return new Translator(source).run();
}
