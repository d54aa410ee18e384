/**
 * Patterns as Lua sees them: userdata whose tree is kept on our side, with a table of the Lua values that the pattern
 * needs as its user value, so that Lua's collector sees everything. Finalizers would hold that up where patterns are made
 * all the time; instead a weak table tells now and then which userdata are gone, and their trees go too.
 *
 * @module
 */

import { LuaType, type Pointer, type State, typeName } from "../lua_api.ts";
import { ArgumentError, type LuaValues } from "../lua_values.ts";
import * as build from "./lpeg_pattern.ts";
import type { Pattern, Rule } from "./lpeg_pattern.ts";
import { compile, type Program } from "./lpeg_program.ts";

/** The name of the metatable in the registry, and of the type in messages. */
export const METATABLE = "lpeg-pattern";

/** The name in the registry of the table of all patterns. */
const ALL = "lpeg-patterns";

/** How many patterns there are at least before those that are gone are looked for. */
const SWEEP = 1_000;

/** What Lua's collector is told a pattern weighs. */
const WEIGHT = 64;

interface Handle {
  readonly pattern: Pattern;
  program: Program | undefined;
}

/** All patterns of a Lua state. */
export class Patterns {
  readonly #lua: LuaValues;
  readonly #handles = new Map<Pointer, Handle>();
  #metatable: Pointer = 0;
  #sweepAt = SWEEP;
  #slots = 0n;

  constructor(lua: LuaValues) {
    this.#lua = lua;
  }

  /** Whether the value at `i` is a pattern. */
  has(L: State, i: number): boolean {
    return this.#handle(L, i) !== undefined;
  }

  #handle(L: State, i: number): Handle | undefined {
    const { api } = this.#lua;
    if (api.lua_type(L, i) !== LuaType.USERDATA || api.lua_getmetatable(L, i) === 0) return undefined;
    const metatable = api.lua_topointer(L, -1);
    api.lua_settop(L, -2);
    // Userdata of others may lie where a pattern was.
    return metatable === this.#metatable ? this.#handles.get(api.lua_touserdata(L, i)) : undefined;
  }

  /** Pushes the metatable of patterns, which is made by the first call. */
  pushMetatable(L: State): void {
    const { api } = this.#lua;
    api.luaL_newmetatable(L, this.#lua.cstring(METATABLE));
    this.#metatable = api.lua_topointer(L, -1);
  }

  /** Pushes the table of all patterns by their addresses, with weak values. */
  #pushAll(L: State): void {
    const { api } = this.#lua;
    if (api.luaL_newmetatable(L, this.#lua.cstring(ALL)) === 0) return;
    this.#lua.pushText(L, "v");
    api.lua_setfield(L, -2, this.#lua.cstring("__mode"));
    api.lua_pushvalue(L, -1);
    api.lua_setmetatable(L, -2);
  }

  /** Pushes a new userdata for a pattern. */
  #create(L: State, pattern: Pattern): void {
    const { api } = this.#lua;
    const pointer = api.lua_newuserdatauv(L, WEIGHT, 1);
    this.pushMetatable(L);
    api.lua_setmetatable(L, -2);
    this.#handles.set(pointer, { pattern, program: undefined });
    this.#pushAll(L);
    api.lua_pushvalue(L, -2);
    api.lua_rawsetp(L, -2, pointer);
    if (this.#handles.size > this.#sweepAt) this.#sweep(L);
    api.lua_settop(L, -2);
  }

  /** Drops the trees of the patterns that the table on the top of the stack has no longer. */
  #sweep(L: State): void {
    const { api } = this.#lua;
    for (const pointer of this.#handles.keys()) {
      if (api.lua_rawgetp(L, -1, pointer) === LuaType.NIL) this.#handles.delete(pointer);
      api.lua_settop(L, -2);
    }
    this.#sweepAt = Math.max(SWEEP, 2 * this.#handles.size);
  }

  /** The program of the pattern at `i`, compiled when it is first wanted. */
  program(L: State, i: number): Program {
    const handle = this.#handle(L, i);
    if (handle === undefined) throw this.#mismatch(L, i);
    return handle.program ??= compile(handle.pattern);
  }

  /**
   * The pattern that the value at `i` stands for, as `lpeg.P` converts it. Functions and tables are replaced on the stack
   * by the pattern made of them.
   */
  at(L: State, i: number): Pattern {
    const { api } = this.#lua;
    switch (api.lua_type(L, i)) {
      case LuaType.STRING:
        return build.text(this.#lua.bytes(L, i));
      case LuaType.NUMBER: {
        const count = Math.trunc(api.lua_tonumberx(L, i, 0));
        if (!(Math.abs(count) <= 0x7fffffff)) throw new ArgumentError(i, "number out of range");
        return build.any(count);
      }
      case LuaType.BOOLEAN:
        return api.lua_toboolean(L, i) === 0 ? build.FALSE : build.TRUE;
      case LuaType.FUNCTION: {
        const draft = this.draft(L);
        const slot = draft.put(i);
        draft.finish(build.capture(build.TRUE, { kind: "runtime", slot }));
        break;
      }
      case LuaType.TABLE:
        this.#grammar(L, i);
        break;
      default: {
        const handle = this.#handle(L, i);
        if (handle === undefined) throw this.#mismatch(L, i);
        return handle.pattern;
      }
    }
    api.lua_copy(L, -1, i);
    api.lua_settop(L, -2);
    return this.#handle(L, i)?.pattern ?? build.FALSE;
  }

  #mismatch(L: State, i: number): ArgumentError {
    return new ArgumentError(i, `${METATABLE} expected, got ${typeName(this.#lua.api.lua_type(L, i))}`);
  }

  /** Begins a pattern on the top of the stack. */
  draft(L: State): Draft {
    this.#lua.reserve(L, 12);
    return new Draft(this.#lua, L, () => ++this.#slots, (pattern) => this.#create(L, pattern));
  }

  /** Pushes a pattern that needs the Lua values of the patterns at `operands`. */
  push(L: State, pattern: Pattern, ...operands: readonly number[]): number {
    const draft = this.draft(L);
    for (const operand of operands) draft.take(operand);
    return draft.finish(pattern);
  }

  /** The form of the value at `i` that is equal for equal Lua values: what rules and groups are named by. */
  key(L: State, i: number): string {
    const { api } = this.#lua;
    const type = api.lua_type(L, i);
    switch (type) {
      case LuaType.STRING:
        return `s${String.fromCharCode(...this.#lua.view(L, i))}`;
      case LuaType.NUMBER:
        return `n${api.lua_tonumberx(L, i, 0)}`;
      case LuaType.BOOLEAN:
        return `b${api.lua_toboolean(L, i)}`;
      default:
        return `p${type} ${api.lua_topointer(L, i)}`;
    }
  }

  /** The name at `i` as messages show it. */
  name(L: State, i: number): string {
    const { api } = this.#lua;
    const type = api.lua_type(L, i);
    if (type === LuaType.STRING) return this.#lua.text(L, i);
    return type === LuaType.NUMBER ? String(api.lua_tonumberx(L, i, 0)) : `(a ${typeName(type)})`;
  }

  /** Pushes the grammar of the table at `i`. */
  #grammar(L: State, i: number): void {
    const { api } = this.#lua;
    const table = api.lua_absindex(L, i);
    const base = api.lua_gettop(L);
    this.#lua.reserve(L, 16);
    const first = this.#initial(L, table);
    api.lua_settop(L, base);
    const draft = this.draft(L);
    const rules: Rule[] = [];
    api.lua_pushnil(L);
    while (api.lua_next(L, table) !== 0) {
      const value = api.lua_gettop(L);
      const key = this.key(L, value - 1);
      const name = this.name(L, value - 1);
      if (key !== "n1" || first === "n1") {
        const type = api.lua_type(L, value);
        const plain = type === LuaType.STRING || type === LuaType.NUMBER || type === LuaType.BOOLEAN;
        if (!plain && !this.has(L, value)) throw new build.PatternError(`rule '${name}' is not a pattern`);
        const body = this.at(L, value);
        draft.take(value);
        rules.push({ key, name, body });
      }
      api.lua_settop(L, value - 1);
    }
    // Lua iterates in any order; messages and programs are to be the same each time.
    rules.sort((a, b) => a.key === first ? -1 : b.key === first ? 1 : a.key < b.key ? -1 : 1);
    if (rules[0]?.key !== first) throw new build.PatternError("grammar has no initial rule");
    draft.finish(build.grammar(rules));
  }

  /** The key of a grammar's initial rule: what its field 1 names, or 1 if that is the rule itself. */
  #initial(L: State, table: number): string {
    const { api } = this.#lua;
    const type = api.lua_rawgeti(L, table, 1n);
    if (type === LuaType.NIL) throw new build.PatternError("grammar has no initial rule");
    return this.has(L, -1) ? "n1" : this.key(L, -1);
  }
}

/** A pattern in the making: collects the Lua values that it needs. */
export class Draft {
  readonly #lua: LuaValues;
  readonly #L: State;
  readonly #slot: () => bigint;
  readonly #create: (pattern: Pattern) => void;
  /** The stack index of the table of values, which is nil while there are none. */
  readonly #index: number;
  /** Whether the table is this draft's: others belong to patterns, and several may share one. */
  #own = false;

  constructor(lua: LuaValues, L: State, slot: () => bigint, create: (pattern: Pattern) => void) {
    this.#lua = lua;
    this.#L = L;
    this.#slot = slot;
    this.#create = create;
    lua.api.lua_pushnil(L);
    this.#index = lua.api.lua_gettop(L);
  }

  /** Takes the values of the pattern at `i` over; other values have none. */
  take(i: number): void {
    const { api } = this.#lua;
    const L = this.#L;
    if (api.lua_type(L, i) !== LuaType.USERDATA) return;
    const type = api.lua_getiuservalue(L, i, 1);
    if (type === LuaType.TABLE && api.lua_rawequal(L, -1, this.#index) === 0) {
      if (api.lua_type(L, this.#index) === LuaType.NIL) api.lua_copy(L, -1, this.#index);
      else {
        this.#makeOwn();
        this.#copy(api.lua_gettop(L));
      }
    }
    api.lua_settop(L, -2);
  }

  /** Takes the value at `i` in and gives the slot that names it. */
  put(i: number): bigint {
    const { api } = this.#lua;
    const value = api.lua_absindex(this.#L, i);
    this.#makeOwn();
    const slot = this.#slot();
    api.lua_pushvalue(this.#L, value);
    api.lua_rawseti(this.#L, this.#index, slot);
    return slot;
  }

  #makeOwn(): void {
    const { api } = this.#lua;
    const L = this.#L;
    if (this.#own) return;
    this.#own = true;
    api.lua_pushvalue(L, this.#index);
    api.lua_createtable(L, 0, 1);
    api.lua_copy(L, -1, this.#index);
    api.lua_settop(L, -2);
    if (api.lua_type(L, -1) === LuaType.TABLE) this.#copy(api.lua_gettop(L));
    api.lua_settop(L, -2);
  }

  /** Copies the table at `from` into this draft's. */
  #copy(from: number): void {
    const { api } = this.#lua;
    const L = this.#L;
    api.lua_pushnil(L);
    while (api.lua_next(L, from) !== 0) {
      api.lua_pushvalue(L, -2);
      api.lua_rotate(L, -2, 1);
      api.lua_rawset(L, this.#index);
    }
  }

  /** Leaves the pattern on the stack where the draft began, and gives 1, the number of results. */
  finish(pattern: Pattern): number {
    const { api } = this.#lua;
    const L = this.#L;
    this.#create(pattern);
    api.lua_pushvalue(L, this.#index);
    api.lua_setiuservalue(L, -2, 1);
    api.lua_copy(L, -1, this.#index);
    api.lua_settop(L, this.#index);
    return 1;
  }
}
