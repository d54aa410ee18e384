/**
 * Integers of the protocol as numbers of Lua.
 *
 * @module
 */
import type { Integer } from "../protocol/mod.ts";

/** A 64-bit integer as Lua can keep it: one above its range as the nearest float. */
export function luaInteger(value: Integer): number | bigint {
  return typeof value === "bigint" && (value >= 1n << 63n || value < -(1n << 63n)) ? Number(value) : value;
}
