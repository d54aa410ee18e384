/**
 * The C API of Lua 5.4 as the wasm module exports it, typed.
 *
 * Every function is a plain call of a few nanoseconds. What the reference manual says of the C functions holds, with pointers
 * as numbers, `lua_Integer` as bigint and `const char *` as the address of a NUL-terminated string (`LuaEngine.cstring()`).
 * Nothing is checked: whoever pushes more than 20 values calls `lua_checkstack` first. An error raised by one of these leaves
 * as the exception `Infinity`, which nobody may swallow. See https://www.lua.org/manual/5.4/manual.html#4.6
 *
 * @module
 */

/** The address of a `lua_State`: the main thread's or a coroutine's. */
export type State = number;

/** The address of something in the wasm memory; 0 is NULL. */
export type Pointer = number;

/** The index of a function in the wasm table: what a C function pointer is. */
export type FunctionPointer = number;

/** The pseudo-index of the registry (`LUA_REGISTRYINDEX` for a stack of a million slots). */
export const REGISTRY = -1001000;

/** The pseudo-index of the upvalue `n` of the running C function, from 1 (`lua_upvalueindex`). */
export function upvalueIndex(n: number): number {
  return REGISTRY - n;
}

/** The key of the globals in the registry (`LUA_RIDX_GLOBALS`). */
export const GLOBALS_KEY = 2n;

/** What `lua_type` returns. */
export const LuaType = {
  NONE: -1,
  NIL: 0,
  BOOLEAN: 1,
  LIGHT_USERDATA: 2,
  NUMBER: 3,
  STRING: 4,
  TABLE: 5,
  FUNCTION: 6,
  USERDATA: 7,
  THREAD: 8,
} as const;

/** The names of the types from {@linkcode LuaType.NONE} on, as messages have them. */
const TYPE_NAMES = [
  "no value",
  "nil",
  "boolean",
  "userdata",
  "number",
  "string",
  "table",
  "function",
  "userdata",
  "thread",
] as const;

/** The name of a type, such as `"table"`. */
export function typeName(type: number): string {
  return TYPE_NAMES[type + 1] ?? "no value";
}

/** What `lua_resume`, `lua_pcallk` and `luaL_loadbufferx` return. */
export const LuaStatus = { OK: 0, YIELD: 1, RUNTIME_ERROR: 2, SYNTAX_ERROR: 3, MEMORY_ERROR: 4 } as const;

/** As many results as the function has (`LUA_MULTRET`). */
export const MULTIPLE_RESULTS = -1;

/** A reference to nil (`LUA_REFNIL`), and to nothing (`LUA_NOREF`). */
export const REFERENCE_NIL = -1;
export const NO_REFERENCE = -2;

/** The exports by their C names. */
export interface LuaApi {
  lua_absindex(L: State, i: number): number;
  lua_arith(L: State, op: number): void;
  lua_atpanic(L: State, panic: FunctionPointer): FunctionPointer;
  lua_callk(L: State, args: number, results: number, ctx: number, k: FunctionPointer): void;
  lua_checkstack(L: State, n: number): number;
  lua_close(L: State): void;
  lua_compare(L: State, i: number, j: number, op: number): number;
  lua_concat(L: State, n: number): void;
  lua_copy(L: State, from: number, to: number): void;
  lua_createtable(L: State, arraySize: number, recordSize: number): void;
  /** Does not return. */
  lua_error(L: State): number;
  lua_getfield(L: State, i: number, name: Pointer): number;
  lua_getglobal(L: State, name: Pointer): number;
  lua_geti(L: State, i: number, n: bigint): number;
  lua_getinfo(L: State, what: Pointer, ar: Pointer): number;
  lua_getiuservalue(L: State, i: number, n: number): number;
  lua_getmetatable(L: State, i: number): number;
  lua_getstack(L: State, level: number, ar: Pointer): number;
  lua_gettable(L: State, i: number): number;
  lua_gettop(L: State): number;
  lua_getupvalue(L: State, i: number, n: number): Pointer;
  lua_iscfunction(L: State, i: number): number;
  lua_isinteger(L: State, i: number): number;
  lua_isnumber(L: State, i: number): number;
  lua_isstring(L: State, i: number): number;
  lua_isuserdata(L: State, i: number): number;
  lua_isyieldable(L: State): number;
  lua_len(L: State, i: number): void;
  /** The address of a new block of `size` bytes; `userValues` Lua values can be attached. */
  lua_newuserdatauv(L: State, size: number, userValues: number): Pointer;
  lua_newthread(L: State): State;
  lua_next(L: State, i: number): number;
  lua_pcallk(L: State, args: number, results: number, handler: number, ctx: number, k: FunctionPointer): number;
  lua_pushboolean(L: State, b: number): void;
  lua_pushcclosure(L: State, f: FunctionPointer, upvalues: number): void;
  lua_pushinteger(L: State, n: bigint): void;
  lua_pushlightuserdata(L: State, p: Pointer): void;
  /** Returns the address of Lua's copy. */
  lua_pushlstring(L: State, s: Pointer, length: number): Pointer;
  lua_pushnil(L: State): void;
  lua_pushnumber(L: State, n: number): void;
  lua_pushstring(L: State, s: Pointer): Pointer;
  lua_pushthread(L: State): number;
  lua_pushvalue(L: State, i: number): void;
  lua_rawequal(L: State, i: number, j: number): number;
  lua_rawget(L: State, i: number): number;
  lua_rawgeti(L: State, i: number, n: bigint): number;
  lua_rawgetp(L: State, i: number, p: Pointer): number;
  lua_rawlen(L: State, i: number): bigint;
  lua_rawset(L: State, i: number): void;
  lua_rawseti(L: State, i: number, n: bigint): void;
  lua_rawsetp(L: State, i: number, p: Pointer): void;
  lua_resetthread(L: State): number;
  /** `results` is the address of an int that receives the number of results. */
  lua_resume(L: State, from: State, args: number, results: Pointer): number;
  lua_rotate(L: State, i: number, n: number): void;
  lua_setfield(L: State, i: number, name: Pointer): void;
  lua_setglobal(L: State, name: Pointer): void;
  lua_sethook(L: State, hook: FunctionPointer, mask: number, count: number): void;
  lua_seti(L: State, i: number, n: bigint): void;
  lua_setiuservalue(L: State, i: number, n: number): number;
  lua_setmetatable(L: State, i: number): number;
  lua_settable(L: State, i: number): void;
  lua_settop(L: State, n: number): void;
  lua_setupvalue(L: State, i: number, n: number): Pointer;
  lua_status(L: State): number;
  lua_stringtonumber(L: State, s: Pointer): number;
  lua_toboolean(L: State, i: number): number;
  lua_tointegerx(L: State, i: number, isInteger: Pointer): bigint;
  /** `length` is the address of a size_t, or 0. Turns a number on the stack into a string. */
  lua_tolstring(L: State, i: number, length: Pointer): Pointer;
  lua_tonumberx(L: State, i: number, isNumber: Pointer): number;
  lua_topointer(L: State, i: number): Pointer;
  lua_tothread(L: State, i: number): State;
  lua_touserdata(L: State, i: number): Pointer;
  lua_type(L: State, i: number): number;
  lua_upvalueid(L: State, i: number, n: number): Pointer;
  lua_upvaluejoin(L: State, i: number, n: number, j: number, m: number): void;
  lua_xmove(from: State, to: State, n: number): void;
  lua_yieldk(L: State, results: number, ctx: number, k: FunctionPointer): number;
  luaL_callmeta(L: State, i: number, event: Pointer): number;
  luaL_getmetafield(L: State, i: number, event: Pointer): number;
  luaL_getsubtable(L: State, i: number, name: Pointer): number;
  luaL_len(L: State, i: number): bigint;
  luaL_loadbufferx(L: State, source: Pointer, length: number, name: Pointer, mode: Pointer): number;
  luaL_newmetatable(L: State, name: Pointer): number;
  luaL_newstate(): State;
  luaL_openlibs(L: State): void;
  luaL_ref(L: State, table: number): number;
  luaL_requiref(L: State, name: Pointer, open: FunctionPointer, global: number): void;
  luaL_setmetatable(L: State, name: Pointer): void;
  luaL_testudata(L: State, i: number, name: Pointer): Pointer;
  /** Like `tostring()`: pushes the string and returns its address. */
  luaL_tolstring(L: State, i: number, length: Pointer): Pointer;
  luaL_traceback(L: State, of: State, message: Pointer, level: number): void;
  luaL_unref(L: State, table: number, reference: number): void;
  luaL_where(L: State, level: number): void;
  malloc(size: number): Pointer;
  free(p: Pointer): void;
  /** 0 for all streams. */
  fflush(file: Pointer): number;
}
