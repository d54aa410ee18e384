/**
 * Tables as records: the fields that a function was given, and those that it returns.
 *
 * @module
 */
import { type Integer, toInteger } from "../../protocol/mod.ts";
import { LuaType, type State, typeName } from "../lua_api.ts";
import type { LuaValue, LuaValues } from "../lua_values.ts";

/** The fields of a table on Lua's stack. What is nil counts as left out. */
export class Fields {
  readonly #lua: LuaValues;
  readonly #L: State;
  readonly #at: number;

  /**
   * @param at The table's place on the stack: a function's argument.
   * @throws {ArgumentError} if there is no table.
   */
  constructor(lua: LuaValues, L: State, at: number) {
    lua.argTable(L, at);
    this.#lua = lua;
    this.#L = L;
    this.#at = at;
  }

  /** Reads a field with `read`, which finds it on top of the stack. */
  #field<T>(name: string, fallback: T, read: (type: number) => T): T {
    const { api } = this.#lua;
    this.#lua.pushText(this.#L, name);
    const type = api.lua_gettable(this.#L, this.#at);
    const value = type === LuaType.NIL ? fallback : read(type);
    api.lua_settop(this.#L, -2);
    return value;
  }

  /** A copy of a string's bytes; a number counts as its text. */
  bytes(name: string): Uint8Array | undefined {
    return this.#field<Uint8Array | undefined>(name, undefined, (type) => {
      if (type !== LuaType.STRING && type !== LuaType.NUMBER) throw mismatch(name, "string", type);
      return this.#lua.bytes(this.#L, -1);
    });
  }

  /** A string as UTF-8. */
  text(name: string): string | undefined {
    const bytes = this.bytes(name);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  }

  /** An integer; a numeral counts as its number. */
  integer(name: string, fallback: Integer = 0): Integer {
    const { api } = this.#lua;
    return this.#field(name, fallback, (type) => {
      if (api.lua_isnumber(this.#L, -1) === 0) throw mismatch(name, "number", type);
      const number = api.lua_tonumberx(this.#L, -1, 0);
      if (Number.isSafeInteger(number)) return number;
      if (api.lua_isinteger(this.#L, -1) === 0) throw new Error(`field '${name}' must be an integer, got ${number}`);
      return toInteger(api.lua_tointegerx(this.#L, -1, 0));
    });
  }

  /**
   * An integer for an unsigned field of `bits` bits.
   *
   * @throws {Error} if it does not fit.
   */
  unsigned(name: string, bits: number, fallback = 0): number {
    const value = Number(this.integer(name, fallback));
    if (value < 0 || value >= 2 ** bits) {
      throw new Error(`field '${name}' must be an unsigned integer of ${bits} bits, got ${value}`);
    }
    return value;
  }
}

function mismatch(field: string, expected: string, type: number): Error {
  return new Error(`field '${field}' must be a ${expected}, got ${typeName(type)}`);
}

/** What a function returns as a table: an empty string becomes a missing field (spec 4.9). */
export function record(fields: Record<string, LuaValue>): Record<string, LuaValue> {
  const kept = Object.entries(fields).filter(([, value]) => !(value instanceof Uint8Array && value.length === 0));
  return Object.fromEntries(kept);
}
