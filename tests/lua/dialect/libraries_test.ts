import { Lua51 } from "./state.ts";

Deno.test("functions of table take positions outside", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "local t = {1, 2, 3} table.insert(t, nil) table.insert(t, 10, 'x') return #t >= 3, t[10]": "true x",
    "local t = {1, 2, 3} table.insert(t, 0, 'z') return t[0], t[1], t[2], t[4]": "z nil 1 3",
    "local t = {1, 2, 3} table.insert(t, 2.5, 'm') return unpack(t)": "1 m 2 3",
    "return select('#', table.remove({})), select('#', table.remove({1}, 5)), table.remove({5, 6}), table.remove({5, 6}, 1)":
      "0 0 6 5",
    "table.insert(nil, 1)": "error: t.lua:1: bad argument #1 to 'insert' (table expected, got nil)",
    "table.insert({})": "error: t.lua:1: wrong number of arguments to 'insert'",
  });
});

Deno.test("functions that no time limit could stop do not go through what is not there", async () => {
  const lua = await Lua51.open();
  const long = "setmetatable({}, { __len = function() return 2 ^ 52 end })";
  lua.expect({
    "return #(''):rep(1e15), #(''):rep(1e15, ''), ('ab'):rep(2), (''):rep(3, 'x')": "0 0 abab xx",
    [`table.insert(${long}, 1, 'x')`]: "error: t.lua:1: bad argument #1 to 'insert' (array too big)",
    "table.insert({}, -2 ^ 30, 'x')": "error: t.lua:1: bad argument #2 to 'insert' (position out of bounds)",
    [`table.remove(${long}, 1)`]: "error: t.lua:1: bad argument #1 to 'remove' (array too big)",
    "table.sort(setmetatable({}, { __len = function() return 2 ^ 30 end }), rawequal)":
      "error: t.lua:1: bad argument #1 to 'sort' (array too big)",
    "table.move({}, 1, 2 ^ 52, 2)": "error: t.lua:1: bad argument #3 to 'move' (too many elements to move)",
    "local t = { 3, 1, 2 } table.sort(t, function(a, b) return a > b end) return unpack(t)": "3 2 1",
    "return unpack(table.move({ 1, 2 }, 1, 2, 2))": "1 1 2",
    "table.sort(1)": "error: t.lua:1: bad argument #1 to 'sort' (table expected, got number)",
    "return ('aB'):upper(), ('aB'):lower(), ('aB'):reverse()": "AB ab Ba",
    "return string.upper({})": "error: t.lua:1: bad argument #1 to 'upper' (string expected, got table)",
  });
});

/** A list like the columns of a result or the tokens of a statement. */
const LIST =
  "local list = setmetatable({ 0 }, { __len = function() return 3 end, __index = function(_, i) return i * 10 end })";

Deno.test("table has the functions that Lua 5.1 has", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "return table.getn({1, 2}), table.maxn({1, [10] = 1})": "2 10",
    [`${LIST} return #list, table.getn(list), table.foreachi(list, function(i, v) if i == 3 then return v end end)`]:
      "3 3 30",
    "return table.foreach({a = 1}, function(k, v) return k .. v end)": "a1",
    "return table.foreachi({5, 6}, function(i, v) if i == 2 then return v end end)": "6",
    "table.setn({}, 1)": "error: t.lua:1: 'setn' is obsolete",
    "table.foreach(1)": "error: t.lua:1: bad argument #1 to 'foreach' (table expected, got number)",
  });
});

Deno.test("math has the functions that Lua 5.1 has", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "return math.mod(7, 3), math.pow(2, 10), math.log10(1000), math.ldexp(0.5, 3)": "1 1024 3 4",
    "return math.frexp(10)": "0.625 4",
    "return math.frexp(-3)": "-0.75 2",
    "return math.frexp(2 ^ -1050)": "0.5 -1049",
    "return math.cosh(1), math.sinh(1), math.tanh(1), math.sinh(1e-5)":
      "1.5430806348152 1.1752011936438 0.76159415595576 1.0000000000167e-05",
    "return math.atan2(1, 2), math.random(1.9), tostring(math.fmod(1, 0)):match('nan')": "0.46364760900081 1 nan",
    "return math.randomseed(os.time() + 0.5)": "",
  });
});

Deno.test("functions of os and io take what the C library takes", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "return os.date('!%Y-%m-%d', 86400.7), os.date('!%s', 5)": "1970-01-02 5",
    "return #os.date(string.rep('%d', 2048))": "4096",
    "return os.date(string.rep('%d', 1e6))": "error: t.lua:1: 'date' format too long",
    "local t = {year = 2020, month = 1, day = 32.5} os.time(t) return t.day, t.month": "32.5 1",
    "return os.difftime(5, 3), os.difftime(5)": "2 5",
    "return io.open('/nonexistent/x', 'rw')": "nil /nonexistent/x: No such file or directory 2",
    "return os.remove('/nonexistent/x')": "nil /nonexistent/x: No such file or directory 2",
    "return os.rename('/nonexistent/x', '/y')": "nil /nonexistent/x: No such file or directory 2",
  });
});

Deno.test("errors have the script's line, through functions of the libraries", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "local function f() error('up', 2) end\nf()": "error: t.lua:2: up",
    "table.foreach({1}, function() error('here') end)": "error: t.lua:1: here",
    "\ntable.foreach({1}, function() error('C', 2) end)": "error: C",
    "\n('x'):gsub('%w*', function() error('here') end)": "error: t.lua:2: here",
  });
});

Deno.test("debug.traceback() shows what Lua 5.1 shows", async () => {
  const lua = await Lua51.open();
  const trace = (body: string) =>
    `return (select(2, xpcall(function() ${body} end, debug.traceback)):match('^(.-)\\n[^\\n]*xpcall'))`;
  lua.expect({
    [trace("table.insert(nil, 1)")]: `t.lua:1: bad argument #1 to 'insert' (table expected, got nil)
stack traceback:
\t[C]: in function 'insert'
\tt.lua:1: in function <t.lua:1>`,
    [trace("table.foreach({1}, function() error('x') end)")]: `t.lua:1: x
stack traceback:
\t[C]: in function 'error'
\tt.lua:1: in function <t.lua:1>
\t[C]: in function 'foreach'
\tt.lua:1: in function <t.lua:1>`,
    "return debug.traceback({}) ~= nil, debug.traceback(nil)": "true nil",
    "local i = debug.getinfo(table.foreach) return i.what, i.source, i.short_src, i.currentline": "C =[C] [C] -1",
    "\nlocal i = debug.getinfo(1) return i.what, i.source, i.currentline": "Lua @t.lua 2",
  });
});
