/**
 * `lfs`: LuaFileSystem 1.2 (spec section 4.9; https://lunarmodules.github.io/luafilesystem/manual.html).
 *
 * What fails, also for want of a permission, gives nil and a message. `lock` and `unlock` always do: the descriptors of Lua's
 * files are the proxy's own, and a lock that waited would stop all connections.
 *
 * @module
 */
import type { LuaEngine, LuaFunction, LuaValue, State } from "../engine.ts";
import { LuaType } from "../lua_api.ts";
import { about } from "./context.ts";

/** What kind of file it is, by its name in LuaFileSystem. */
function modeOf(info: Deno.FileInfo): string {
  if (info.isFile) return "file";
  if (info.isDirectory) return "directory";
  if (info.isSymlink) return "link";
  if (info.isSocket) return "socket";
  if (info.isFifo) return "named pipe";
  if (info.isCharDevice) return "char device";
  return info.isBlockDevice ? "block device" : "other";
}

function seconds(date: Date | null): number {
  return date === null ? 0 : Math.floor(date.getTime() / 1000);
}

function attributesOf(info: Deno.FileInfo): Record<string, LuaValue> {
  return {
    dev: info.dev,
    ino: info.ino ?? 0,
    mode: modeOf(info),
    nlink: info.nlink ?? 1,
    uid: info.uid ?? 0,
    gid: info.gid ?? 0,
    rdev: info.rdev ?? 0,
    access: seconds(info.atime),
    modification: seconds(info.mtime),
    change: seconds(info.ctime ?? info.mtime),
    size: info.size,
    blocks: info.blocks ?? 0,
    blksize: info.blksize ?? 0,
  };
}

/** Makes the module loadable. */
export function preloadLfs(engine: LuaEngine): void {
  const { api } = engine;

  /** Pushes what `act` returns; if it fails, nil and a message. */
  const attempt = (L: State, failure: string, act: () => LuaValue): number => {
    let result: LuaValue;
    try {
      result = act();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      api.lua_pushnil(L);
      engine.pushText(L, `${failure}: ${error.message}`);
      return 2;
    }
    engine.push(L, result);
    return 1;
  };

  const attributes = (stat: (path: string) => Deno.FileInfo): LuaFunction => (L) => {
    const path = engine.argText(L, 1);
    const name = engine.optText(L, 2, undefined);
    return attempt(L, `cannot obtain information from file '${path}'`, () => {
      const all = attributesOf(stat(path));
      if (name === undefined) return all;
      if (!Object.hasOwn(all, name)) throw new Error(`invalid attribute name '${name}'`);
      return all[name];
    });
  };

  const notSupported: LuaFunction = (L) => {
    api.lua_pushnil(L);
    engine.pushText(L, "files cannot be locked here");
    return 2;
  };

  /** Reads the whole folder at once: entries that a loop adds or removes do not matter. */
  const entries = (L: State): number => {
    const path = engine.argText(L, 1);
    let names: string[];
    try {
      names = [".", "..", ...Array.from(Deno.readDirSync(path), (entry) => entry.name)];
    } catch (error) {
      throw new Error(`cannot open ${path}: ${error instanceof Error ? error.message : error}`);
    }
    engine.push(L, names);
    return 1;
  };

  engine.preload("lfs", (L) => {
    engine.module(L, "lfs", {
      attributes: attributes(Deno.statSync),
      symlinkattributes: attributes(Deno.lstatSync),
      chdir(L) {
        const path = engine.argText(L, 1);
        return attempt(L, `Unable to change working directory to '${path}'`, () => {
          Deno.chdir(path);
          return true;
        });
      },
      currentdir: (L) => attempt(L, "cannot tell the working directory", () => Deno.cwd()),
      lock: notSupported,
      unlock: notSupported,
      mkdir(L) {
        const path = engine.argText(L, 1);
        return attempt(L, `cannot make the directory '${path}'`, () => {
          Deno.mkdirSync(path);
          return true;
        });
      },
      rmdir(L) {
        const path = engine.argText(L, 1);
        return attempt(L, `cannot remove the directory '${path}'`, () => {
          if (!Deno.lstatSync(path).isDirectory) throw new Error("Not a directory");
          Deno.removeSync(path);
          return true;
        });
      },
      touch(L) {
        const path = engine.argText(L, 1);
        const access = api.lua_type(L, 2) > LuaType.NIL ? engine.argNumber(L, 2) : Date.now() / 1000;
        const modification = engine.optNumber(L, 3, access);
        return attempt(L, `cannot touch '${path}'`, () => {
          Deno.utimeSync(path, access, modification);
          return true;
        });
      },
    }, { ...about("lfs", "Folders and the attributes of files"), _VERSION: "LuaFileSystem 1.2" });

    // dir() gives an iterator.
    engine.load(
      L,
      `local entries = ...
       return function(path)
         local names, i = entries(path), 0
         return function()
           i = i + 1
           return names[i]
         end
       end`,
      "=lfs",
    );
    engine.pushFunction(L, "dir", entries);
    api.lua_callk(L, 1, 1, 0, 0);
    api.lua_setfield(L, -2, engine.cstring("dir"));
    return 1;
  });
}
