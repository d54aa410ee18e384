import { assertEquals, assertStrictEquals } from "@std/assert";
import { translate } from "../../../lib/lua/dialect/translate.ts";

/** Bytes as the characters with their numbers. */
function text(source: string): string {
  const bytes = Uint8Array.from(source, (char) => char.charCodeAt(0));
  return Array.from(translate(bytes), (byte) => String.fromCharCode(byte)).join("");
}

/** Each source with what is to come of it. */
function become(cases: Record<string, string>): void {
  for (const [source, expected] of Object.entries(cases)) assertEquals(text(source), expected);
}

/** What stays byte for byte. */
function stay(...sources: string[]): void {
  for (const source of sources) assertEquals(text(source), source);
}

Deno.test("translate() takes the backslash from escapes that Lua 5.1 does not know", () => {
  become({
    [String.raw`x = "\."`]: `x = "."`,
    [String.raw`x = '\x41\z \u{41}\-\%'`]: "x = 'x41z u{41}-%'",
    [String.raw`x = "\\.\\\.\"\'\n\065"`]: String.raw`x = "\\.\\.\"\'\n\065"`,
    'x = "\\\xe4\\\0"': 'x = "\xe4\0"',
  });
  stay('x = "a\\\nb\\\r\nc"', String.raw`x = "\\" y = "\\"`);
});

Deno.test("translate() changes nothing in comments, long brackets and unfinished strings", () => {
  stay(
    String.raw`-- "\." goto arg * 2`,
    '--[[ "\\."\n arg ]] --[==[ ]] "\\." ]==] x = 1',
    String.raw`x = [[ \. goto 2*3 ]] y = [=[ ]] "\." ]=]`,
    String.raw`x = [[ "\."`,
    'x = "\\',
  );
  become({ [`x = "\\.\ny = "\\."`]: `x = ".\ny = "."` });
});

Deno.test("translate() returns the source itself if nothing is to change", () => {
  const source = new TextEncoder().encode("function read_query(packet) return packet:byte() end");
  assertStrictEquals(translate(source), source);
});

Deno.test("translate() empties a first line that begins with #, and drops a byte order mark", () => {
  become({
    "#!/usr/bin/lua\nprint(1)": "\nprint(1)",
    "#[[\r\nx()": "\r\nx()",
    "#": "",
    "\xef\xbb\xbf#!x\ny()": "\ny()",
    "\xef\xbb\xbfy()": "y()",
  });
  stay("\n#x");
});

Deno.test("translate() gives vararg functions their table arg", () => {
  const arg = ` local arg=(""):__arg(...) `;
  become({
    "function f(...) return arg.n end": `function f(...)${arg} return arg.n end`,
    "f = function(a, ...) if a then return arg[1] end end":
      `f = function(a, ...)${arg} if a then return arg[1] end end`,
    "function f(...) return function() repeat until arg end end":
      `function f(...)${arg} return function() repeat until arg end end`,
    "function f(...) return arg, ... end": "function f(...) local arg  return arg, ... end",
    "function f(...) local function g(...) return ... end return arg end":
      `function f(...)${arg} local function g(...) return ... end return arg end`,
  });
  stay(
    "print(arg[1], ...)",
    "function f(a) return arg end",
    "function f(...) return t.arg, t:arg() end",
    "function f(...) end print(arg)",
    "function f(arg) return arg end",
  );
});

Deno.test("translate() lets goto be a name", () => {
  become({
    "goto = 1 print(goto)": "goto_ = 1 print(goto_)",
    "local goto = goto or function() end": "local goto_ = goto_ or function() end",
    "t.goto = t.goto.x": `t["goto"] = t["goto"].x`,
    "t = {goto = 1, a = goto; goto = 2}": `t = {["goto"] = 1, a = goto_; ["goto"] = 2}`,
    "f(goto)": "f(goto_)",
  });
  stay("goto done ::done::", "t['goto'] = 1");
});

Deno.test("translate() lets the bounds of a numeric for be strings", () => {
  become({
    "for i = a, b do end": "for i = (a)+0, (b)+0 do end",
    "for i = '1', 3, s or 1 do end": "for i = ('1')+0, 3, (s or 1)+0 do end",
    "for i = 1, f(1, {2, 3}) do end": "for i = 1, (f(1, {2, 3}))+0 do end",
    "for i = 1, (function(x) for j = 1, x do end return 2 end)() do end":
      "for i = 1, ((function(x) for j = 1, (x)+0 do end return 2 end)())+0 do end",
    "for i = 1, n * 2 do end": "for i = 1, (n * 2.0)+0 do end",
  });
  stay("for i = 1, #t.rows do end", "for i = 10, 1, -1 do end", "for k, v in pairs(t), 1 do end");
});

Deno.test("translate() makes products with literals doubles, and large hexadecimal literals", () => {
  become({
    "h = h * 33 + 5": "h = h * 33.0 + 5",
    "h = 33*h": "h = 33.0*h",
    "h = 0xff * h": "h = 0xffp0 * h",
    "x = 0xFFFFFFFFFFFFFFFF": "x = 0xFFFFFFFFFFFFFFFFp0",
    "x = 0x8000000000000000 + 0x10000000000000000": "x = 0x8000000000000000p0 + 0x10000000000000000p0",
  });
  stay("x = 0x7fffffffffffffff + 0x00000000000000000001", "x = 1.5 * 2e3 * .5", "x = y * z / 2 % 3", "t[1] = a*b");
});

Deno.test("translate() keeps the number of lines", () => {
  const source = "#!\nfunction f(...)\nfor i = 1,\n n\ndo print(arg, '\\.\\\n') end\nend\n";
  assertEquals(text(source).split("\n").length, source.split("\n").length);
});

Deno.test("translate() takes malformed source", () => {
  for (
    const source of ["end end )", "for i = ", "function (", "function f(... end", "for = do", "x = }{", "goto", "1..2*"]
  ) {
    text(source);
  }
});
