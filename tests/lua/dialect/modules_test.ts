import { assertEquals } from "@std/assert";
import { Lua51 } from "./state.ts";

/** Writes files into a folder of their own while `use` runs. */
async function withFiles(files: Record<string, string>, use: (lua: Lua51, folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    use(await Lua51.open({ luaPath: `${folder}/?.lua` }), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("require() and module() make modules that are globals", async () => {
  const files = {
    "m.lua": "module(..., package.seeall)\nx = 5\nfunction f() return _NAME, _M == getfenv(1), type(print), x end",
    "bare.lua": "local select = select module('a.bare') y = 1 function f(...) return arg.n end",
    "plain.lua": "print = print return {...}",
  };
  await withFiles(files, (lua) => {
    lua.expect({
      "local r = require('m') return r == m, r.f()": "true m true function 5",
      "require('bare') return a.bare.y, a.bare._PACKAGE, rawget(_G, 'y'), a.bare.f(1, 2)": "1 a. nil 2",
      "local t = require('plain') return #t, t[1], select('#', require('plain'))": "1 plain 1",
      "module('print')": "error: t.lua:1: name conflict for module 'print'",
    });
  });
});

Deno.test("module() assigns nested tables through the metatable of the outer one", async () => {
  await withFiles({ "commands.lua": "module('proxy.commands', package.seeall) z = 1" }, (lua) => {
    lua.expect({
      [
        `local seen = {} proxy = setmetatable({}, { __newindex = seen, __index = seen })
        require('commands') return seen.commands.z, proxy.commands._NAME`
      ]: "1 proxy.commands",
    });
  });
});

Deno.test("require() says why a module cannot be loaded", async () => {
  await withFiles({ "bad.lua": "\nx = = 1", "loop.lua": "require('loop')" }, (lua, folder) => {
    const missing = lua.run("require('no.such')");
    assertEquals(missing.split("\n").slice(0, 3), [
      "error: t.lua:1: module 'no.such' not found:",
      "\tno field package.preload['no.such']",
      `\tno file '${folder}/no/such.lua'`,
    ]);
    lua.expect({
      "require('loop')": `error: ${folder}/loop.lua:1: loop or previous error loading module 'loop'`,
      "require('bad')": `error: error loading module 'bad' from file '${folder}/bad.lua':\n` +
        `\t${folder}/bad.lua:2: unexpected symbol near '='`,
      "package.preload.p = function(...) return ... end return require('p'), package.loaders == package.searchers":
        "p true",
      "table.insert(package.loaders, 1, function(n) if n == 'x' then return function() return 8 end end end) return require('x')":
        "8",
    });
  });
});

Deno.test("loaded source is translated and runs in the globals", async () => {
  await withFiles(
    { "f.lua": '#!/usr/bin/lua\nreturn "\\." .. debug.getinfo(1).source:match("[^/]*$"), _NAME' },
    (lua, folder) => {
      lua.expect({
        [`return dofile('${folder}/f.lua')`]: ".f.lua nil",
        [String.raw`return loadstring('return "\\.", ...')(7)`]: ". 7",
        "local parts = {'return ', '1+', '1'} local i = 0 return load(function() i = i + 1 return parts[i] end)()": "2",
        "return loadstring('x = ', '@chunk')": "nil chunk:1: unexpected symbol near '<eof>'",
        "return load(function() error('reading', 0) end)": "nil reading",
        "return loadstring(string.dump(function(a) return a * 2, print ~= nil end))(21)": "42 true",
        "local e = {} setfenv(1, setmetatable(e, {__index = _G})) g = 1 return loadstring('return g')(), e.g": "nil 1",
        "return loadfile('/nonexistent')": "nil cannot open /nonexistent: No such file or directory",
      });
    },
  );
});

Deno.test("getfenv() and setfenv() change environments by function and level", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "local e = {} local function f() z = 1 return z end return setfenv(f, e) == f, f(), e.z, rawget(_G, 'z'), getfenv(f) == e":
      "true 1 1 nil true",
    "return getfenv(0) == _G, getfenv(1) == _G, getfenv() == _G, getfenv(print) == _G": "true true true true",
    "local function outer() setfenv(2, {tag = 'o'}) end local function caller() outer() return tag end return caller(), tag":
      "o nil",
    "local f = setfenv(loadstring('return function() return v end'), {v = 'inherited'}) return f()()": "inherited",
    "local f = setfenv(function() return getfenv(1) end, {getfenv = getfenv, id = 1}) return f().id": "1",
    "setfenv(print, {})": "error: t.lua:1: 'setfenv' cannot change environment of given object",
    "getfenv(-1)": "error: t.lua:1: bad argument #1 to 'getfenv' (level must be non-negative)",
    "setfenv(1)": "error: t.lua:1: bad argument #2 to 'setfenv' (table expected, got nil)",
  });
});
