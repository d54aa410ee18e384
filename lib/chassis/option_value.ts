/**
 * From what a person wrote to the value of an option, by its definition. One set of rules for the command line and both
 * config formats.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import type { OptionDefinition, OptionValue } from "../plugin/mod.ts";
import { ChassisError, type ChassisErrorCode } from "./chassis_error.ts";

/** What is wrong with a value, in words that follow the option's name, e.g. `must be an integer, got "x"`. */
export class ValueError extends Error {
  override readonly name = "ValueError";

  /** The same as an error for the person who wrote the value. `where` names the option and its place. */
  at(where: string, code: ChassisErrorCode): ChassisError {
    return new ChassisError(code, `${where} ${this.message}`, { cause: this });
  }
}

/** Whether the option holds any number of values. */
export function isList(definition: OptionDefinition): boolean {
  return definition.type === "list" || definition.type === "path-list";
}

/** Splits `a, b,,c` into its elements; blanks around them and empty elements do not count. */
export function splitList(text: string): string[] {
  return text.split(",").map((element) => element.trim()).filter((element) => element !== "");
}

/**
 * Reads the texts that were given for one option, in order. Lists take all of them, other types the last.
 *
 * @throws {ValueError} if the text does not fit the type.
 */
export function parseTexts(definition: OptionDefinition, texts: readonly string[]): OptionValue {
  if (isList(definition)) return texts.flatMap(splitList);
  const text = texts.at(-1) ?? "";
  switch (definition.type) {
    case "flag":
      if (text === "true" || text === "1") return true;
      if (text === "false" || text === "0") return false;
      throw new ValueError(`must be true or false, got ${quote(definition, text)}`);
    case "integer":
      if (!/^[+-]?\d+$/.test(text)) throw new ValueError(`must be an integer, got ${quote(definition, text)}`);
      return checkValue(definition, Number(text));
    case "seconds":
      if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) {
        throw new ValueError(`must be a number of seconds, got ${quote(definition, text)}`);
      }
      return checkValue(definition, Number(text));
    default:
      return checkValue(definition, text);
  }
}

/**
 * Checks a value that already has a type: from a TOML file or from a plugin.
 *
 * @throws {ValueError} if it does not fit the definition.
 */
export function checkValue(definition: OptionDefinition, value: unknown): OptionValue {
  switch (definition.type) {
    case "flag":
      if (typeof value === "boolean") return value;
      throw new ValueError(`must be true or false, got ${quote(definition, value)}`);
    case "integer":
      if (typeof value !== "number" || !Number.isSafeInteger(value)) {
        throw new ValueError(`must be an integer, got ${quote(definition, value)}`);
      }
      return checkRange(definition, value);
    case "seconds":
      if (typeof value !== "number" || !Number.isFinite(value)) {
        throw new ValueError(`must be a number of seconds, got ${quote(definition, value)}`);
      }
      return checkRange(definition, value);
    case "choice":
      if (typeof value === "string" && definition.choices.includes(value)) return value;
      throw new ValueError(`must be one of ${definition.choices.join(", ")}, got ${quote(definition, value)}`);
    case "list":
    case "path-list": {
      if (typeof value === "string") return splitList(value);
      const elements: unknown[] | undefined = Array.isArray(value) ? value : undefined;
      if (elements?.every((element) => typeof element === "string")) return elements.flatMap(splitList);
      throw new ValueError(`must be a list of strings, got ${quote(definition, value)}`);
    }
    case "path":
      if (value === "") throw new ValueError("must not be empty");
      if (typeof value === "string") return value;
      throw new ValueError(`must be a path in quotes, got ${quote(definition, value)}`);
    case "string":
      if (typeof value === "string") return value;
      throw new ValueError(`must be a string in quotes, got ${quote(definition, value)}`);
  }
}

/** Makes the paths in `value` absolute against `basedir`; values of other types stay as they are. */
export function resolvePaths(definition: OptionDefinition, value: OptionValue, basedir: () => string): OptionValue {
  const resolve = (path: string) => isAbsolute(path) ? path : join(basedir(), path);
  if (definition.type === "path" && typeof value === "string") return resolve(value);
  if (definition.type === "path-list" && typeof value === "object") {
    return value.map((item) => {
      const key = definition.keyed ? /^[^=]*=/.exec(item)?.[0] ?? "" : "";
      return key + resolve(item.slice(key.length));
    });
  }
  return value;
}

/** The value as `--help` shows it; `undefined` if there is nothing worth showing. */
export function defaultText(definition: OptionDefinition): string | undefined {
  if (definition.defaultText !== undefined) return definition.defaultText;
  if (definition.secret || definition.type === "flag" || definition.default === undefined) return undefined;
  const value = definition.default;
  return typeof value === "object" ? value.join(",") || undefined : String(value);
}

/** What the option's value is called in help, e.g. `FILE`. */
export function placeholderOf({ placeholder, type }: OptionDefinition): string {
  return placeholder ?? PLACEHOLDERS[type] ?? "VALUE";
}

const PLACEHOLDERS: Readonly<Partial<Record<OptionDefinition["type"], string>>> = {
  integer: "N",
  seconds: "SECONDS",
  path: "FILE",
  "path-list": "FILE,...",
};

type Ranged = Extract<OptionDefinition, { type: "integer" | "seconds" }>;

function checkRange(definition: Ranged, value: number): number {
  const { minimum = -Infinity, maximum = Infinity } = definition;
  if (value < minimum) throw new ValueError(`must be at least ${minimum}, got ${quote(definition, value)}`);
  if (value > maximum) throw new ValueError(`must be at most ${maximum}, got ${quote(definition, value)}`);
  return value;
}

function quote(definition: OptionDefinition, value: unknown): string {
  if (definition.secret) return "something else";
  return typeof value === "bigint" ? String(value) : JSON.stringify(value) ?? String(value);
}
