/**
 * Options that may say something else for each backend: `VALUE`, or `ADDRESS=VALUE` for one of them.
 *
 * @module
 */

/** A backend as the options name it. */
export interface NamedBackend {
  /** As it was given: `db1.example.com:3306`. */
  readonly text: string;
  /** Its name in the log: `192.0.2.1:3306`. */
  readonly name: string;
}

/** What an option says for each backend. */
export class PerBackend {
  readonly #general: string[] = [];
  readonly #own = new Map<string, string[]>();

  /**
   * @param option the option's name, for messages.
   * @throws {Error} for an address that is no backend's.
   */
  constructor(option: string, values: readonly string[], backends: readonly NamedBackend[]) {
    for (const value of values) {
      const at = value.indexOf("=");
      if (at < 0) {
        this.#general.push(value);
        continue;
      }
      const address = value.slice(0, at);
      const backend = backends.find(({ text, name }) => text === address || name === address);
      if (backend === undefined) {
        const known = backends.map(({ text }) => `"${text}"`).join(", ");
        throw new Error(`"--${option}" has a value for "${address}", but the backends are ${known}`);
      }
      const own = this.#own.get(backend.name) ?? [];
      own.push(value.slice(at + 1));
      this.#own.set(backend.name, own);
    }
  }

  /** All values for a backend: its own, or the ones for all. */
  all(backend: NamedBackend): readonly string[] {
    return this.#own.get(backend.name) ?? this.#general;
  }

  /** The last of them. */
  last(backend: NamedBackend): string | undefined {
    return this.all(backend).at(-1);
  }
}
