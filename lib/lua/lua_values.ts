/**
 * Values between TypeScript and a Lua stack.
 *
 * Lua strings are bytes: what has to survive unchanged goes as `Uint8Array`, text as UTF-8.
 *
 * @module
 */
import { type LuaApi, LuaType, type Pointer, type State, typeName } from "./lua_api.ts";
import { LuaError } from "./lua_error.ts";
import type { Heap } from "./heap.ts";
import type { LuaWasm } from "./wasm.ts";

/**
 * What can be pushed: an array becomes a sequence from 1, a record a table, text a string of UTF-8 bytes, a number an integer
 * if it is a safe one and a float otherwise, a bigint an integer. Read back, strings come as bytes.
 */
export type LuaValue =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly LuaValue[]
  | { readonly [key: string]: LuaValue };

/** An argument that does not fit. The function that was called adds its name to the message. */
export class ArgumentError extends Error {
  /** From 1. */
  readonly index: number;

  constructor(index: number, detail: string) {
    super(detail);
    this.name = "ArgumentError";
    this.index = index;
  }
}

/** Bytes that are kept for strings on their way into Lua; longer ones get a block of their own. */
const SCRATCH = 65536;
/** How deep tables may be nested: deeper ones are taken for circles. */
const NESTING = 100;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Pushes and reads values. */
export class LuaValues {
  /** The C API, by its names. */
  readonly api: LuaApi;
  /** Bytes that Lua may have in all; what a script has the host keep at a time should not be more either. */
  readonly memoryLimit: number;
  readonly #heap: Heap;
  readonly #scratch: Pointer;
  /** Where C functions leave a length. */
  readonly #length: Pointer;
  readonly #cstrings = new Map<string, Pointer>();

  constructor(wasm: LuaWasm) {
    this.api = wasm.api;
    this.memoryLimit = wasm.memoryLimit;
    this.#heap = wasm.heap;
    this.#scratch = this.allocate(SCRATCH);
    this.#length = this.allocate(16);
  }

  /** The whole memory, to read and write at addresses; valid until the next call into wasm. */
  get memory(): Uint8Array<ArrayBuffer> {
    return this.#heap.bytes;
  }

  /** The word at an address that is divisible by four. */
  wordAt(at: Pointer): number {
    return this.#heap.words[at >> 2] ?? 0;
  }

  /** Writes the word at an address that is divisible by four. */
  setWordAt(at: Pointer, word: number): void {
    this.#heap.words[at >> 2] = word;
  }

  /** @throws {LuaError} if there is no memory left. */
  allocate(size: number): Pointer {
    const at = this.api.malloc(size);
    // 0 is writable memory in wasm: nothing would stop whoever goes on.
    if (at === 0) throw new LuaError("memory", "not enough memory");
    return at;
  }

  /** The address of a NUL-terminated copy that is kept for ever: for the names in a program, not for data. */
  cstring(text: string): Pointer {
    let at = this.#cstrings.get(text);
    if (at === undefined) {
      const bytes = encoder.encode(text + "\0");
      at = this.allocate(bytes.length);
      this.#heap.bytes.set(bytes, at);
      this.#cstrings.set(text, at);
    }
    return at;
  }

  /** Pushes a value, tables as deep copies. @throws {LuaError} if the value is a circle or there is no memory left. */
  push(L: State, value: LuaValue): void {
    this.#push(L, value, 0);
  }

  #push(L: State, value: LuaValue, depth: number): void {
    const { api } = this;
    if (value === undefined || value === null) return api.lua_pushnil(L);
    if (typeof value === "number") return this.pushNumber(L, value);
    if (typeof value === "string") return void this.pushText(L, value);
    if (typeof value === "boolean") return api.lua_pushboolean(L, value ? 1 : 0);
    if (typeof value === "bigint") return api.lua_pushinteger(L, BigInt.asIntN(64, value));
    if (value instanceof Uint8Array) return void this.pushBytes(L, value);
    if (depth >= NESTING) throw new LuaError("script", "the table is nested too deeply, or contains itself");
    this.reserve(L, 4);
    if (isArray(value)) {
      api.lua_createtable(L, value.length, 0);
      for (const [i, element] of value.entries()) {
        this.#push(L, element, depth + 1);
        api.lua_rawseti(L, -2, BigInt(i + 1));
      }
      return;
    }
    const entries = Object.entries(value);
    api.lua_createtable(L, 0, entries.length);
    for (const [key, element] of entries) {
      this.pushText(L, key);
      this.#push(L, element, depth + 1);
      api.lua_rawset(L, -3);
    }
  }

  /** Pushes a string and returns the address of Lua's copy, which stays valid while Lua can reach the string. */
  pushBytes(L: State, bytes: Uint8Array): Pointer {
    const { length } = bytes;
    if (length <= SCRATCH) {
      this.#heap.bytes.set(bytes, this.#scratch);
      return this.api.lua_pushlstring(L, this.#scratch, length);
    }
    const block = this.allocate(length);
    try {
      this.#heap.bytes.set(bytes, block);
      return this.api.lua_pushlstring(L, block, length);
    } finally {
      this.api.free(block);
    }
  }

  /** Pushes text as UTF-8 and returns the address of Lua's copy. */
  pushText(L: State, text: string): Pointer {
    if (text.length * 3 > SCRATCH) return this.pushBytes(L, encoder.encode(text));
    const room = this.#heap.bytes.subarray(this.#scratch, this.#scratch + SCRATCH);
    return this.api.lua_pushlstring(L, this.#scratch, encoder.encodeInto(text, room).written);
  }

  /** Pushes an integer if it is a safe one, a float otherwise. */
  pushNumber(L: State, n: number): void {
    if (Number.isSafeInteger(n)) this.api.lua_pushinteger(L, BigInt(n));
    else this.api.lua_pushnumber(L, n);
  }

  /** Makes room for `n` more values on the stack: 20 are there without. */
  reserve(L: State, n: number): void {
    if (this.api.lua_checkstack(L, n) === 0) throw new LuaError("script", "stack overflow (too many values)");
  }

  /** The bytes of the string or number at `i`, without copying: valid until the next call into wasm. Empty for others. */
  view(L: State, i: number): Uint8Array<ArrayBuffer> {
    const at = this.api.lua_tolstring(L, i, this.#length);
    const length = at === 0 ? 0 : this.#heap.words[this.#length >> 2] ?? 0;
    return this.#heap.bytes.subarray(at, at + length);
  }

  /** A copy of the bytes of the string or number at `i`; empty for others. */
  bytes(L: State, i: number): Uint8Array<ArrayBuffer> {
    const at = this.api.lua_tolstring(L, i, this.#length);
    const length = at === 0 ? 0 : this.#heap.words[this.#length >> 2] ?? 0;
    return this.#heap.bytes.slice(at, at + length);
  }

  /** The string or number at `i` as text; bytes that are no UTF-8 become U+FFFD. */
  text(L: State, i: number): string {
    return decoder.decode(this.view(L, i));
  }

  /**
   * A deep copy of the value at `i`: strings as `Uint8Array`, integers beyond the safe ones as bigint, tables with the keys
   * 1 to n (and empty ones) as arrays, others as records with their keys as text.
   *
   * @throws {LuaError} for functions, userdata, coroutines and circles.
   */
  value(L: State, i: number): LuaValue {
    return this.#value(L, this.api.lua_absindex(L, i), 0);
  }

  #value(L: State, i: number, depth: number): LuaValue {
    const { api } = this;
    const type = api.lua_type(L, i);
    switch (type) {
      case LuaType.NONE:
      case LuaType.NIL:
        return undefined;
      case LuaType.BOOLEAN:
        return api.lua_toboolean(L, i) !== 0;
      case LuaType.NUMBER: {
        const n = api.lua_tonumberx(L, i, 0);
        return api.lua_isinteger(L, i) !== 0 && !Number.isSafeInteger(n) ? api.lua_tointegerx(L, i, 0) : n;
      }
      case LuaType.STRING:
        return this.bytes(L, i);
      case LuaType.TABLE:
        return this.#table(L, i, depth);
      default:
        throw new LuaError("script", `a ${typeName(type)} cannot be taken out of Lua`);
    }
  }

  #table(L: State, i: number, depth: number): LuaValue {
    const { api } = this;
    if (depth >= NESTING) throw new LuaError("script", "the table is nested too deeply, or contains itself");
    this.reserve(L, 4);
    const length = Number(api.lua_rawlen(L, i));
    const array: LuaValue[] = Array(length).fill(undefined);
    const record: Record<string, LuaValue> = {};
    let filled = 0;
    let others = 0;
    api.lua_pushnil(L);
    while (api.lua_next(L, i) !== 0) {
      const top = api.lua_gettop(L);
      const value = this.#value(L, top, depth + 1);
      // A copy of the key: lua_tolstring would change a number on the stack, and lua_next get lost.
      api.lua_pushvalue(L, top - 1);
      const index = api.lua_isinteger(L, -1) !== 0 ? api.lua_tonumberx(L, -1, 0) : 0;
      if (index >= 1 && index <= length) {
        array[index - 1] = value;
        filled++;
      } else {
        others++;
      }
      const keyType = api.lua_type(L, -1);
      if (keyType !== LuaType.STRING && keyType !== LuaType.NUMBER) {
        throw new LuaError("script", `a table with a ${typeName(keyType)} as key cannot be taken out of Lua`);
      }
      record[this.text(L, -1)] = value;
      api.lua_settop(L, top - 1);
    }
    return others === 0 && filled === length ? array : record;
  }

  /** The string argument `i`. @throws {ArgumentError} if it is neither a string nor a number. */
  argBytes(L: State, i: number): Uint8Array<ArrayBuffer> {
    this.#argString(L, i);
    return this.bytes(L, i);
  }

  /** The string argument `i` as text. @throws {ArgumentError} if it is neither a string nor a number. */
  argText(L: State, i: number): string {
    this.#argString(L, i);
    return this.text(L, i);
  }

  /** The number argument `i`; strings that hold a number do. @throws {ArgumentError} */
  argNumber(L: State, i: number): number {
    if (this.api.lua_isnumber(L, i) === 0) throw this.#argType(L, i, "number");
    return this.api.lua_tonumberx(L, i, 0);
  }

  /** The number argument `i` without its fraction, as in Lua 5.1. @throws {ArgumentError} */
  argInteger(L: State, i: number): number {
    return Math.trunc(this.argNumber(L, i));
  }

  /** The argument `i`, or `fallback` if it is missing or nil. @throws {ArgumentError} */
  optBytes<T>(L: State, i: number, fallback: T): Uint8Array<ArrayBuffer> | T {
    return this.isGiven(L, i) ? this.argBytes(L, i) : fallback;
  }

  /** The argument `i`, or `fallback` if it is missing or nil. @throws {ArgumentError} */
  optText<T>(L: State, i: number, fallback: T): string | T {
    return this.isGiven(L, i) ? this.argText(L, i) : fallback;
  }

  /** The argument `i`, or `fallback` if it is missing or nil. @throws {ArgumentError} */
  optNumber<T>(L: State, i: number, fallback: T): number | T {
    return this.isGiven(L, i) ? this.argNumber(L, i) : fallback;
  }

  /** The argument `i`, or `fallback` if it is missing or nil. @throws {ArgumentError} */
  optInteger<T>(L: State, i: number, fallback: T): number | T {
    return this.isGiven(L, i) ? this.argInteger(L, i) : fallback;
  }

  /** Checks that the argument `i` is a table. @throws {ArgumentError} */
  argTable(L: State, i: number): void {
    if (this.api.lua_type(L, i) !== LuaType.TABLE) throw this.#argType(L, i, "table");
  }

  /** Whether the argument `i` is there and not nil. */
  isGiven(L: State, i: number): boolean {
    return this.api.lua_type(L, i) > LuaType.NIL;
  }

  #argString(L: State, i: number): void {
    const type = this.api.lua_type(L, i);
    if (type !== LuaType.STRING && type !== LuaType.NUMBER) throw this.#argType(L, i, "string");
  }

  #argType(L: State, i: number, wanted: string): ArgumentError {
    return new ArgumentError(i, `${wanted} expected, got ${typeName(this.api.lua_type(L, i))}`);
  }
}

function isArray(value: object): value is readonly LuaValue[] {
  return Array.isArray(value);
}
