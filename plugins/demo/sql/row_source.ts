/**
 * Tables that are made up when somebody asks for them.
 *
 * @module
 */
import type { Value } from "./value_type.ts";

/** A table by its columns and rows. */
export interface RowSource {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
}

/** A table whose column names are written with spaces between them. */
export function rowSource(columns: string, rows: readonly (readonly Value[])[] = []): RowSource {
  return { columns: columns.split(" "), rows };
}
