/**
 * Config files in TOML: the table `[mysql-proxy]` with the options' long names as keys.
 *
 * @module
 */
import { parse } from "@std/toml";
import { ChassisError, reasonOf } from "./chassis_error.ts";
import type { ConfigEntry } from "./config_entry.ts";
import { PROGRAM } from "./version.ts";

/**
 * Reads the keys of `[mysql-proxy]`.
 *
 * @throws {ChassisError} if the text is not TOML, or holds anything but this one table.
 */
export function parseToml(path: string, text: string): readonly ConfigEntry[] {
  const top = parseText(path, text);
  for (const key of Object.keys(top)) {
    if (key === PROGRAM) continue;
    const line = lineOf(text, (content) => headerOf(content) === key || keyOf(content) === key);
    const place = line === undefined ? path : `${path}:${line}`;
    throw new ChassisError("config", `${place}: "${key}" is no known table, did you mean "[${PROGRAM}]"?`);
  }
  if (!Object.hasOwn(top, PROGRAM)) return [];
  const table: unknown = top[PROGRAM];
  if (!isTable(table)) throw new ChassisError("config", `${path}: "${PROGRAM}" must be a table, as in "[${PROGRAM}]"`);
  return Object.entries(table).map(([key, value]) => ({ kind: "value", key, line: lineOfKey(text, key), value }));
}

function parseText(path: string, text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = parse(text);
  } catch (error) {
    const reason = reasonOf(error);
    const [, line, column, rest] = /^Parse error on line (\d+), column (\d+): (.*)$/.exec(reason) ?? [];
    // Column 0 is right behind the end of the line that is wrong.
    const wrong = column === "0" ? Number(line) - 1 : line;
    const message = line === undefined ? `${path}: ${reason}` : `${path}:${wrong}: ${rest}`;
    throw new ChassisError("config", message, { cause: error });
  }
  return isTable(parsed) ? parsed : {};
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The line of a key of `[mysql-proxy]`; `undefined` where it is written in a way that this does not look for. */
function lineOfKey(text: string, key: string): number | undefined {
  let table: string | undefined;
  return lineOf(text, (content) => {
    table = headerOf(content) ?? table;
    return table === `${PROGRAM}.${key}` || (table === PROGRAM && keyOf(content) === key);
  });
}

function lineOf(text: string, matches: (content: string) => boolean): number | undefined {
  const index = text.split(/\r?\n/).findIndex((content) => matches(content.trim()));
  return index < 0 ? undefined : index + 1;
}

function headerOf(content: string): string | undefined {
  return /^\[\[?\s*["']?([^"'\]]+?)["']?\s*\]/.exec(content)?.[1];
}

function keyOf(content: string): string | undefined {
  return /^["']?([\w-]+)["']?\s*[.=]/.exec(content)?.[1];
}
