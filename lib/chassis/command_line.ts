/**
 * The command line: GLib's rules as the original's users know them (spec section 1.1), and strict.
 *
 * - `--name=value`, `--name value`, `-n value`, `-nvalue`; a flag takes no value, or `=true` and `=false`.
 * - Letters of flags may be joined (`-xy`); the last one may have a value.
 * - A value that begins with a dash has to be joined by `=`, except a negative number. So an option whose value was
 *   forgotten never takes the next option for it.
 * - `--` ends the options. Other words are handed to the option that is marked `positional`.
 *
 * Every argument is first brought into the form `--option-NAME=VALUE`; `parseArgs` of the standard library then tells
 * known from unknown and collects. It is not given the arguments as they are: it would read `-Phost` as five flags,
 * `--no-proxy=true` as the option `proxy`, and could not tell a missing value from an empty one.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import type { OptionDefinition } from "../plugin/mod.ts";
import { ChassisError } from "./chassis_error.ts";
import type { OptionSet } from "./option_set.ts";
import { placeholderOf } from "./option_value.ts";

/** Keeps `parseArgs` from seeing a name that begins with `no-`. */
const PREFIX = "option-";

/** What was given for each option, by name, in the order of the command line. */
export type GivenTexts = ReadonlyMap<string, readonly string[]>;

/** Whether unknown options and stray words are errors, or are left for a later pass. */
export type Strictness = "strict" | "lenient";

/**
 * Collects what the command line gives for the options of `set`.
 *
 * @throws {ChassisError} on a missing value or, when `strict`, an unknown option or a word that nobody takes.
 */
export function parseCommandLine(args: readonly string[], set: OptionSet, strictness: Strictness): GivenTexts {
  const names = set.all.map((option) => option.name);
  const parsed: unknown = parseArgs([...normalise(args, set, strictness)], {
    string: [...names.map((name) => PREFIX + name), "_"],
    collect: names.map((name) => PREFIX + name),
    unknown: (arg: string, key?: string) => {
      if (key === undefined) return true;
      if (strictness === "strict") {
        const name = arg.slice(`--${PREFIX}`.length).replace(/=.*$/s, "");
        throw new ChassisError("usage", `Unknown option "--${name}"${set.hint(name, "--")}`);
      }
      return false;
    },
  });

  const given = new Map<string, string[]>();
  for (const name of names) {
    const texts = stringsOf(parsed, PREFIX + name);
    if (texts.length > 0) given.set(name, texts);
  }
  const words = stringsOf(parsed, "_");
  const positional = set.positional;
  if (words.length > 0 && positional !== undefined) {
    given.set(positional.name, [...given.get(positional.name) ?? [], ...words]);
  } else if (words.length > 0 && strictness === "strict") {
    throw new ChassisError("usage", `Unexpected argument "${words[0]}": options begin with "--", see "--help"`);
  }
  return given;
}

/** Turns every option into `--option-NAME=VALUE`; what is unknown stays for `parseArgs` to find. */
function* normalise(args: readonly string[], set: OptionSet, strictness: Strictness): Generator<string> {
  let at = 0;
  const takeNext = (): string | undefined => {
    const next = args[at];
    if (next === undefined || (next.startsWith("-") && !/^-(\d|$)/.test(next))) return undefined;
    at++;
    return next;
  };
  while (at < args.length) {
    const arg = args[at++] ?? "";
    if (arg === "--") {
      yield* args.slice(at - 1);
      return;
    }
    if (arg.startsWith("--")) {
      yield normaliseLong(arg, set, takeNext);
    } else if (arg.startsWith("-") && arg !== "-") {
      yield* normaliseShort(arg, set, strictness, takeNext);
    } else {
      yield arg;
    }
  }
}

function normaliseLong(arg: string, set: OptionSet, takeNext: () => string | undefined): string {
  const given = arg.slice(2);
  if (given.includes("=")) return `--${PREFIX}${given}`;
  const option = set.get(given);
  if (option === undefined) return `--${PREFIX}${given}=`;
  return `--${PREFIX}${given}=${option.type === "flag" ? "true" : takeNext() ?? failForValue(arg, option)}`;
}

function* normaliseShort(
  arg: string,
  set: OptionSet,
  strictness: Strictness,
  takeNext: () => string | undefined,
): Generator<string> {
  for (let i = 1; i < arg.length; i++) {
    const letter = arg.charAt(i);
    const option = set.getShort(letter === "h" && set.getShort("h") === undefined ? "?" : letter);
    if (option === undefined) {
      // What follows may be this option's value, so a lenient pass must not look into it.
      if (strictness === "lenient") return;
      throw new ChassisError("usage", `Unknown option "-${letter}" in "${arg}", see "--help"`);
    }
    const rest = arg.slice(i + 1);
    if (option.type !== "flag") {
      const joined = rest.startsWith("=") ? rest.slice(1) : rest || undefined;
      yield `--${PREFIX}${option.name}=${joined ?? takeNext() ?? failForValue(`-${letter}`, option)}`;
      return;
    }
    if (rest.startsWith("=")) {
      yield `--${PREFIX}${option.name}${rest}`;
      return;
    }
    yield `--${PREFIX}${option.name}=true`;
  }
}

function failForValue(given: string, option: OptionDefinition): never {
  const example = `--${option.name}=${placeholderOf(option)}`;
  throw new ChassisError("usage", `Option "${given}" needs a value, as in "${example}"`);
}

/** The strings that `parseArgs` collected under `name`; it has no types of its own. */
function stringsOf(parsed: unknown, name: string): string[] {
  if (typeof parsed !== "object" || parsed === null) return [];
  const found: unknown = Object.getOwnPropertyDescriptor(parsed, name)?.value;
  return Array.isArray(found) ? found.map(String) : [];
}
