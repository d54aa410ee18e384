import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LuaError } from "../../lib/lua/engine.ts";
import { call, define, withEngine } from "./open_engine.ts";

Deno.test("an exception becomes a Lua error at the caller's position", async () => {
  await withEngine({}, async (engine) => {
    define(engine, "fail", () => {
      throw new TypeError("no such thing");
    });
    assertEquals(await call(engine, "return pcall(function() local x = fail() return x end)"), [
      false,
      "test.lua:1: no such thing",
    ]);
    const error = await assertRejects(() => call(engine, "\nlocal x = fail()"), LuaError);
    assertEquals(error.message, "test.lua:2: no such thing");
    assertEquals(error.code, "script");
    assertEquals(error.traceback, "stack traceback:\n\t[C]: in function 'fail'\n\ttest.lua:2: in main chunk");
  });
});

Deno.test("a function that fails with a full stack still raises its error", async () => {
  await withEngine({}, async (engine) => {
    define(engine, "fail", (L) => {
      for (let i = 0; i < 19; i++) engine.push(L, i);
      throw new Error("full");
    });
    assertEquals(await call(engine, "return pcall(fail)"), [false, "full"]);
  });
});

Deno.test("module() sets the global with the last part of its name", async () => {
  await withEngine({}, async (engine) => {
    engine.preload("mysql.tokenizer", (L) => {
      return engine.module(L, "mysql.tokenizer", { answer: (L) => (engine.push(L, 42), 1) }, { VERSION: "1.0" });
    });
    assertEquals(await call(engine, "return tokenizer"), [undefined]);
    assertEquals(
      await call(
        engine,
        "local t = require 'mysql.tokenizer' return t.answer(), t.VERSION, tokenizer == t, require 'mysql.tokenizer' == t",
      ),
      [42, "1.0", true, true],
    );
    assertEquals(engine.api.lua_gettop(engine.main), 0);
  });
});

Deno.test("load() says where the source is wrong, and takes no bytecode", async () => {
  await withEngine({}, async (engine) => {
    const error = assertThrows(() => engine.load(engine.main, "\nlocal = 1", "@dir/file.lua"), LuaError);
    assertEquals(error.code, "syntax");
    assertEquals(error.message, "dir/file.lua:2: <name> expected near '='");
    const [bytecode] = engine.execute("return string.dump(function() end)", "=t");
    if (!(bytecode instanceof Uint8Array)) throw new Error("no bytecode");
    assertThrows(() => engine.load(engine.main, bytecode, "=t"), LuaError, "attempt to load a binary chunk");
    assertEquals(engine.api.lua_gettop(engine.main), 0);
    await call(engine, "return 1");
  });
});

Deno.test("Lua calls us, and we call Lua, and so on until it is too deep", async () => {
  await withEngine({}, async (engine) => {
    define(engine, "again", (L) => {
      engine.api.lua_callk(L, engine.api.lua_gettop(L) - 1, 1, 0, 0);
      return 1;
    });
    assertEquals(
      await call(engine, "return again(function(n) return again(function(m) return n + m end, 2) end, 1)"),
      [3],
    );
    const error = await assertRejects(() => call(engine, "function f() return (again(f)) end f()"), LuaError);
    assertEquals(error.message.endsWith("C stack overflow"), true, error.message);
    assertEquals(await call(engine, "return 1"), [1]);
  });
});
