import { assertEquals } from "@std/assert";
import { Lua51 } from "./state.ts";

Deno.test("numbers print as in Lua 5.1", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "return _VERSION, 10 / 2, 7 / 2, 2 ^ 53, 1e15, 5.0, 1 / 3":
      "Lua 5.1 5 3.5 9.007199254741e+15 1e+15 5 0.33333333333333",
    "return 10 / 2 .. '', 3 % -2, '10' + 5": "5 -1 15",
    "local h = 5381 for i = 1, 40 do h = h * 33 + i end return h": "2.9608962375601e+64",
    "return 0xffffffffffffffff": "1.844674407371e+19",
    "for i = '1', '3' do s = (s or '') .. i end return s": "123",
  });
});

Deno.test("integers stay exact, so that ids of MySQL do", async () => {
  const lua = await Lua51.open();
  lua.expect({ "return 9007199254740993, 9007199254740993 + 1": "9007199254740993 9007199254740994" });
});

Deno.test("basic functions are those of Lua 5.1", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "return tonumber('10', 16), tonumber(10, 16), tonumber('3.7', 10), tonumber(nil), tonumber('0x10')":
      "16 16 3.7 nil 16",
    "return unpack({1, 2, 3}, 2)": "2 3",
    "return pcall(error, 42)": "false 42",
    "local m = { __gc = function() s = 'collected' end } setmetatable({}, m) collectgarbage() return s, type(m.__gc)":
      "nil function",
    "return pcall(setmetatable, setmetatable({}, { __metatable = 1 }), { __gc = print })":
      "false cannot change a protected metatable",
    "error(42)": "error: t.lua:1: 42",
    "return type(gcinfo()), type(newproxy()), getmetatable(newproxy())": "number userdata nil",
    "local p = newproxy(true) getmetatable(p).__len = function() return 7 end return #p, #newproxy(p)": "7 7",
    "newproxy(5)": "error: t.lua:1: bad argument #1 to 'newproxy' (boolean or proxy expected)",
    "ipairs(5)": "error: t.lua:1: bad argument #1 to 'ipairs' (table expected, got number)",
    "local n = 0 for i in ipairs(setmetatable({1, 2}, {__index = function() return 0 end})) do n = n + 1 end return n":
      "2",
    "return (function(...) return arg.n, arg[1], #arg end)(7, nil, nil)": "3 7 1",
    "return (function(...) return arg, ... end)(7)": "nil 7",
    "goto = 5 return goto": "5",
    [String.raw`return "\a\065\x41\.\z" == "\7Ax41.z"`]: "true",
  });
});

Deno.test("next() and ipairs() read what the host's tables show", async () => {
  const lua = await Lua51.open();
  lua.run(`shared = setmetatable({}, { __host = true, __index = { 10, 20 },
    __next = function(t, k) return next({ 10, 20 }, k) end, __len = function() return 2 end })`);
  lua.expect({
    "return next(shared)": "1 10",
    "return next(shared, 1)": "2 20",
    "local s = 0 for _, v in ipairs(shared) do s = s + v end return s": "30",
    "return unpack(shared)": "10 20",
  });
});

Deno.test("coroutine.running() is nil in a hook's own coroutine", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "return coroutine.running()": "nil",
    "return coroutine.wrap(function() return type(coroutine.running()) end)()": "thread",
  });
});

Deno.test("nothing that scripts make has a finalizer, which no time limit could stop", async () => {
  const lua = await Lua51.open();
  lua.run("ran = false finalize = function() ran = true end");
  lua.expect({
    "debug.setmetatable({}, { __gc = finalize }) collectgarbage() return ran": "false",
    "local p = newproxy(true) getmetatable(p).__gc = finalize newproxy(p) p = nil collectgarbage() return ran": "false",
    "getmetatable(io.stdout).__gc = finalize io.open('/dev/null') collectgarbage() return ran": "false",
    "getmetatable(io.stdout).__index.here = function() return 'added' end return io.stdout:here()": "added",
    "local m = { __index = { x = 1 } } return debug.setmetatable({}, m).x, debug.getmetatable(debug.setmetatable({}, m)) == m":
      "1 true",
    "return io.type(io.stdout), tostring(io.open('/dev/null')):match('^file') ": "file file",
  });
});

Deno.test("print() calls the global tostring()", async () => {
  const written: number[] = [];
  const lua = await Lua51.open({ stdout: (bytes) => void written.push(...bytes) });
  lua.run("local old = tostring tostring = function(v) return '<' .. old(v) .. '>' end print(1, nil) tostring = old");
  lua.engine.flush();
  assertEquals(String.fromCharCode(...written), "<1>\t<nil>\n");
});
