/**
 * Where `require` finds modules: `package.preload`, the files of `package.path`, the modules that are part of the program; and
 * a clear answer for C modules, which cannot be loaded.
 *
 * @module
 */
import { REGISTRY, type State } from "./lua_api.ts";
import { LuaError } from "./lua_error.ts";
import type { LuaFunctions } from "./lua_functions.ts";

/** A module's Lua source. */
export interface EmbeddedModule {
  readonly source: Uint8Array;
  /** Such as `@/path/to/module.lua`. */
  readonly chunkName: string;
}

/** Where modules come from. */
export interface PackageOptions {
  /** `package.path`: templates with `?`, separated by `;`. */
  readonly luaPath?: string;
  /** Where C modules are looked for, only to say that they cannot be loaded. */
  readonly luaCPath?: string;
  /** Modules that are part of the program, looked up after `package.path`. */
  readonly embedded?: (name: string) => EmbeddedModule | undefined;
}

/** Sets `package.path`, `package.cpath` and the searchers that are not the library's own. */
export function installPackages(lua: LuaFunctions, options: PackageOptions): void {
  const { api, main } = lua;
  api.lua_getglobal(main, lua.cstring("package"));
  const set = (name: string, value: string) => {
    lua.pushText(main, value);
    api.lua_setfield(main, -2, lua.cstring(name));
  };
  set("path", options.luaPath ?? "");
  // Nothing is ever loaded from there, and scripts may append to it.
  set("cpath", "");
  api.lua_getfield(main, -1, lua.cstring("searchers"));
  lua.pushFunction(main, "searcher", (L) => searchEmbedded(lua, L, options.embedded));
  api.lua_rawseti(main, -2, 3n);
  lua.pushFunction(main, "searcher", (L) => refuseLibrary(lua, L, options.luaCPath ?? ""));
  api.lua_rawseti(main, -2, 4n);
  api.lua_settop(main, -3);
}

function searchEmbedded(lua: LuaFunctions, L: State, embedded: PackageOptions["embedded"]): number {
  const name = lua.argText(L, 1);
  const found = embedded?.(name);
  if (found === undefined) {
    lua.pushText(L, `no built-in module '${name}'`);
    return 1;
  }
  try {
    lua.load(L, found.source, found.chunkName);
  } catch (error) {
    if (!(error instanceof LuaError)) throw error;
    throw new LuaError(error.code, `error loading module '${name}':\n\t${error.message}`);
  }
  lua.pushText(L, found.chunkName.replace(/^[@=]/, ""));
  return 2;
}

/** Looks for a C module, as the library would, and says why it does not help to have one. */
function refuseLibrary(lua: LuaFunctions, L: State, cpath: string): number {
  const name = lua.argText(L, 1);
  const { api } = lua;
  api.lua_getglobal(L, lua.cstring("package"));
  api.lua_getfield(L, -1, lua.cstring("cpath"));
  const templates = `${cpath};${lua.text(L, -1)}`.split(";").filter((template) => template !== "");
  const root = name.split(".")[0] ?? name;
  const tried: string[] = [];
  // "-" separates a version from the name (manual of package.loaders); a library may hold the submodules of its root, too.
  for (const candidate of new Set([name, root])) {
    for (const template of templates) {
      const path = template.replaceAll("?", candidate.replaceAll(".", "/"));
      if (isFile(path)) {
        throw new LuaError(
          "script",
          `module '${name}' is in the C library '${path}', and C libraries cannot be loaded here: ` +
            `use a module written in Lua, or one that is built in (${builtIn(lua, L).join(", ")})`,
        );
      }
      tried.push(`no file '${path}'`);
    }
  }
  lua.pushText(L, tried.join("\n\t"));
  return 1;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** The names in `package.preload`. */
function builtIn(lua: LuaFunctions, L: State): string[] {
  const { api } = lua;
  const names: string[] = [];
  api.luaL_getsubtable(L, REGISTRY, lua.cstring("_PRELOAD"));
  const table = api.lua_gettop(L);
  api.lua_pushnil(L);
  while (api.lua_next(L, table) !== 0) {
    api.lua_settop(L, -2);
    api.lua_pushvalue(L, -1);
    names.push(lua.text(L, -1));
    api.lua_settop(L, -2);
  }
  return names.sort();
}
