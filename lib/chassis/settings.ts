/**
 * The value of every option and where it came from. One rule of precedence for all types: the built-in default, then a
 * default that a plugin set, then the config file, then the command line.
 *
 * @module
 */
import type { OptionDefinition, OptionValue, OptionValues } from "../plugin/mod.ts";
import type { GivenTexts } from "./command_line.ts";
import type { ConfigFile } from "./config_file.ts";
import { checkValue, parseTexts, resolvePaths, ValueError } from "./option_value.ts";
import type { OptionSet } from "./option_set.ts";

/** Where a value came from. */
export type Origin = "default" | "plugin" | "file" | "command line";

/** What {@linkcode Settings} reads from. */
export interface SettingsSources {
  readonly set: OptionSet;
  readonly commandLine: GivenTexts;
  readonly file: ConfigFile | undefined;
  /** Against what relative paths are made absolute; asked only when there is one. */
  readonly basedir: () => string;
}

/** The parsed values, as plugins see them in {@linkcode Settings.values}. */
export class Settings {
  readonly #set: OptionSet;
  readonly #basedir: () => string;
  readonly #values = new Map<string, OptionValue>();
  readonly #origins = new Map<string, Origin>();

  /** @throws {ChassisError} if a given value does not fit its option. */
  constructor({ set, commandLine, file, basedir }: SettingsSources) {
    this.#set = set;
    this.#basedir = basedir;
    for (const option of set.all) {
      this.#store(option, option.default, "default");
      const fromFile = option.commandLineOnly ? undefined : file?.read(option);
      if (fromFile !== undefined) this.#store(option, fromFile, "file");
      const texts = commandLine.get(option.name);
      if (texts !== undefined) this.#store(option, parseGiven(option, texts), "command line");
    }
  }

  /** Live: a later {@linkcode setDefault} shows. */
  get values(): OptionValues {
    return this.#values;
  }

  /** Where the value of `name` came from; `undefined` if there is no such option. */
  originOf(name: string): Origin | undefined {
    return this.#origins.get(name);
  }

  /**
   * Replaces the default of an option, unless the user gave a value or no loaded plugin has such an option.
   *
   * @returns whether the value was taken.
   * @throws {ChassisError} if the value does not fit the option's definition.
   */
  setDefault(name: string, value: OptionValue): boolean {
    const option = this.#set.get(name);
    const origin = this.#origins.get(name);
    if (option === undefined || origin === "file" || origin === "command line") return false;
    try {
      this.#store(option, checkValue(option, value), "plugin");
    } catch (error) {
      if (error instanceof ValueError) throw error.at(`The default of option "--${name}"`, "plugin");
      throw error;
    }
    return true;
  }

  #store(option: OptionDefinition, value: OptionValue, origin: Origin): void {
    this.#values.set(option.name, resolvePaths(option, value, this.#basedir));
    this.#origins.set(option.name, origin);
  }
}

function parseGiven(option: OptionDefinition, texts: readonly string[]): OptionValue {
  try {
    return parseTexts(option, texts);
  } catch (error) {
    if (error instanceof ValueError) throw error.at(`Option "--${option.name}"`, "usage");
    throw error;
  }
}
