/**
 * What a statement gives.
 *
 * @module
 */
import type { ColumnDefinition } from "../../../lib/protocol/column_definition.ts";
import type { Value } from "./value_type.ts";

/** What a statement without rows gave. */
export interface OkOutcome {
  readonly kind: "ok";
  readonly affectedRows: bigint;
  readonly lastInsertId: bigint;
  readonly info: string;
}

/** What a statement with rows gave; a row has one value per column. */
export interface RowsOutcome {
  readonly kind: "rows";
  readonly columns: readonly ColumnDefinition[];
  readonly rows: readonly (readonly Value[])[];
}

/** What a statement gave. */
export type Outcome = OkOutcome | RowsOutcome;

/** What a statement gave that has nothing to tell. */
export const DONE: OkOutcome = { kind: "ok", affectedRows: 0n, lastInsertId: 0n, info: "" };
