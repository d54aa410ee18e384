/**
 * The file behind `--defaults-file`: TOML, or the original's ini dialect.
 *
 * The extension tells which: `.toml` is TOML; `.cnf`, `.ini` and `.conf` are ini. Any other file is TOML if a value in it
 * begins with a quote or is an array of quoted values, else ini. (A file without either means the same in both, but for
 * `1` and `0`, which are truth values in ini only.)
 *
 * @module
 */
import { extname } from "node:path";
import type { OptionDefinition, OptionValue } from "../plugin/mod.ts";
import { ChassisError, reasonOf } from "./chassis_error.ts";
import type { ConfigEntry } from "./config_entry.ts";
import { parseIni } from "./ini_config.ts";
import type { OptionSet } from "./option_set.ts";
import { checkValue, parseTexts, ValueError } from "./option_value.ts";
import { parseToml } from "./toml_config.ts";

/** The format of a config file. */
export type ConfigFormat = "toml" | "ini";

const FORMAT_BY_EXTENSION: Readonly<Record<string, ConfigFormat>> = {
  ".toml": "toml",
  ".cnf": "ini",
  ".ini": "ini",
  ".conf": "ini",
};

const TOML_VALUE = /^[ \t]*["'\w.-]+[ \t]*=[ \t]*(?:["']|\[[ \t]*(?:["'\]#]|$))/m;

/** Tells the format by the extension of `path`, else by the file's text. */
export function formatOf(path: string, text: string): ConfigFormat {
  return FORMAT_BY_EXTENSION[extname(path).toLowerCase()] ?? (TOML_VALUE.test(text) ? "toml" : "ini");
}

/** A config file that has been read. Which keys are known shows only when the plugins are loaded. */
export class ConfigFile {
  readonly path: string;
  readonly #entries: ReadonlyMap<string, ConfigEntry>;
  /** Permission bits, or `null` where there are none. */
  readonly #mode: number | null;

  constructor(path: string, text: string, mode: number | null = null) {
    this.path = path;
    this.#mode = mode;
    const entries = formatOf(path, text) === "toml" ? parseToml(path, text) : parseIni(path, text);
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
  }

  /**
   * Reads the file at `path`, which is relative to the current directory.
   *
   * @throws {ChassisError} if it is missing, not a regular file, not readable, or not in its format.
   */
  static async load(path: string): Promise<ConfigFile> {
    let text: string;
    let mode: number | null;
    try {
      const info = await Deno.stat(path);
      if (!info.isFile) throw new ChassisError("config", `Cannot read config file "${path}": it is not a regular file`);
      mode = info.mode;
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof ChassisError) throw error;
      throw new ChassisError("config", `Cannot read config file "${path}": ${whyUnreadable(error)}`, { cause: error });
    }
    return new ConfigFile(path, text, mode);
  }

  /**
   * The value that the file gives to an option, or `undefined` if it gives none.
   *
   * @throws {ChassisError} if the value does not fit the option, or is a secret that others may read.
   */
  read(option: OptionDefinition): OptionValue | undefined {
    const entry = this.#entries.get(option.name);
    if (entry === undefined) return undefined;
    if (option.secret && this.#mode !== null && (this.#mode & 0o007) !== 0) {
      throw new ChassisError(
        "config",
        `${this.#where(entry)} is a secret and others may access the file: run "chmod 600 ${this.path}"`,
      );
    }
    try {
      return entry.kind === "texts" ? parseTexts(option, entry.texts) : checkValue(option, entry.value);
    } catch (error) {
      if (error instanceof ValueError) throw error.at(this.#where(entry), "config");
      throw error;
    }
  }

  /** @throws {ChassisError} if the file has a key that is no option of `set` or makes no sense in a file. */
  checkKeys(set: OptionSet): void {
    for (const entry of this.#entries.values()) {
      const option = set.get(entry.key);
      if (option === undefined) {
        throw new ChassisError("config", `${this.#where(entry)} is no known option${set.hint(entry.key)}`);
      }
      if (option.commandLineOnly) {
        throw new ChassisError("config", `${this.#where(entry)} is for the command line only`);
      }
    }
  }

  #where({ key, line }: ConfigEntry): string {
    return `${placeIn(this.path, line)}: "${key}"`;
  }
}

/** `FILE:LINE`, or only the file if the line is unknown. */
export function placeIn(path: string, line: number | undefined): string {
  return line === undefined ? path : `${path}:${line}`;
}

function whyUnreadable(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return reasonOf(error);
}
