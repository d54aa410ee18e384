/**
 * Lua 5.1 on Lua 5.4: the libraries of a state become those that scripts for Lua 5.1 know, and {@linkcode translate} does the
 * same for their source.
 *
 * Differences that remain, all of them in things that Lua 5.1 leaves open or that no script should miss:
 *
 * - Integers are exact up to 2^63 and print in full; they are doubles only if a float or a product with a literal is
 *   involved. The ids of MySQL stay what they are. `n % 0` of two integers is an error, not NaN.
 * - What Lua 5.1 refuses and 5.4 takes is taken, such as `("%s"):format(nil)`; messages of syntax errors are Lua 5.4's.
 * - Metamethods of Lua 5.2 and later are used: `__len` of tables, `__pairs`. `__le` is not made of `__lt`.
 * - `setfenv(0, t)` is for all coroutines; C functions have no environments.
 * - `gsub` without a replacement does not count empty matches behind others.
 * - The bytecode of `string.dump` is Lua 5.4's, `pairs` visits in another order, random numbers come in another sequence.
 *
 * @module
 */
import type { LuaEngine, State } from "../engine.ts";
import { installLenientFiles } from "./lenient_files.ts";
import { installLenientFunctions } from "./lenient_functions.ts";
import { installLevels } from "./levels.ts";
import { latin1, pushLatin1 } from "./native_function.ts";
import { classicTraceback } from "./traceback.ts";
import { translate } from "./translate.ts";

export { classicTraceback, translate };

/** In this order: later ones use what earlier ones put into the table `dialect`. */
const PARTS = [
  "arguments",
  "basic",
  "numbers",
  "tables",
  "strings",
  "environments",
  "loading",
  "modules",
  "debugging",
];

/**
 * Loads a part without debug information: Lua shows no lines of such functions, as if they were C.
 *
 * Called with the part's source, its name, and the table `dialect`.
 */
const STRIP = `local source, name, dialect = ...
local part = assert(load(source, name, "t"))
return load(string.dump(part, true), "=[C]", "b")(dialect)`;

/** Turns the libraries of a state, fresh from {@linkcode LuaEngine.open}, into those of Lua 5.1. */
export function installDialect(engine: LuaEngine): void {
  const { api } = engine;
  api.lua_createtable(engine.main, 0, 0);
  const dialect = api.lua_gettop(engine.main);
  const functions = {
    translate: (L: State) => {
      engine.pushBytes(L, translate(engine.argBytes(L, 1)));
      return 1;
    },
    // classic_traceback(text, length of the message): bytes that are no text stay what they are.
    classic_traceback: (L: State) => {
      const text = latin1(engine, L, 1);
      const classic = classicTraceback(text, engine.argInteger(L, 2));
      pushLatin1(engine, L, classic);
      return 1;
    },
    userdata: (L: State) => {
      api.lua_newuserdatauv(L, 0, 0);
      return 1;
    },
  };
  for (const [name, fn] of Object.entries(functions)) {
    engine.pushFunction(engine.main, name, fn);
    api.lua_setfield(engine.main, dialect, engine.cstring(name));
  }
  for (const part of PARTS) {
    const coroutine = engine.begin();
    const source = Deno.readFileSync(new URL(`./${part}.lua`, import.meta.url));
    engine.load(coroutine.L, STRIP, "=dialect");
    engine.pushBytes(coroutine.L, source);
    engine.pushText(coroutine.L, `=${part}.lua`);
    api.lua_pushvalue(engine.main, dialect);
    api.lua_xmove(engine.main, coroutine.L, 1);
    engine.run(coroutine, 3, () => {});
  }
  installLenientFunctions(engine, dialect);
  installLenientFiles(engine);
  installLevels(engine);
  api.lua_getglobal(engine.main, engine.cstring("string"));
  api.lua_getfield(engine.main, -1, engine.cstring("gmatch"));
  api.lua_setfield(engine.main, -2, engine.cstring("gfind"));
  api.lua_settop(engine.main, dialect - 1);
}
