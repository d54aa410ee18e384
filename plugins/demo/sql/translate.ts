/**
 * Turns one MySQL statement into SQLite's dialect, token by token.
 *
 * It is not a parser: names, literals, operators and function calls are rewritten where they stand, everything else
 * goes through, and SQLite says what it cannot read. Each token is looked at once per pass.
 *
 * @module
 */
import { readInterval, shiftDate } from "./interval.ts";
import { nameItems } from "./item_names.ts";
import { translateName } from "./qualified_name.ts";
import { markParameter, quoteName, quoteRaw, quoteString, resolveParameters } from "./quoting.ts";
import { syntaxError } from "./sql_error.ts";
import { matchParentheses, type Token } from "./token.ts";
import { isName, isOperator } from "./token_role.ts";
import type { Passage, Translation, TranslationContext } from "./translation.ts";
import { translateWord } from "./word.ts";

/** How many passages may stand inside each other. */
const DEEPEST_PASSAGE = 200;

class Translator {
  readonly #tokens: readonly Token[];
  readonly #partner: Int32Array;
  readonly #context: TranslationContext;
  /** The client's parameters by their place in the source: a rewritten statement may have them in another order. */
  readonly #parameters: ReadonlyMap<number, number>;
  #schemas = false;
  /** Names for the items of the statement's select list that have no alias, by the place of their last token. */
  readonly #aliases: ReadonlyMap<number, string>;

  constructor(tokens: readonly Token[], context: TranslationContext) {
    this.#tokens = tokens;
    this.#context = context;
    this.#partner = matchParentheses(tokens);
    const places = new Set(tokens.filter(({ kind }) => kind === "parameter").map(({ start }) => start));
    this.#parameters = new Map([...places].sort((a, b) => a - b).map((place, index) => [place, index]));
    this.#aliases = nameItems(tokens, this.#partner, context.source);
  }

  translate(): Translation {
    const marked = this.#passage(0, this.#tokens.length, 0);
    const { sql, parameters } = resolveParameters(marked);
    return { sql, parameters, parameterCount: this.#parameters.size, schemas: this.#schemas };
  }

  #passage(start: number, end: number, depth: number): string {
    if (depth > DEEPEST_PASSAGE) throw syntaxError("(");
    const passage: Passage = {
      tokens: this.#tokens,
      partner: this.#partner,
      context: this.#context,
      end,
      depth,
      out: [],
      inner: (from, to) => this.#passage(from, to, depth + 1),
      needSchemas: () => this.#schemas = true,
    };
    let at = start;
    while (at < end) {
      at = this.#piece(passage, at);
      const alias = this.#aliases.get(at - 1);
      if (alias !== undefined && depth === 0) passage.out.push(`AS ${quoteName(alias)}`);
    }
    return passage.out.join(" ");
  }

  #piece(passage: Passage, at: number): number {
    const { out } = passage;
    const token = this.#tokens[at];
    switch (token?.kind) {
      case undefined:
        return at + 1;
      case "string":
        return this.#string(passage, at);
      case "number":
        out.push(token.value);
        return at + 1;
      case "bytes":
        out.push(`x'${token.value}'`);
        return at + 1;
      case "parameter":
        out.push(markParameter(this.#parameters.get(token.start) ?? 0));
        return at + 1;
      case "system-variable":
        out.push(this.#context.systemVariable(token.value));
        return at + 1;
      case "user-variable":
        out.push(this.#context.userVariable(token.value));
        return at + 1;
      case "operator":
        return this.#operator(passage, at, token);
      case "name":
        return this.#argumentsBehind(passage, translateName(passage, at));
      case "word":
        return this.#argumentsBehind(passage, translateWord(passage, at));
    }
  }

  #string({ out, end, context }: Passage, at: number): number {
    let value = "";
    const like = this.#tokens[at - 1]?.upper === "LIKE";
    // "a" 'b' is one string.
    while (at < end && this.#tokens[at]?.kind === "string") value += this.#tokens[at++]?.value ?? "";
    out.push(context.rawBytes ? quoteRaw(value) : quoteString(value));
    if (like && value.includes("\\") && this.#tokens[at]?.upper !== "ESCAPE") out.push("ESCAPE '\\'");
    return at;
  }

  #operator(passage: Passage, at: number, { value, start }: Token): number {
    const { out, end } = passage;
    switch (value) {
      case "(":
        return this.#parentheses(passage, at, start);
      case "||":
        out.push("OR");
        return at + 1;
      case "&&":
        out.push("AND");
        return at + 1;
      case "<=>":
        out.push("IS");
        return at + 1;
      case "!":
        out.push("NOT");
        return at + 1;
      case "/":
        // MySQL's division never drops the fraction.
        out.push("* 1.0 /");
        return at + 1;
      case "+":
      case "-":
        if (this.#tokens[at + 1]?.upper === "INTERVAL" && out.length > 0) {
          const interval = readInterval(passage, at + 2, end, value);
          out.push(shiftDate(out.pop() ?? "", interval));
          return interval.next;
        }
        out.push(value);
        return at + 1;
      default:
        out.push(value);
        return at + 1;
    }
  }

  /** Translates what stands in the parentheses that open at `at`. */
  #parentheses({ out, end, depth }: Passage, at: number, start: number): number {
    const close = this.#partner[at] ?? -1;
    if (close < 0 || close >= end) throw syntaxError(this.#context.source.slice(start));
    // Parentheses around the outermost statement keep its depth: the select list may be inside one.
    out.push(`(${this.#passage(at + 1, close, this.#holdsSelectList(at, close) ? depth : depth + 1)})`);
    return close + 1;
  }

  /** Whether the select list lies between two parentheses. All of it does, or none. */
  #holdsSelectList(open: number, close: number): boolean {
    const [first] = this.#aliases.keys();
    return first !== undefined && first > open && first < close;
  }

  /** Joins the parenthesis that touches a name to it: a function that goes through is one operand with its arguments. */
  #argumentsBehind(passage: Passage, at: number): number {
    const { out, end } = passage;
    const open = at < end ? this.#tokens[at] : undefined;
    const name = this.#tokens[at - 1];
    if (open === undefined || !isOperator(open, "(") || !isName(name) || out.length === 0) return at;
    if (open.start < 0 || open.start !== name.end) return at;
    const next = this.#parentheses(passage, at, open.start);
    const inner = out.pop() ?? "";
    out.push((out.pop() ?? "") + inner);
    return next;
  }
}

/** Translates a statement that SQLite runs itself: SELECT, INSERT, UPDATE, DELETE and their kin. @throws {SqlError} */
export function translate(tokens: readonly Token[], context: TranslationContext): Translation {
  return new Translator(tokens, context).translate();
}
