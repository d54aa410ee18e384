/**
 * The file `master.info` of a replica: one value per line.
 *
 * Source: spec section 8.10.
 *
 * @module
 */
import { PayloadWriter } from "../../protocol/mod.ts";
import type { LuaValue } from "../lua_values.ts";
import { luaInteger } from "../lua_integer.ts";
import { type Fields, record } from "./fields.ts";

/** A number or a text. */
type Kind = "number" | "text";

/** The lines in order. */
const LINES: readonly (readonly [name: string, kind: Kind])[] = [
  ["master_lines", "number"],
  ["master_log_file", "text"],
  ["master_log_pos", "number"],
  ["master_host", "text"],
  ["master_user", "text"],
  ["master_password", "text"],
  ["master_port", "number"],
  ["master_connect_retry", "number"],
  ["master_ssl", "number"],
  ["master_ssl_ca", "text"],
  ["master_ssl_capath", "text"],
  ["master_ssl_cert", "text"],
  ["master_ssl_cipher", "text"],
  ["master_ssl_key", "text"],
];
/** A line that files have whose first one says that they have 15 lines or more. */
const VERIFY = ["master_ssl_verify_server_cert", "number"] as const;
const LINES_WITH_VERIFY = 15;

const LINE_FEED = 0x0a;
const decoder = new TextDecoder();

function parseNumber(name: string, line: Uint8Array): number | bigint {
  const text = decoder.decode(line);
  if (!/^\d{1,20}$/.test(text)) throw new Error(`${name} must be a number, got '${text}'`);
  const value = BigInt(text);
  return luaInteger(value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value);
}

/**
 * Reads the file's content. Lines after those that are known are left aside.
 *
 * @throws {Error} if a line is missing or has no line feed, or if a number is none.
 */
export function fromMasterinfoString(content: Uint8Array): LuaValue {
  const fields: Record<string, LuaValue> = {};
  let at = 0;
  const take = ([name, kind]: readonly [string, Kind]) => {
    const end = content.indexOf(LINE_FEED, at);
    if (end < 0) throw new Error(`the line of ${name} must end with a line feed`);
    const line = content.subarray(at, end);
    at = end + 1;
    fields[name] = kind === "number" ? parseNumber(name, line) : line;
  };
  LINES.forEach(take);
  if (Number(fields["master_lines"]) >= LINES_WITH_VERIFY) take(VERIFY);
  return record(fields);
}

/** @throws {Error} if a text has a line feed in it. */
export function toMasterinfoString(fields: Fields): Uint8Array {
  const writer = new PayloadWriter(256);
  const put = ([name, kind]: readonly [string, Kind]) => {
    if (kind === "number") {
      writer.text(String(fields.integer(name))).u8(LINE_FEED);
      return;
    }
    const text = fields.bytes(name) ?? new Uint8Array();
    if (text.includes(LINE_FEED)) throw new Error(`field '${name}' must not have a line feed in it`);
    writer.bytes(text).u8(LINE_FEED);
  };
  LINES.forEach(put);
  if (Number(fields.integer("master_lines")) >= LINES_WITH_VERIFY) put(VERIFY);
  return writer.finish();
}
