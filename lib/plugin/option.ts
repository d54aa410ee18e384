/**
 * Typed option definitions.
 *
 * An option is written down once. Command-line parsing, the config file, `--help` and the README's table all read
 * the same definition, so they cannot disagree.
 *
 * @module
 */

interface Described {
  /** Long name without dashes; also the key in the config file. */
  readonly name: string;
  /** One letter, used as `-b`. */
  readonly short?: string;
  /** One line for `--help`, a sentence without a full stop. */
  readonly text: string;
  /** What `--help` shows as the default where the value depends on the machine. */
  readonly defaultText?: string;
  /** What the value is called in `--help`, e.g. `HOST:PORT`. */
  readonly placeholder?: string;
  /** The release in which the option appeared; the original's options say `0.8` or earlier. */
  readonly since: string;
  /** The option makes no sense in a config file (`--help`, `--defaults-file`). */
  readonly commandLineOnly?: true;
  /** The value is a password: the file that holds it must not be readable by others, and it is never printed. */
  readonly secret?: true;
}

/**
 * One option. `path` values are made absolute against the base directory; `seconds` may have fractions; a `list` that is
 * `positional` also takes the words of the command line that belong to no option, behind the values given by name. The
 * paths of a `path-list` that is `keyed` may stand behind a key and `=`.
 */
export type OptionDefinition =
  & Described
  & (
    | { readonly type: "flag"; readonly default: boolean }
    | { readonly type: "string"; readonly default?: string }
    | { readonly type: "path"; readonly default?: string }
    | { readonly type: "choice"; readonly choices: readonly string[]; readonly default: string }
    | { readonly type: "integer"; readonly default: number; readonly minimum?: number; readonly maximum?: number }
    | { readonly type: "seconds"; readonly default: number; readonly minimum?: number; readonly maximum?: number }
    | { readonly type: "list"; readonly default: readonly string[]; readonly positional?: true }
    | { readonly type: "path-list"; readonly default: readonly string[]; readonly keyed?: true }
  );

/** What an option can hold once it is parsed; `undefined` for a string or path that has no default and was not given. */
export type OptionValue = boolean | number | string | readonly string[] | undefined;

type ValueOf<Definition extends OptionDefinition> = Definition extends { type: "flag" } ? boolean
  : Definition extends { type: "integer" | "seconds" } ? number
  : Definition extends { type: "list" | "path-list" } ? readonly string[]
  : Definition extends { type: "choice"; choices: readonly (infer Choice)[] } ? Choice
  : Definition extends { default: string } ? string
  : string | undefined;

/** The record of parsed values that belongs to a list of definitions. */
export type ValuesOf<Definitions extends readonly OptionDefinition[]> = {
  readonly [Definition in Definitions[number] as Definition["name"]]: ValueOf<Definition>;
};

/** All parsed values by option name, of the chassis and every loaded plugin. */
export type OptionValues = ReadonlyMap<string, OptionValue>;

/** Keeps the literal types of a list of definitions, so that {@linkcode valuesOf} can derive the record's type. */
export function defineOptions<const Definitions extends readonly OptionDefinition[]>(
  definitions: Definitions,
): Definitions {
  return definitions;
}

/**
 * Picks the values of `definitions` out of all parsed values.
 *
 * @throws {TypeError} if `all` has no entry for a definition, i.e. the definitions were never parsed.
 */
export function valuesOf<const Definitions extends readonly OptionDefinition[]>(
  definitions: Definitions,
  all: OptionValues,
): ValuesOf<Definitions> {
  const picked: Record<string, OptionValue> = {};
  for (const { name } of definitions) {
    if (!all.has(name)) throw new TypeError(`Option "${name}" was never parsed`);
    picked[name] = all.get(name);
  }
  // The parser guarantees each value's type from the same definition; the type system cannot see through the map.
  return picked as ValuesOf<Definitions>;
}
