/**
 * Commands that change the default database.
 *
 * @module
 */
import { Command, decodeText } from "../protocol/mod.ts";

const LOWER_U = 0x75;
const LONGEST_USE = 512;

/** The database that a command makes the default one if it succeeds: COM_INIT_DB, or a textual USE. */
export function databaseOf(payload: Uint8Array): string | undefined {
  if (payload[0] === Command.COM_INIT_DB) return decodeText(payload.subarray(1));
  if (payload[0] !== Command.COM_QUERY || (payload[1]! | 0x20) !== LOWER_U || payload.length > LONGEST_USE) {
    return undefined;
  }
  const match = /^use\s+(?:`((?:[^`]|``)+)`|([^\s;`]+))\s*;?\s*$/i.exec(decodeText(payload.subarray(1)));
  return match?.[1]?.replaceAll("``", "`") ?? match?.[2];
}
