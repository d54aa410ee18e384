/**
 * What a translation is made from and what comes out of it.
 *
 * @module
 */
import type { FunctionContext } from "./functions.ts";
import type { Token } from "./token.ts";
import type { Value } from "./value_type.ts";

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

/** The client's values in the order in which the translated text asks for them. */
export function chooseValues({ parameters }: Translation, values: readonly Value[]): Value[] {
  return parameters.map((index) => values[index] ?? null);
}

/**
 * A stretch of a statement while it is being translated: the whole, or what stands between two parentheses.
 *
 * A function that translates a piece of it takes the place where the piece begins, adds to {@linkcode Passage.out}, and
 * returns the place where the next piece begins.
 */
export interface Passage {
  /** The tokens of the whole statement. */
  readonly tokens: readonly Token[];
  /** For each token that is a parenthesis, the place of its partner. */
  readonly partner: Int32Array;
  readonly context: TranslationContext;
  /** The place behind the last token of the passage. */
  readonly end: number;
  /** How many passages stand around this one. */
  readonly depth: number;
  /** One piece per operand, so that an INTERVAL can wrap the operand before it. */
  readonly out: string[];
  /** Translates a passage inside of this one, from one place to another. */
  inner(start: number, end: number): string;
  /** Tells that the statement reads a virtual schema. */
  needSchemas(): void;
}
