/**
 * Statements of a test's own, straight to a server.
 *
 * @module
 */

import { createConnection } from "mysql2/promise";
import { ROOT } from "./users.ts";

/** The rows of a result as arrays of text, or an empty list for a statement without a result. */
export type Rows = readonly (readonly (string | null)[])[];

/**
 * Runs `statements` one after the other as root over one connection.
 *
 * @returns The rows of the last one.
 */
export async function query(at: { readonly port: number }, ...statements: string[]): Promise<Rows> {
  const connection = await createConnection({
    host: "127.0.0.1",
    port: at.port,
    user: ROOT.user,
    rowsAsArray: true,
    typeCast: (field: { string(): string | null }) => field.string(),
  });
  try {
    let rows: Rows = [];
    for (const statement of statements) {
      const [result] = await connection.query(statement);
      rows = isRows(result) ? result : [];
    }
    return rows;
  } finally {
    await connection.end();
  }
}

function isRows(value: unknown): value is Rows {
  return Array.isArray(value) && value.every((row) => Array.isArray(row));
}
