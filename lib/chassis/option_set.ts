/**
 * All options that the program understands at some point of its start, found by name or letter.
 *
 * @module
 */
import { closestString } from "@std/text/closest-string";
import type { OptionDefinition } from "../plugin/mod.ts";
import { ChassisError } from "./chassis_error.ts";

/** The options of the chassis or of one plugin, as `--help` groups them. */
export interface OptionGroup {
  /** `chassis`, or the plugin's name. */
  readonly name: string;
  readonly text: string;
  readonly options: readonly OptionDefinition[];
}

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const SHORT = /^[A-Za-z?]$/;

/** A set of option definitions in which names and letters are unique. */
export class OptionSet {
  readonly groups: readonly OptionGroup[];
  readonly #byName = new Map<string, OptionDefinition>();
  readonly #byShort = new Map<string, OptionDefinition>();
  /** Options that exist but whose plugin is not loaded, with the plugin's name. */
  readonly #elsewhere: ReadonlyMap<string, string>;

  /**
   * @param notLoaded plugins that could be loaded but are not; naming one of their options gives a better error.
   * @throws {ChassisError} if a name or letter is malformed or defined twice.
   */
  constructor(groups: readonly OptionGroup[], notLoaded: readonly OptionGroup[] = []) {
    this.groups = groups;
    for (const { name: group, options } of groups) {
      for (const option of options) {
        const { name, short } = option;
        const wrong = !NAME.test(name) || (short !== undefined && !SHORT.test(short));
        if (wrong) throw new ChassisError("plugin", `Plugin "${group}" has an option with a bad name, "${name}"`);
        if (this.#byName.has(name) || (short !== undefined && this.#byShort.has(short))) {
          throw new ChassisError("plugin", `Plugin "${group}" has an option that another one has too, "--${name}"`);
        }
        this.#byName.set(name, option);
        if (short !== undefined) this.#byShort.set(short, option);
      }
    }
    this.#elsewhere = new Map(
      notLoaded.flatMap(({ name: plugin, options }) => options.map(({ name }) => [name, plugin])),
    );
  }

  /** Every option, in the order of the groups. */
  get all(): readonly OptionDefinition[] {
    return [...this.#byName.values()];
  }

  /** The option called `name`, without dashes. */
  get(name: string): OptionDefinition | undefined {
    return this.#byName.get(name);
  }

  /** The option with this letter. */
  getShort(letter: string): OptionDefinition | undefined {
    return this.#byShort.get(letter);
  }

  /** The list option that takes words which belong to no option. */
  get positional(): OptionDefinition | undefined {
    return this.all.find((option) => option.type === "list" && option.positional === true);
  }

  /**
   * Ends a sentence about an unknown name, from the comma on: which plugin has to be loaded, or the nearest name.
   *
   * @param prefix what stands before names at this place, e.g. `--`.
   */
  hint(name: string, prefix = ""): string {
    const plugin = this.#elsewhere.get(name);
    if (plugin !== undefined) return `, it belongs to plugin "${plugin}": load it with "--plugins"`;
    const names = this.all.filter((option) => prefix !== "" || !option.commandLineOnly).map((option) => option.name);
    return names.length === 0 ? "" : `, did you mean "${prefix}${nearest(name, names)}"?`;
  }
}

/** The most similar of `names`, of which there must be at least one. */
export function nearest(name: string, names: readonly string[]): string {
  const found: unknown = closestString(name, names);
  if (typeof found !== "string") throw new TypeError("Of no names, none is the nearest");
  return found;
}
