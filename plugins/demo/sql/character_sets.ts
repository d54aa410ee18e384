/**
 * The character sets and collations that the demo claims to have, as lists of the rows that tell of them.
 *
 * @module
 */
import type { RowSource } from "./row_source.ts";

/** The collation of the database and of all its text. */
export const DEFAULT_COLLATION = "utf8mb4_0900_ai_ci";

/** Character sets as SHOW CHARACTER SET lists them. */
export const CHARACTER_SETS: RowSource = {
  columns: ["CHARACTER_SET_NAME", "DEFAULT_COLLATE_NAME", "DESCRIPTION", "MAXLEN"],
  rows: [
    ["ascii", "ascii_general_ci", "US ASCII", 1n],
    ["binary", "binary", "Binary pseudo charset", 1n],
    ["latin1", "latin1_swedish_ci", "cp1252 West European", 1n],
    ["utf8mb3", "utf8mb3_general_ci", "UTF-8 Unicode", 3n],
    ["utf8mb4", DEFAULT_COLLATION, "UTF-8 Unicode", 4n],
  ],
};

/** Collations as SHOW COLLATION lists them. */
export const COLLATIONS: RowSource = {
  columns: ["COLLATION_NAME", "CHARACTER_SET_NAME", "ID", "IS_DEFAULT", "IS_COMPILED", "SORTLEN", "PAD_ATTRIBUTE"],
  rows: [
    ["ascii_general_ci", "ascii", 11n, "Yes", "Yes", 1n, "PAD SPACE"],
    ["binary", "binary", 63n, "Yes", "Yes", 1n, "NO PAD"],
    ["latin1_swedish_ci", "latin1", 8n, "Yes", "Yes", 1n, "PAD SPACE"],
    ["utf8mb3_general_ci", "utf8mb3", 33n, "Yes", "Yes", 1n, "PAD SPACE"],
    [DEFAULT_COLLATION, "utf8mb4", 255n, "Yes", "Yes", 0n, "NO PAD"],
    ["utf8mb4_bin", "utf8mb4", 46n, "", "Yes", 1n, "PAD SPACE"],
    ["utf8mb4_general_ci", "utf8mb4", 45n, "", "Yes", 1n, "PAD SPACE"],
    ["utf8mb4_unicode_ci", "utf8mb4", 224n, "", "Yes", 8n, "PAD SPACE"],
  ],
};
