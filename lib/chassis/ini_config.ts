/**
 * The original's config dialect, that of GLib's key files (spec section 1.3): `[group]`, `key = value`, `#` comments. Only
 * the group `[mysql-proxy]` counts. Quotes are ordinary characters. What the original got wrong is not kept: flags such
 * as `no-proxy = true` mean what they say.
 *
 * @module
 */
import { ChassisError } from "./chassis_error.ts";
import type { ConfigEntry } from "./config_entry.ts";
import { PROGRAM } from "./version.ts";

const ESCAPES: Readonly<Record<string, string>> = { s: " ", n: "\n", t: "\t", r: "\r", "\\": "\\" };

/**
 * Reads the keys of `[mysql-proxy]`. A key that occurs again adds to a list and replaces any other value.
 *
 * @throws {ChassisError} if a line is neither a group, a key with a value, a comment nor blank, or has an unknown escape.
 */
export function parseIni(path: string, text: string): readonly ConfigEntry[] {
  const found = new Map<string, { line: number; texts: string[] }>();
  let group: string | undefined;
  for (const [index, raw] of text.replace(/^\uFEFF/, "").split(/\r?\n/).entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    const header = /^\[([^\[\]]+)\]$/.exec(content);
    if (header !== null) {
      group = header[1];
      continue;
    }
    const equals = content.indexOf("=");
    if (equals < 1) throw fail(path, line, `must be "key = value", "[group]" or a comment that begins with "#"`);
    if (group === undefined) throw fail(path, line, `stands before any group: put "[${PROGRAM}]" above it`);
    if (group !== PROGRAM) continue;
    const key = content.slice(0, equals).trim();
    const value = unescape(content.slice(equals + 1).trim(), (escape) => {
      return fail(path, line, `has "${escape}" in "${key}": only \\s, \\n, \\t, \\r and \\\\ are escapes`);
    });
    const entry = found.get(key) ?? { line, texts: [] };
    entry.line = line;
    entry.texts.push(value);
    found.set(key, entry);
  }
  return [...found].map(([key, { line, texts }]) => ({ kind: "texts", key, line, texts }));
}

function unescape(value: string, wrong: (escape: string) => ChassisError): string {
  return value.replaceAll(/\\(.?)/gs, (escape, letter: string) => {
    const character = ESCAPES[letter];
    if (character === undefined) throw wrong(escape);
    return character;
  });
}

function fail(path: string, line: number, what: string): ChassisError {
  return new ChassisError("config", `${path}:${line}: this line ${what}`);
}
