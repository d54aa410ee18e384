import { Lua51 } from "./state.ts";

Deno.test("string.format() converts numbers as Lua 5.1 does", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "return string.format('%d %i %x %c', 3.7, -3.2, 255.5, 65)": "3 -3 ff A",
    "return string.format('%d %d', '12', '12.7')": "12 12",
    "return string.format('%u %u', 3.9, -1)": "3 18446744073709551615",
    "return string.format('[%05s|%+s|%-4s|%#d|% x]', 'ab', 'x', 'y', 5, 255)": "[   ab|x|y   |5|ff]",
    "return string.format('%5.1f|%e|%g|%5d|%%', 3.14159, 12345.678, 1e20, 42)": "  3.1|1.234568e+04|1e+20|   42|%",
    "string.format('%d', 'x')": "error: t.lua:1: bad argument #2 to 'format' (number expected, got string)",
    "string.format('%d')": "error: t.lua:1: bad argument #2 to 'format' (no value)",
  });
});

Deno.test("string.format() quotes as Lua 5.1 does", async () => {
  const lua = await Lua51.open();
  lua.expect({
    [String.raw`return string.format("%q", 'a"b\\c\nd\re\0f\1')`]: '"a\\"b\\\\c\\\nd\\re\\000f\x01"',
    "return string.format('%q|%d|%q', 'a', 2.5, 12)": '"a"|2|"12"',
    "string.format('%q', {})": "error: t.lua:1: bad argument #2 to 'format' (string expected, got table)",
  });
});

Deno.test("string.gsub() and gmatch() take empty matches behind others", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "return ('abc'):gsub('%w*', 'x')": "xx 2",
    "return ('hello world'):gsub('o*', '0')": "0h0e0l0l00 0w00r0l0d0 12",
    "return ('abc'):gsub('b*', '%0%0')": "abbc 4",
    "return ('abc'):gsub('()', '%1')": "1a2b3c4 4",
    "return ('abc'):gsub('x*', '-', 2)": "-a-bc 2",
    "return ('abc'):gsub('x*', {['']='+'})": "+a+b+c+ 4",
    "return ('THE (quick) fox'):gsub('%f[%a]%a+', '<%0>')": "<THE> (<quick>) <fox> 3",
    "local s = '' for w in ('a,b,,c'):gmatch('([^,]*)') do s = s .. '[' .. w .. ']' end return s": "[a][][b][][][c][]",
    "local s = '' for k, v in ('k=v, x=y'):gfind('(%w+)=(%w+)') do s = s .. k .. v end return s": "kvxy",
    "return ('  x '):gsub('^%s*(.-)%s*$', '<%1>')": "<x> 1",
    "('x'):gsub('x*', '%2')": "error: t.lua:1: invalid capture index",
    "('x'):gsub('x*', function() return {} end)": "error: t.lua:1: invalid replacement value (a table)",
  });
});

Deno.test("string.gsub() takes any character behind % in a replacement", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "return ('abc'):gsub('b', '%a')": "aac 1",
    "return ('abc'):gsub('b', '%%')": "a%c 1",
    "return ('abc'):gsub('(b)', '%.%1%%1')": "a.b%1c 1",
    "return ('abc'):gsub('b', '%')": "a\0c 1",
    "string.gsub('x', 'x')": "error: t.lua:1: bad argument #3 to 'gsub' (string/function/table expected, got no value)",
  });
});

Deno.test("functions of string take fractions and %z", async () => {
  const lua = await Lua51.open();
  lua.expect({
    "return ('abcdef'):sub(2.5, 4.9), ('ab'):rep(2.7), ('abc'):byte(1.5)": "bcd abab 97",
    "return ('a\\0b'):find('%z')": "2 2",
  });
});
