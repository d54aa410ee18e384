/**
 * Functions of Lua 5.4 that take what those of Lua 5.1 take. The ways that are long are in strings.lua.
 *
 * @module
 */
import { ArgumentError, type LuaEngine, type LuaFunction, type State } from "../engine.ts";
import { LuaType, MULTIPLE_RESULTS, REGISTRY, typeName } from "../lua_api.ts";
import { KnownStrings } from "./known_strings.ts";
import { effortOf, isPlain, PatternTrial, tryPlainSearch } from "./pattern_trial.ts";
import { latin1, pushLatin1, putAt, replace, type Replacement } from "./native_function.ts";

const { FUNCTION, NIL, NUMBER, STRING, TABLE } = LuaType;

/** Replaces the functions that are called most, or whose errors scripts run into. */
export function installLenientFunctions(engine: LuaEngine, dialect: number): void {
  replace(engine, "_G", basicFunctions(engine, dialect));
  replace(engine, "string", stringFunctions(engine, dialect));
  replace(engine, "table", tableFunctions(engine));
  replace(engine, "math", mathFunctions(engine));
  replace(engine, "debug", { setmetatable: withoutFinalizer(engine) });
}

function basicFunctions(engine: LuaEngine, dialect: number): Record<string, Replacement> {
  const { api } = engine;
  const host = engine.cstring("__host");
  const next = engine.cstring("__next");
  const index = engine.cstring("__index");
  api.lua_getfield(engine.main, dialect, engine.cstring("read_raw"));
  const readRaw = BigInt(api.luaL_ref(engine.main, REGISTRY));
  const has = (L: State, event: number) => {
    if (api.luaL_getmetafield(L, 1, event) === NIL) return false;
    api.lua_settop(L, -2);
    return true;
  };
  return {
    // Lua 5.4's reads through __index, and never ends for a table whose missing fields have a default value.
    ipairs(L, native) {
      const isTable = api.lua_type(L, 1) === TABLE;
      if (isTable && !has(L, index) || has(L, host)) return native(L);
      if (!isTable) throw new ArgumentError(1, `table expected, got ${typeName(api.lua_type(L, 1))}`);
      api.lua_rawgeti(L, REGISTRY, readRaw);
      api.lua_pushvalue(L, 1);
      api.lua_pushinteger(L, 0n);
      return 3;
    },
    // The host's tables may have their contents elsewhere.
    next(L, native) {
      if (api.luaL_getmetafield(L, 1, host) === NIL) return native(L);
      // The field away, and nil for a key that is left out.
      api.lua_settop(L, -2);
      api.lua_settop(L, 2);
      if (api.luaL_getmetafield(L, 1, next) === NIL) return native(L);
      api.lua_rotate(L, 1, 1);
      api.lua_callk(L, 2, MULTIPLE_RESULTS, 0, 0);
      return api.lua_gettop(L);
    },
    setmetatable: withoutFinalizer(engine),
    // With base 10, any number; with others, Lua 5.4 takes strings only.
    tonumber(L, native) {
      if (api.lua_type(L, 2) > NIL) {
        if (api.lua_tonumberx(L, 2, 0) === 10) api.lua_settop(L, 1);
        else if (api.lua_type(L, 1) === NUMBER) api.lua_tolstring(L, 1, 0);
      }
      return native(L);
    },
    // A number is a message as well.
    error(L, native) {
      if (api.lua_type(L, 1) === NUMBER) api.lua_tolstring(L, 1, 0);
      return native(L);
    },
  };
}

/**
 * `setmetatable` without finalizers. In Lua 5.1 tables have none, and one that never ends could not be stopped: no time limit
 * holds in there.
 */
function withoutFinalizer(engine: LuaEngine): Replacement {
  const { api } = engine;
  const finalizer = engine.cstring("__gc");
  return (L, native) => {
    if (api.lua_type(L, 2) !== TABLE) return native(L);
    api.lua_settop(L, 2);
    api.lua_pushstring(L, finalizer);
    if (api.lua_rawget(L, 2) === NIL) {
      api.lua_settop(L, 2);
      return native(L);
    }
    const saved = BigInt(api.luaL_ref(L, REGISTRY));
    api.lua_pushvalue(L, 2);
    const metatable = BigInt(api.luaL_ref(L, REGISTRY));
    const setFinalizer = (push: () => void) => {
      api.lua_rawgeti(L, REGISTRY, metatable);
      api.lua_pushstring(L, finalizer);
      push();
      api.lua_rawset(L, -3);
      api.lua_settop(L, -2);
    };
    setFinalizer(() => api.lua_pushnil(L));
    try {
      return native(L);
    } finally {
      setFinalizer(() => api.lua_rawgeti(L, REGISTRY, saved));
      api.luaL_unref(L, REGISTRY, Number(saved));
      api.luaL_unref(L, REGISTRY, Number(metatable));
    }
  };
}

/** Conversions with flags that mean nothing for them: Lua 5.4 refuses those. And "%q", which it writes otherwise. */
const UNUSUAL =
  /%[-+ #0]*[\d.]*q|%[-+ #0]*(?:#[-+ #0]*[\d.]*[di]|[+ ][-+ #0]*[\d.]*[uoxX]|#[-+ #0]*[\d.]*u|[+ #0][-+ #0]*[\d.]*[cs])/;

function stringFunctions(engine: LuaEngine, dialect: number): Record<string, Replacement> {
  const { api } = engine;
  // A function of strings.lua, called in place of the function itself.
  const long = (name: string): LuaFunction => {
    api.lua_getfield(engine.main, dialect, engine.cstring(name));
    const reference = BigInt(api.luaL_ref(engine.main, REGISTRY));
    return (L) => {
      api.lua_rawgeti(L, REGISTRY, reference);
      api.lua_rotate(L, 1, 1);
      api.lua_callk(L, api.lua_gettop(L) - 1, MULTIPLE_RESULTS, 0, 0);
      return api.lua_gettop(L);
    };
  };
  const format = long("format");
  const gsub = long("gsub");
  const gmatch = long("gmatch");
  const allowPercent = percentAllower(engine);
  const unusual = new KnownStrings(engine, (L, i) => UNUSUAL.test(latin1(engine, L, i).replaceAll("%%", "")));
  // Behind a match Lua 5.1 takes an empty one, Lua 5.4 does not: patterns that can match nothing take the long way.
  const empty = new KnownStrings(engine, (L, i) => {
    api.lua_pushvalue(L, i);
    api.lua_getfield(L, REGISTRY, engine.cstring(CAN_BE_EMPTY));
    api.lua_rotate(L, -2, 1);
    api.lua_callk(L, 1, 1, 0, 0);
    const answer = api.lua_toboolean(L, -1) !== 0;
    api.lua_settop(L, -2);
    return answer;
  });
  api.lua_getfield(engine.main, dialect, engine.cstring("can_be_empty"));
  api.lua_setfield(engine.main, REGISTRY, engine.cstring(CAN_BE_EMPTY));
  const tryOut = patternGuard(engine);
  const tryPlain = searchGuard(engine);
  // A thousand calls with long strings, between two looks at the time, take minutes.
  const timed: Replacement = (L, native) => {
    if (api.lua_rawlen(L, 1) > LONG) engine.checkTimeLimit(L);
    return native(L);
  };
  return {
    format(L, native) {
      return api.lua_type(L, 1) === STRING && unusual.is(L, 1) ? format(L) : native(L);
    },
    find(L, native) {
      if (!tryPlain(L)) tryOut(L, false);
      return native(L);
    },
    // The library's goes round as often as it is told to, also if there is nothing to repeat.
    rep(L, native) {
      const isNothing = api.lua_type(L, 1) === STRING && api.lua_rawlen(L, 1) === 0n &&
        (api.lua_type(L, 3) <= NIL || api.lua_rawlen(L, 3) === 0n);
      if (isNothing && api.lua_type(L, 2) === NUMBER) {
        api.lua_pushinteger(L, 0n);
        putAt(engine, L, 2);
      }
      return native(L);
    },
    lower: timed,
    upper: timed,
    reverse: timed,
    match(L, native) {
      tryOut(L, false);
      return native(L);
    },
    gsub(L, native) {
      tryOut(L, true);
      const kind = api.lua_type(L, 3);
      // Without replacement, empty matches change nothing but the count: s:gsub("%s*$", "") stays fast.
      if (kind === STRING && allowPercent(L) === 0) return native(L);
      if (api.lua_type(L, 2) !== STRING || !empty.is(L, 2) || api.lua_type(L, 1) !== STRING) return native(L);
      return kind === STRING || kind === TABLE || kind === FUNCTION ? gsub(L) : native(L);
    },
    gmatch(L, native) {
      tryOut(L, true);
      if (api.lua_type(L, 2) !== STRING || api.lua_type(L, 1) !== STRING) return native(L);
      return empty.is(L, 2) ? gmatch(L) : native(L);
    },
  };
}

/** A string of more bytes than this is long. */
const LONG = 1 << 16;
/** Searches for plain text that can take more comparisons than this are tried out before: about half a second. */
const CHEAP_SEARCH = 2 ** 30;

/**
 * Makes a function that stops the script if the search for the plain text at 2 in the subject at 1 takes too long.
 *
 * @returns whether it is such a search.
 */
function searchGuard(engine: LuaEngine): (L: State) => boolean {
  const { api } = engine;
  return (L) => {
    const plain = api.lua_toboolean(L, 4) !== 0;
    if (!engine.isTimeLimited || api.lua_type(L, 1) !== STRING || api.lua_type(L, 2) !== STRING) return plain;
    const length = Number(api.lua_rawlen(L, 1));
    if (plain && length > LONG) engine.checkTimeLimit(L);
    if (length * Number(api.lua_rawlen(L, 2)) < CHEAP_SEARCH) return plain;
    if (!plain && !isPlain(engine.view(L, 2))) return false;
    tryPlainSearch(engine.view(L, 1), engine.view(L, 2), startOf(engine, L, length), () => engine.checkTimeLimit(L));
    return true;
  };
}

/** Where a search in a subject of that length begins, from 0: by the position at 3. */
function startOf({ api }: LuaEngine, L: State, length: number): number {
  const init = Math.trunc(api.lua_tonumberx(L, 3, 0)) || 1;
  return init > 0 ? init - 1 : Math.max(0, length + init);
}

/** Matches that can take more steps than this, as a power of 2, are tried out before: about a tenth of a second. */
const CHEAP = 24;

/**
 * Makes a function that stops the script if the match of the pattern at 2 on the subject at 1 takes too long, from the
 * position at 3 on if not `all` matches are looked for.
 */
function patternGuard(engine: LuaEngine): (L: State, all: boolean) => void {
  const { api } = engine;
  const efforts = new KnownStrings(engine, (L, i) => effortOf(engine.view(L, i)));
  return (L, all) => {
    if (!engine.isTimeLimited || api.lua_type(L, 1) !== STRING || api.lua_type(L, 2) !== STRING) return;
    const length = Number(api.lua_rawlen(L, 1));
    if (length > LONG) engine.checkTimeLimit(L);
    const { repetitions, optional, times } = efforts.is(L, 2);
    if (repetitions < 2 && optional < CHEAP / 2 && times === 1) return;
    if (repetitions * Math.log2(length + 1) + Math.min(optional, length) + Math.log2(times) < CHEAP) return;
    const from = all ? 0 : startOf(engine, L, length);
    // Nothing is called in the instance meanwhile, unless it ends with that.
    new PatternTrial(engine.view(L, 1), engine.view(L, 2), () => engine.checkTimeLimit(L)).run(from, all);
  };
}

/** Its key in the registry. */
const CAN_BE_EMPTY = "mysql-proxy.can_be_empty";

const PERCENT = 0x25;

/**
 * Makes a function that takes "%" away before what is neither a digit nor "%", in the replacement at 3 of the stack, and
 * returns the length that it had.
 */
function percentAllower(engine: LuaEngine): (L: State) => number {
  const { api } = engine;
  const lengthAt = engine.allocate(4);
  return (L) => {
    const start = api.lua_tolstring(L, 3, lengthAt);
    const { memory } = engine;
    const length = engine.wordAt(lengthAt);
    const end = start + length;
    for (let at = start; at < end; at++) {
      if (memory[at] !== PERCENT) continue;
      const next = at + 1 < end ? memory[++at] ?? 0 : 0;
      if (next === PERCENT || next >= 0x30 && next <= 0x39) continue;
      const plain = latin1(engine, L, 3).replace(/%([^%\d]|$)|%[%\d]/g, (whole, char) => {
        return char === undefined ? whole : char === "" ? "\0" : char;
      });
      pushLatin1(engine, L, plain);
      putAt(engine, L, 3);
      break;
    }
    return length;
  };
}

function tableFunctions(engine: LuaEngine): Record<string, Replacement> {
  const { api } = engine;
  // More elements no table can have: each takes 16 bytes. Only `__len` and made-up positions speak of more, and the library
  // goes through them all.
  const isTooMany = (count: number | bigint) => Number(count) > engine.memory.length / 16;
  const refuseTooMany = (L: State) => {
    if (api.lua_type(L, 1) === TABLE && isTooMany(api.luaL_len(L, 1))) throw new ArgumentError(1, "array too big");
  };
  return {
    // A position beyond the end makes the table longer, one below 1 moves everything.
    insert(L, native) {
      if (api.lua_gettop(L) !== 3 || api.lua_type(L, 1) !== TABLE || api.lua_type(L, 2) !== NUMBER) return native(L);
      const position = Math.trunc(api.lua_tonumberx(L, 2, 0));
      const length = Number(api.lua_rawlen(L, 1));
      refuseTooMany(L);
      if (isTooMany(length - position)) throw new ArgumentError(2, "position out of bounds");
      if (position >= 1 && position <= length + 1 || !(Math.abs(position) < 2 ** 31)) return native(L);
      for (let i = length; i >= position; i--) {
        api.lua_geti(L, 1, BigInt(i));
        api.lua_seti(L, 1, BigInt(i + 1));
      }
      api.lua_settop(L, 3);
      api.lua_seti(L, 1, BigInt(position));
      return 0;
    },
    // A position outside of the table removes nothing.
    remove(L, native) {
      if (api.lua_type(L, 1) !== TABLE) return native(L);
      const length = Number(api.luaL_len(L, 1));
      if (isTooMany(length)) throw new ArgumentError(1, "array too big");
      if (api.lua_type(L, 2) <= NIL) return length === 0 ? 0 : native(L);
      if (api.lua_type(L, 2) !== NUMBER) return native(L);
      const position = Math.trunc(api.lua_tonumberx(L, 2, 0));
      return position >= 1 && position <= length ? native(L) : 0;
    },
    sort(L, native) {
      refuseTooMany(L);
      return native(L);
    },
    move(L, native) {
      if (isTooMany(api.lua_tonumberx(L, 3, 0) - api.lua_tonumberx(L, 2, 0))) {
        throw new ArgumentError(3, "too many elements to move");
      }
      return native(L);
    },
  };
}

function mathFunctions(engine: LuaEngine): Record<string, Replacement> {
  const { api } = engine;
  return {
    // With integers Lua 5.4 refuses to divide by zero.
    fmod(L, native) {
      if (api.lua_isinteger(L, 2) !== 0 && api.lua_tonumberx(L, 2, 0) === 0) {
        api.lua_pushnumber(L, 0);
        putAt(engine, L, 2);
      }
      return native(L);
    },
    // Without arguments Lua 5.1 does nothing new; Lua 5.4 gives back the seed.
    randomseed(L, native) {
      const seed = engine.argNumber(L, 1);
      api.lua_settop(L, 0);
      engine.pushNumber(L, Number.isFinite(seed) ? Math.trunc(seed) % 2 ** 53 : 0);
      native(L);
      return 0;
    },
  };
}
