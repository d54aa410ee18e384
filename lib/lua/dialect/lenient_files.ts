/**
 * Functions of `os` and `io` that take what those of Lua 5.1 take, and fail with its messages.
 *
 * @module
 */
import type { LuaEngine, State } from "../engine.ts";
import { LuaType, REGISTRY } from "../lua_api.ts";
import { linuxErrorNumber } from "./error_numbers.ts";
import { latin1, pushLatin1, putAt, replace, type Replacement } from "./native_function.ts";

const { NIL, NUMBER, STRING, TABLE } = LuaType;

/** Replaces the functions that are stricter in Lua 5.4. */
export function installLenientFiles(engine: LuaEngine): void {
  replace(engine, "os", osFunctions(engine));
  replace(engine, "io", ioFunctions(engine));
  hideFinalizer(engine);
}

/**
 * `getmetatable(file)` gives a table with the methods, to which scripts may add some, instead of the metatable itself: a
 * finalizer that is put there runs for all files, and no time limit holds in it.
 */
function hideFinalizer(engine: LuaEngine): void {
  const { api, main } = engine;
  api.lua_getfield(main, REGISTRY, engine.cstring("FILE*"));
  api.lua_createtable(main, 0, 1);
  api.lua_getfield(main, -2, engine.cstring("__index"));
  api.lua_setfield(main, -2, engine.cstring("__index"));
  api.lua_setfield(main, -2, engine.cstring("__metatable"));
  api.lua_settop(main, -2);
}

/** What `os.time` reads. */
const TIME_FIELDS = ["year", "month", "day", "hour", "min", "sec", "isdst"];
/** The longest format: no time limit holds while the conversions are made. */
const LONGEST_FORMAT = 4096;
/** What Lua 5.4 lets through to strftime(). */
const CONVERSIONS = /%(E[cCxXyY]|O[deHImMSuUVwWy]|[aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%])|%([\s\S]?)/g;

function osFunctions(engine: LuaEngine): Record<string, Replacement> {
  const { api } = engine;
  return {
    remove: (L, native) => withLinuxError(engine, L, native(L)),
    // Lua 5.1's message begins with the file.
    rename(L, native) {
      const count = native(L);
      if (count === 3) {
        api.lua_pushvalue(L, 1);
        engine.pushText(L, ": ");
        api.lua_pushvalue(L, -4);
        api.lua_concat(L, 3);
        putAt(engine, L, -3);
      }
      return withLinuxError(engine, L, count);
    },
    // Lua 5.4 puts the fields of the table right.
    time(L, native) {
      if (api.lua_type(L, 1) === TABLE) {
        api.lua_createtable(L, 0, TIME_FIELDS.length);
        for (const field of TIME_FIELDS) {
          api.lua_getfield(L, 1, engine.cstring(field));
          api.lua_setfield(L, -2, engine.cstring(field));
        }
        putAt(engine, L, 1);
      }
      return native(L);
    },
    // Of the conversions that only the GNU library has, the simple ones; others stay as they are.
    date(L, native) {
      if (api.lua_type(L, 1) !== STRING) return native(L);
      const text = latin1(engine, L, 1);
      if (text.length > LONGEST_FORMAT) throw new Error("'date' format too long");
      const time = api.lua_type(L, 2) === NUMBER ? api.lua_tonumberx(L, 2, 0) : Date.now() / 1000;
      const known = text.replace(CONVERSIONS, (whole, right, char) => {
        if (right !== undefined) return whole;
        return char === "s" ? `${Math.floor(time)}` : char === "k" ? "%H" : char === "l" ? "%I" : `%${whole}`;
      });
      if (known !== text) {
        pushLatin1(engine, L, known);
        putAt(engine, L, 1);
      }
      return native(L);
    },
  };
}

/** Of nil, a message and an error number as results, changes the number. */
function withLinuxError(engine: LuaEngine, L: State, count: number): number {
  const { api } = engine;
  if (count === 3 && api.lua_type(L, -3) === NIL) {
    const number = linuxErrorNumber(api.lua_tonumberx(L, -1, 0));
    api.lua_settop(L, -2);
    engine.pushNumber(L, number);
  }
  return count;
}

function ioFunctions(engine: LuaEngine): Record<string, Replacement> {
  const { api } = engine;
  return {
    // fopen() looks at the first letter and for a "+", and takes whatever else is in the mode.
    open(L, native) {
      if (api.lua_type(L, 2) === STRING) {
        const mode = engine.text(L, 2);
        if (/^[rwa]/.test(mode) && !/^[rwa]\+?b?$/.test(mode)) {
          engine.pushText(L, mode.slice(0, 1) + (mode.includes("+") ? "+" : "") + (mode.includes("b") ? "b" : ""));
          putAt(engine, L, 2);
        }
      }
      return withLinuxError(engine, L, native(L));
    },
  };
}
