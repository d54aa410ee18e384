/**
 * What the readers of the config formats have in common.
 *
 * @module
 */

/** One key of the file's `[mysql-proxy]` group. */
export type ConfigEntry =
  /** An ini file's texts, one for each time the key occurs. */
  | { readonly kind: "texts"; readonly key: string; readonly line: number; readonly texts: readonly string[] }
  /** A TOML file's value. */
  | { readonly kind: "value"; readonly key: string; readonly line: number | undefined; readonly value: unknown };
