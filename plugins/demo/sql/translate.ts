/**
 * Turns one MySQL statement into SQLite's dialect, token by token.
 *
 * It is not a parser: names, literals, operators and function calls are rewritten where they stand, everything else
 * goes through, and SQLite says what it cannot read. Each token is looked at once per pass.
 *
 * @module
 */
import { encodeText } from "../../../lib/protocol/text.ts";
import { type FunctionContext, FUNCTIONS } from "./functions.ts";
import { endsOperand, isDropped, isName, isOperator, nameItems, UNITS } from "./item_names.ts";
import {
  markParameter,
  quoteBytes,
  quoteName,
  quoteRaw,
  quoteString,
  rawBytesOf,
  resolveParameters,
} from "./quoting.ts";
import { noDatabase, syntaxError } from "./sql_error.ts";
import { matchParentheses, type Token } from "./token.ts";

/** What a translated statement needs to know of the session that runs it. */
export interface TranslationContext extends FunctionContext {
  /** The text that the tokens were cut from. */
  readonly source: string;
  /** The text holds one character per byte, because its bytes are not UTF-8. */
  readonly rawBytes: boolean;
  /** The value of `@@name` as a SQL literal. @throws {SqlError} 1193 */
  systemVariable(name: string): string;
  /** The value of `@name` as a SQL literal. */
  userVariable(name: string): string;
}

/** A statement that SQLite can prepare. */
export interface Translation {
  readonly sql: string;
  /** For each `?` in {@linkcode Translation.sql}, which of the client's parameters goes there, from 0. */
  readonly parameters: readonly number[];
  /** How many parameters the client's statement has. */
  readonly parameterCount: number;
  /** Whether a virtual schema's tables (`information_schema`) must be brought up to date first. */
  readonly schemas: boolean;
}

/** Words that SQLite reserves and MySQL allows as names. */
const QUOTED_WORDS = new Set([
  "AUTOINCREMENT",
  "DEFERRABLE",
  "INDEXED",
  "NOTHING",
  "RETURNING",
  "TRANSACTION",
]);

/** The schemas that live in temporary tables named `schema.TABLE`. */
const VIRTUAL_SCHEMAS = new Set(["information_schema", "performance_schema"]);

class Translator {
  readonly #tokens: readonly Token[];
  readonly #partner: Int32Array;
  readonly #context: TranslationContext;
  /** The client's parameters by their place in the source: a rewritten statement may have them in another order. */
  readonly #parameters: ReadonlyMap<number, number>;
  #schemas = false;
  /** Offsets of the statement's select list, where items without an alias get their text as a name. */
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
    const marked = this.emit(0, this.#tokens.length, 0);
    const { sql, parameters } = resolveParameters(marked);
    return { sql, parameters, parameterCount: this.#parameters.size, schemas: this.#schemas };
  }

  /** Translates the tokens from `start` to `end`. `depth` counts nested function calls. */
  emit(start: number, end: number, depth: number): string {
    if (depth > 200) throw syntaxError("(");
    // One piece per operand, so that an INTERVAL can wrap the operand before it.
    const out: string[] = [];
    let at = start;
    while (at < end) {
      const next = this.#emitOne(at, end, depth, out);
      const alias = this.#aliases.get(next - 1);
      if (alias !== undefined && depth === 0) out.push(`AS ${quoteName(alias)}`);
      at = next;
    }
    return out.join(" ");
  }

  /** Translates what begins at `at` and returns where the next piece begins. */
  #emitOne(at: number, end: number, depth: number, out: string[]): number {
    const tokens = this.#tokens;
    const token = tokens[at];
    if (token === undefined) return at + 1;
    switch (token.kind) {
      case "string":
        return this.#emitString(at, end, out);
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
        return this.#emitOperator(at, end, depth, out);
      case "name":
        return this.#emitCall(this.#emitChain(at, end, out), end, depth, out);
      case "word":
        return this.#emitCall(this.#emitWord(at, end, depth, out), end, depth, out);
    }
  }

  /** Joins the parenthesis that touches a name to it: a function that goes through is one operand with its arguments. */
  #emitCall(at: number, end: number, depth: number, out: string[]): number {
    const open = at < end ? this.#tokens[at] : undefined;
    const name = out.at(-1);
    if (open === undefined || name === undefined || !isOperator(open, "(")) return at;
    if (open.start < 0 || open.start !== this.#tokens[at - 1]?.end) return at;
    if (!isName(this.#tokens[at - 1])) return at;
    const inner: string[] = [];
    const next = this.#emitOperator(at, end, depth, inner);
    out[out.length - 1] = name + inner.join("");
    return next;
  }

  #emitString(at: number, end: number, out: string[]): number {
    let value = "";
    const like = this.#tokens[at - 1]?.upper === "LIKE";
    // "a" 'b' is one string.
    while (at < end && this.#tokens[at]?.kind === "string") value += this.#tokens[at++]?.value ?? "";
    out.push(this.#context.rawBytes ? quoteRaw(value) : quoteString(value));
    if (like && value.includes("\\") && this.#tokens[at]?.upper !== "ESCAPE") out.push("ESCAPE '\\'");
    return at;
  }

  #emitOperator(at: number, end: number, depth: number, out: string[]): number {
    const token = this.#tokens[at];
    switch (token?.value) {
      case "(": {
        const close = this.#partner[at] ?? -1;
        if (close < 0 || close >= end) throw syntaxError(this.#context.source.slice(token.start));
        // Nested parentheses of the outermost statement keep depth 0: the select list may be inside one.
        const inner = this.emit(at + 1, close, this.#aliasInside(at, close) ? depth : depth + 1);
        out.push(`(${inner})`);
        return close + 1;
      }
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
          const { modifier, next, dateOnly } = this.interval(at + 2, end, token.value, depth);
          const operand = out.pop() ?? "";
          out.push(shiftDate(operand, modifier, dateOnly));
          return next;
        }
        out.push(token.value);
        return at + 1;
      default:
        out.push(token?.value ?? "");
        return at + 1;
    }
  }

  /** Whether the select list lies between two parentheses. All of it does, or none. */
  #aliasInside(open: number, close: number): boolean {
    const [first] = this.#aliases.keys();
    return first !== undefined && first > open && first < close;
  }

  /** Reads the amount and unit of an INTERVAL whose amount begins at `at`. */
  interval(at: number, end: number, sign: string, depth: number) {
    for (let unitAt = at; unitAt < end; unitAt++) {
      const unit = UNITS[this.#tokens[unitAt]?.upper ?? ""];
      const partner = this.#partner[unitAt] ?? -1;
      if (partner > unitAt) unitAt = partner;
      else if (unit !== undefined && unitAt > at) {
        const amount = this.emit(at, unitAt, depth + 1);
        const factor = (sign === "-" ? -1 : 1) * unit[1];
        return {
          // A month later than 31 January is the last of February, not the second of March.
          modifier: `((${amount}) * ${factor}) || ' ${unit[0]}'${
            unit[0] === "months" || unit[0] === "years" ? ", 'floor'" : ""
          }`,
          next: unitAt + 1,
          dateOnly: unit[0] !== "seconds" && unit[0] !== "minutes" && unit[0] !== "hours",
        };
      }
    }
    throw syntaxError(this.#context.source.slice(this.#tokens[at - 1]?.start ?? 0));
  }

  #emitWord(at: number, end: number, depth: number, out: string[]): number {
    const tokens = this.#tokens;
    const token = tokens[at];
    if (token === undefined) return at + 1;
    const following = at + 1 < end ? tokens[at + 1] : undefined;
    if (isOperator(following, ".")) return this.#emitChain(at, end, out);
    if (isOperator(following, "(")) {
      const close = this.#partner[at + 1] ?? -1;
      if (close < 0 || close >= end) throw syntaxError(this.#context.source.slice(token.start));
      const make = FUNCTIONS.get(token.upper);
      const infix = token.upper === "MOD" && endsOperand(tokens[at - 1]);
      if (make !== undefined && !infix) {
        const made = make(this.#call(at, close, depth), this.#context);
        if (made !== undefined) {
          out.push(made);
          return close + 1;
        }
      }
    }
    switch (token.upper) {
      case "DIV":
        out.push("/");
        return at + 1;
      case "MOD":
        out.push("%");
        return at + 1;
      case "DUAL":
        if (out.at(-1) === "FROM") {
          out.pop();
          return at + 1;
        }
        break;
      case "FROM":
        out.push("FROM");
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
        if (following?.kind === "string" && following.start === token.end) return at + 1;
        break;
      case "_BINARY":
        if (following?.kind === "string") {
          out.push(quoteBytes(this.#context.rawBytes ? rawBytesOf(following.value) : encodeText(following.value)));
          return at + 2;
        }
        break;
      case "FOR":
        if (following?.upper === "UPDATE" || following?.upper === "SHARE") return this.#skipLocking(at + 2, end);
        break;
      case "LOCK":
        if (following?.upper === "IN") return Math.min(at + 4, end);
        break;
      case "USE":
      case "FORCE":
      case "IGNORE":
        if (following?.upper === "INDEX" || following?.upper === "KEY") {
          let open = at + 2;
          while (open < end && !isOperator(tokens[open], "(")) open++;
          return (this.#partner[open] ?? open) + 1;
        }
        break;
      case "TRUE":
      case "FALSE":
      case "NULL":
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
        const made = FUNCTIONS.get(token.upper)?.({
          args: [],
          order: "",
          separator: undefined,
          distinct: false,
          interval: undefined,
          cast: "",
        }, this.#context);
        if (made !== undefined) {
          out.push(made);
          return at + 1;
        }
        break;
      }
    }
    if (isDropped(tokens, at)) return at + 1;
    return this.#emitChain(at, end, out);
  }

  /** Skips `OF t`, `NOWAIT` and `SKIP LOCKED` after a locking clause. */
  #skipLocking(at: number, end: number): number {
    if (this.#tokens[at]?.upper === "OF") at += 2;
    while (at < end && ["NOWAIT", "SKIP", "LOCKED"].includes(this.#tokens[at]?.upper ?? "")) at++;
    return at;
  }

  /** Translates the arguments of the call whose name is at `at`, with the words that some functions have among them. */
  #call(at: number, close: number, depth: number) {
    const args: string[] = [];
    let order = "";
    let separator: string | undefined;
    let distinct = false;
    let interval: { modifier: string; dateOnly: boolean } | undefined;
    let cast = "";
    let start = at + 2;
    if (this.#tokens[start]?.upper === "DISTINCT") {
      distinct = true;
      start++;
    }
    const finish = (from: number, to: number) => {
      if (to <= from) return;
      if (this.#tokens[from]?.upper === "INTERVAL") interval = this.interval(from + 1, to, "+", depth);
      else args.push(this.emit(from, to, depth + 1));
    };
    for (let here = start; here <= close; here++) {
      const token = this.#tokens[here];
      const partner = this.#partner[here] ?? -1;
      if (here === close) finish(start, here);
      else if (partner > here) here = partner;
      else if (isOperator(token, ",")) {
        finish(start, here);
        start = here + 1;
      } else if (token?.upper === "ORDER" && this.#tokens[here + 1]?.upper === "BY") {
        finish(start, here);
        let stop = here;
        while (stop < close && this.#tokens[stop]?.upper !== "SEPARATOR") stop++;
        order = this.emit(here + 2, stop, depth + 1);
        start = stop;
        here = stop - 1;
      } else if (token?.upper === "SEPARATOR") {
        finish(start, here);
        separator = quoteString(this.#tokens[here + 1]?.value ?? ",");
        start = close;
      } else if (
        (token?.upper === "AS" || token?.upper === "USING") && /^(CAST|CONVERT)$/.test(this.#tokens[at]?.upper ?? "")
      ) {
        finish(start, here);
        cast = token.upper === "USING" ? "USING" : this.#tokens[here + 1]?.upper ?? "";
        start = close;
      } else if (token?.upper === "FROM" || (token?.upper === "FOR" && this.#tokens[at]?.upper === "SUBSTRING")) {
        // SUBSTRING(x FROM 2 FOR 3), EXTRACT(YEAR FROM x), TRIM(BOTH 'x' FROM y).
        finish(start, here);
        start = here + 1;
      }
    }
    return { args, order, separator, distinct, interval, cast };
  }

  /** A name with its qualifiers; those that name the one database, or a virtual schema, are resolved here. */
  #emitChain(at: number, end: number, out: string[]): number {
    const tokens = this.#tokens;
    const parts: Token[] = [];
    let star = false;
    const first = tokens[at];
    if (first === undefined) return at + 1;
    parts.push(first);
    at++;
    while (at + 1 <= end && isOperator(tokens[at], ".") && at + 1 < end) {
      const part = tokens[at + 1];
      if (isOperator(part, "*")) star = true;
      else if (isName(part)) parts.push(part);
      else break;
      at += 2;
      if (star) break;
    }
    const names = parts.map((part) => part.value);
    const schema = names[0]?.toLowerCase() ?? "";
    if (names.length + (star ? 1 : 0) > 1) {
      if (VIRTUAL_SCHEMAS.has(schema)) {
        if (names.length === 2 && !star) return this.#emitVirtual(schema, names[1] ?? "", at, end, out);
        names.shift();
      } else if (schema === this.#context.mainDatabase.toLowerCase()) names.shift();
    } else if (
      VIRTUAL_SCHEMAS.has(this.#context.database?.toLowerCase() ?? "") && /^(FROM|JOIN)$/i.test(out.at(-1) ?? "")
    ) {
      return this.#emitVirtual(this.#context.database?.toLowerCase() ?? "", names[0] ?? "", at, end, out);
    }
    const single = parts.length === 1 && !star;
    if (single && this.#context.database === undefined && this.#namesTable(out)) throw noDatabase();
    if (single && first.kind === "word") {
      // A word with a dollar sign would be a parameter to SQLite.
      const quoted = QUOTED_WORDS.has(first.upper) || first.value.includes("$");
      out.push(quoted ? quoteName(first.value) : first.value);
    } else out.push(names.map(quoteName).join(".") + (star ? ".*" : ""));
    return at;
  }

  /** Whether what comes next must be a table. Names that WITH has defined look the same, so it must not be there. */
  #namesTable(out: readonly string[]): boolean {
    return /^(FROM|JOIN|INTO|UPDATE)$/i.test(out.at(-1) ?? "") && this.#tokens[0]?.upper !== "WITH";
  }

  #emitVirtual(schema: string, table: string, at: number, end: number, out: string[]): number {
    this.#schemas = true;
    out.push(`temp.${quoteName(`${schema}.${table.toUpperCase()}`)}`);
    const following = at < end ? this.#tokens[at] : undefined;
    const named = following?.kind === "name" || following?.upper === "AS" ||
      (following?.kind === "word" &&
        !/^(WHERE|ORDER|GROUP|LIMIT|LEFT|RIGHT|INNER|JOIN|ON|USING|CROSS|NATURAL|UNION|HAVING|FOR)$/.test(
          following.upper,
        ));
    if (!named) out.push(`AS ${quoteName(table)}`);
    return at;
  }
}

/** `operand + INTERVAL …`; whole days added to a date give a date. */
export function shiftDate(operand: string, modifier: string, dateOnly: boolean): string {
  const isDate = /^(date\(|'\d{4}-\d\d-\d\d'$)/.test(operand);
  return `${dateOnly && isDate ? "date" : "datetime"}(${operand}, ${modifier})`;
}

/** Translates a statement that SQLite runs itself: SELECT, INSERT, UPDATE, DELETE and their kin. */
export function translate(tokens: readonly Token[], context: TranslationContext): Translation {
  return new Translator(tokens, context).translate();
}
