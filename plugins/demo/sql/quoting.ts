/**
 * Names, strings, bytes and parameters as SQLite's text has them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { decodeText, encodeText } from "../../../lib/protocol/text.ts";
import type { Value } from "./value_type.ts";

/** Marks a parameter in a half-built text; literals with control characters never appear as they are. */
const MARK = "\x01";

/** A parameter of the client's, by its number from 0, in a half-built text. */
export function markParameter(index: number): string {
  return `${MARK}${index};`;
}

/** Puts a question mark for each marked parameter, and tells which of the client's each of them is. */
export function resolveParameters(marked: string): { readonly sql: string; readonly parameters: readonly number[] } {
  const parameters: number[] = [];
  const sql = marked.replace(new RegExp(`${MARK}(\\d+);`, "g"), (_, index: string) => {
    parameters.push(Number(index));
    return "?";
  });
  return { sql, parameters };
}

/** Which parameter a translated expression is, if it is nothing but one. */
export function parameterIndex(expression: string): number | undefined {
  return expression.startsWith(MARK) && expression.indexOf(";") === expression.length - 1
    ? Number(expression.slice(1, -1))
    : undefined;
}

/** A name as SQLite quotes it. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""').replaceAll("\0", "").replaceAll(MARK, "")}"`;
}

/** A string as a SQL literal. node:sqlite ends a text at its first NUL, so a string with one goes as bytes. */
export function quoteString(value: string): string {
  if (!value.includes("\0") && !value.includes(MARK)) return `'${value.replaceAll("'", "''")}'`;
  return quoteBytes(encodeText(value));
}

/** Bytes as a SQL literal. */
export function quoteBytes(bytes: Uint8Array): string {
  return `x'${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}'`;
}

/** Any value as a SQL literal. */
export function quoteValue(value: Value): string {
  if (value === null) return "NULL";
  if (typeof value === "string") return quoteString(value);
  return value instanceof Uint8Array ? quoteBytes(value) : String(value);
}

/** One character per byte, for statements that are not UTF-8 as a whole. */
export function rawText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** The bytes of what {@linkcode rawText} made. */
export function rawBytesOf(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value, "latin1"));
}

/** A string of such a statement as a literal: text if it is UTF-8 itself, bytes otherwise. */
export function quoteRaw(value: string): string {
  const bytes = rawBytesOf(value);
  const decoded = decodeText(bytes);
  return decoded.includes("\ufffd") ? quoteBytes(bytes) : quoteString(decoded);
}
