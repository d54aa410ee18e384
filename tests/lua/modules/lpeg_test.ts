/**
 * The expectations are what LPeg 1.0.2 answers, but for what the module says it does otherwise.
 *
 * @module
 */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { LuaEngine, type LuaValue } from "../../../lib/lua/engine.ts";
import { installLpeg, type LpegOptions } from "../../../lib/lua/modules/lpeg.ts";

const compiled = LuaEngine.compile();

const PRELUDE = `local m = require "lpeg"
local P, S, R, V, B, C, Ca, Cb, Cc, Cf, Cg, Cmt, Cp, Cs, Ct, Carg =
  m.P, m.S, m.R, m.V, m.B, m.C, m.Ca, m.Cb, m.Cc, m.Cf, m.Cg, m.Cmt, m.Cp, m.Cs, m.Ct, m.Carg
local function count(...) return select("#", ...), ... end
`;

const latin1 = new TextDecoder("latin1");

function plain(value: LuaValue): LuaValue {
  if (value instanceof Uint8Array) return latin1.decode(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** A function that gives the values of an expression. */
async function lpeg(options: LpegOptions = {}) {
  const engine = await LuaEngine.open(await compiled);
  installLpeg(engine, options);
  const run = (source: string): LuaValue[] => engine.execute(PRELUDE + source, "=test").map(plain);
  return { run, values: (expression: string): LuaValue[] => run(`return ${expression}`) };
}

/** Checks what expressions give. */
async function expect(cases: Readonly<Record<string, LuaValue[]>>): Promise<void> {
  const { values } = await lpeg();
  for (const [expression, expected] of Object.entries(cases)) {
    assertEquals(values(expression), expected, expression);
  }
}

/** Checks which errors expressions raise. */
async function expectErrors(cases: Readonly<Record<string, string>>): Promise<void> {
  const { values } = await lpeg();
  for (const [expression, message] of Object.entries(cases)) {
    assertStringIncludes(assertThrows(() => values(expression), Error, undefined, expression).message, message);
  }
}

Deno.test('require("lpeg") sets the global and has the functions of 0.8 and later', async () => {
  const { run } = await lpeg();
  assertEquals(
    run(`local missing = {}
    for name in ("match print C Ca Cc Cp Cb Carg Cmt Cs Ct P R S V span type version Cg Cf B locale setmaxstack"):gmatch "%a+" do
      if type(m[name]) ~= "function" then missing[#missing + 1] = name end
    end
    return lpeg == m, #missing, type(m.version()), m.type(P "a"), m.type("a"), type(P "a"), type(m._VERSION)`),
    [true, 0, "string", "pattern", undefined, "userdata", "string"],
  );
});

Deno.test("lpeg.match() gives the position behind the match", () =>
  expect({
    '(P "a"):match("ab")': [2],
    'm.match("abc", "abcd")': [4],
    'm.match(2, "abcd")': [3],
    'm.match(P(-1), "")': [1],
    'm.match(P(-1), "a")': [undefined],
    'm.match(P(-3), "ab"), m.match(P(-3), "abc")': [1, undefined],
    'm.match(P(true), "a"), m.match(P(false), "a")': [1, undefined],
    'm.match(R("az", "AZ") ^ 1, "abCD1")': [5],
    'm.match(S "abc" ^ 1, "cabd")': [4],
    'm.match(P "b", "ab", 2), m.match(P "b", "ab", -1), m.match(P "b", "ab", 9)': [3, 3, undefined],
    'm.match(P "1", 12)': [2],
    'm.match(P "a\\0\\255" * Cp(), "a\\0\\255b")': [4],
    'm.match(m.span("ab") * Cp(), "abac")': [4],
  }));

Deno.test("Patterns are combined by operators", () =>
  expect({
    '(P "a" * "b" + "ac" + "ad"):match "ad"': [3],
    '(1 - P "ab"):match "ab"': [undefined],
    '(R "az" - S "aeiou"):match "b", (R "az" - S "aeiou"):match "a"': [2, undefined],
    '(P "ab" ^ 2 * Cp()):match "ababab", (P "ab" ^ 2 * Cp()):match "ab"': [7, undefined],
    '(P "ab" ^ -2 * Cp()):match "ababab"': [5],
    '(#P "a" * C(1)):match "ab", (-P "a" * C(1)):match "ab"': ["a", undefined],
    '(#C "a" * C(1)):match "a"': ["a"],
    '(1 * B "a" * C "b"):match "ab", (1 * B "b" * C "b"):match "ab"': ["b", undefined],
    '(P "select" + "insert" + "update" + R "az" ^ 1):match "inserx"': [7],
    '((P "a" / "x" + P "b" / "y" + P "ab" / "z" + C(1)) ^ 0):match "abc"': ["x", "y", "c"],
  }));

Deno.test("Captures produce values", () =>
  expect({
    '(C(C "a" * C "b")):match "ab"': ["ab", "a", "b"],
    '(Ct(C "a" * Cc(1, 2) * Cp())):match "a"': [["a", 1, 2, 2]],
    'count((Cc(nil, nil) * Cc(1)):match "a")': [3, undefined, undefined, 1],
    'Cc():match "a"': [1],
    '(Ct(Cg("a", "x") * Cg(C "b" * C "c", "y"))):match "abc"': [{ x: "a", y: "b" }],
    'Cg(Cg("a", "n") * "b"):match "ab"': ["ab"],
    '(Cg(C "a" * C "b", "n") * C "c" * Cb "n"):match "abc"': ["c", "a", "b"],
    '(Cg(C "a", "n") * Ct(Cb "n" * C "b")):match "ab"': [["a", "b"]],
    'm.match(Carg(2) * Carg(1), "", 1, "x", "y")': ["y", "x"],
    '(P "a" / count):match "a"': [1, "a"],
    '(C "a" * (C "b" / count)):match "ab"': ["a", 1, "b"],
  }));

Deno.test("patt / value captures by function, table, template and number", () =>
  expect({
    '((C "a" * C "b") / count):match "ab"': [2, "a", "b"],
    'Ct(P "a" / function() end):match "a"': [[]],
    '(P "a" / { a = 1 }):match "a", (P "a" / { b = 1 }):match "a"': [1, 2],
    '((C "a" * C "b") / "%2%1%0%%"):match "ab"': ["baab%"],
    '(C(C "a" * C "b") / "%1,%2,%3"):match "ab"': ["ab,a,b"],
    '((C "a" * C "b") / 2):match "ab", Ct(C "a" / 0):match "a"': ["b", []],
    '(C "a" * (C "b" % function(a, b) return a .. "+" .. b end)):match "ab"': ["a+b"],
  }));

Deno.test("lpeg.Cs() replaces what is captured", () =>
  expect({
    'Cs((P "a" / "b" + 1) ^ 0):match "banana"': ["bbnbnb"],
    'Cs((S "&<>" / { ["&"] = "&amp;", ["<"] = "&lt;" } + 1) ^ 0):match "a<b>&c\\0\\255"': ["a&lt;b>&amp;c\0\xff"],
    'Cs(Cs(P "a" / "x") * "b"):match "ab"': ["xb"],
    'Cs(P "a" * Cc "X" * P "b"):match "ab"': ["aXb"],
    'Cs((P "a" / function() end + 1) ^ 0):match "banana"': ["banana"],
  }));

Deno.test("lpeg.Cf() and lpeg.Ca() fold", () =>
  expect({
    '(Cf(R "09" ^ 1 / tonumber * ("," * (R "09" ^ 1 / tonumber)) ^ 0, function(a, b) return a + b end)):match "10,30,43"':
      [83],
    '(Ca(R "09" ^ 1 / tonumber * ("," * (R "09" ^ 1 / tonumber) / function(a, b) return a + b end) ^ 0)):match "10,30,43"':
      [83],
    'Cf(Ct "" * Cg(C(R "az" ^ 1) * "=" * C(R "az" ^ 1) * S ",;" ^ -1) ^ 0, rawset):match "a=b, c=hi;next=pi"': [{
      a: "b",
    }],
  }));

Deno.test("lpeg.Cmt() decides during the match", () =>
  expect({
    'Cmt("a", function(...) return count(...) end):match "abc"': ["abc", 2, "a"],
    'Cmt(C "a" * C "b", function(s, i, a, b) return true, b, a end):match "abc"': ["b", "a"],
    '(Cmt("a", function() return false end) + C "a"):match "a"': ["a"],
    '(Cmt("a", function(s, i) return i + 1 end) * Cp()):match "abc"': [3],
    '((Cmt("a", function(s, i) return i, "x" end) * "b" + C "ac") ^ 0):match "abacab"': ["x", "ac", "x"],
    'Cs(Cmt("a", function(s, i) return i, "Q", "R" end) * "b"):match "ab"': ["Qb"],
    'P(function(s, i) return i + 1 end):match "ab"': [2],
    '(Cg(P "=" ^ 0, "n") * "[" * C((1 - ("]" * Cmt(C(P "=" ^ 0) * Cb "n", function(s, i, a, b) return a == b end) * "]")) ^ 0)):match "==[a]]b]==]"':
      ["a]]b"],
  }));

Deno.test("Tables are grammars", () =>
  expect({
    'P { "S", S = "a" * V "S" * "b" + "" }:match "aaabbb"': [7],
    'P { "(" * ((1 - S "()") + V(1)) ^ 0 * ")" }:match "(a(b)c)d"': [8],
    'P { "x", x = P { "y", y = "a" * V "y" + "b" } * V "z", z = P "c" }:match "aabc"': [5],
    'P { "x", x = "q" * V "y", y = P "r" ^ 0 }:match "qrr"': [4],
  }));

Deno.test("An arithmetic grammar evaluates expressions", async () => {
  const { run } = await lpeg();
  assertEquals(
    run(`local Space = S " \\n\\t" ^ 0
    local Number = C(P "-" ^ -1 * R "09" ^ 1) * Space
    local TermOp, FactorOp = C(S "+-") * Space, C(S "*/") * Space
    local function eval(v1, op, v2)
      if op == "+" then return v1 + v2 elseif op == "-" then return v1 - v2
      elseif op == "*" then return v1 * v2 else return v1 / v2 end
    end
    local G = P { "Exp",
      Exp = Cf(V "Factor" * Cg(TermOp * V "Factor") ^ 0, eval),
      Factor = Cf(V "Term" * Cg(FactorOp * V "Term") ^ 0, eval),
      Term = Number / tonumber + "(" * Space * V "Exp" * ")" * Space } * -1
    return G:match "3 + 5*9 / (1+1) - 12", G:match "3 +"`),
    [13.5, undefined],
  );
});

Deno.test("A CSV record and a list split at separators", () =>
  expect({
    '(function() local field = \'"\' * Cs((P(1) - \'"\' + P \'""\' / \'"\') ^ 0) * \'"\' + C((1 - S \',\\n"\') ^ 0) return Ct(field * ("," * field) ^ 0 * -1):match \'a,"b ""c"", d",,e\' end)()':
      [["a", 'b "c", d', "", "e"]],
    '(function() local sep = P ", " local e = C((1 - sep) ^ 0) return Ct(e * (sep * e) ^ 0):match "a, b, , c" end)()': [
      ["a", "b", "", "c"],
    ],
    '(function() local I = Cp() return P { I * C(P "o w") * I + 1 * V(1) }:match "hello world" end)()': [5, "o w", 8],
  }));

Deno.test("Patterns that would not end are refused", () =>
  expectErrors({
    'P "" ^ 0': "loop body may accept empty string",
    '(P "a" ^ 0) ^ 1': "loop body may accept empty string",
    'P { "x", x = V "x" }': "rule 'x' may be left recursive",
    'P { "x", x = P "a" ^ 0 * V "x" }': "rule 'x' may be left recursive",
    'P { "x", x = V "y", y = #V "x" * "a" }': "may be left recursive",
    'P { "x", x = P "a" * V "y" ^ 1, y = P "b" ^ -1 }': "empty loop in rule 'x'",
  }));

Deno.test("What cannot be a pattern raises an error", () =>
  expectErrors({
    "P(nil)": "bad argument #1 to 'P' (lpeg-pattern expected, got nil)",
    'P "a" * nil': "lpeg-pattern expected, got nil",
    'R "abc"': "range must have two characters",
    "P {}": "grammar has no initial rule",
    'P { "x", x = V "y" }': "rule 'y' undefined in given grammar",
    'P { "x", x = {} }': "rule 'x' is not a pattern",
    'm.match(V "x", "a")': "rule 'x' used outside a grammar",
    'm.match(P "a", nil)': "bad argument #2 to 'match' (string expected, got nil)",
    'B(P "a" ^ 0)': "pattern may not have fixed length",
    'B(C "a")': "pattern have captures",
    "Carg(0)": "invalid argument index",
    'P "a" / true': "invalid replacement value",
    'Cf("a", 1)': "function expected, got number",
    "(function() local p = P(true) for i = 1, 40 do p = p * P 'x' ^ i p = p * p end end)()": "pattern too big",
    '((P "x" ^ 1000) ^ 1000) ^ 1000': "pattern too big",
  }));

Deno.test("A match that goes wrong raises an error", () =>
  expectErrors({
    'Cb "n":match "a"': "back reference 'n' not found",
    'm.match(Carg(2), "a", 1, "x")': "reference to absent extra argument #2",
    '(P "a" / "%1"):match "a"': "invalid capture index (1)",
    '(Cc {} / "%1"):match ""': "invalid capture value (a table)",
    '(C "a" / 2):match "a"': "no capture '2'",
    'Cs(Ct "a"):match "a"': "invalid replacement value (a table)",
    'Cf(P "a" / 0, count):match "a"': "no initial value for fold capture",
    'Cmt("a", function() return 10 end):match "a"': "invalid position returned by match-time capture",
    'Cmt("a", function() error "boom" end):match "a"': "boom",
    '((Cp() * 1) ^ 0):match(("x"):rep(1100000))': "stack overflow (too many captures)",
    'P { "x", x = Ct("(" * V "x" ^ 0 * ")") }:match(("("):rep(5000) .. (")"):rep(5000))': "captures nested too deeply",
  }));

Deno.test("A failed match leaves the module usable", async () => {
  const { run } = await lpeg();
  assertEquals(
    run(`for i = 1, 300 do
      pcall(m.match, Cmt(C "a", function() return m.match(P "b" / function() error "x" end, "b") end), "a")
    end
    return m.match(C "a" * Cmt("b", function() return true, m.match(C "c", "c") end), "ab")`),
    ["a", "c"],
  );
});

Deno.test("lpeg.setmaxstack() limits pending choices and calls", async () => {
  const { run, values } = await lpeg();
  const nested = 'P { "x", x = "(" * V "x" ^ 0 * ")" }:match(("("):rep(20) .. (")"):rep(20))';
  assertEquals(values(nested.replaceAll("20", "20000")), [40001]);
  run("m.setmaxstack(10)");
  assertStringIncludes(
    assertThrows(() => values(nested), Error).message,
    "backtrack stack overflow (current limit is 10)",
  );
});

Deno.test("A match cannot run for ever", async () => {
  class Late extends Error {}
  let polls = 0;
  const { values } = await lpeg({
    checkTime: () => {
      if (++polls > 5) throw new Late("the script ran too long");
    },
  });
  const exponential =
    'P { "S", S = P "a" * V "S" * "b" + P "a" * V "S" * "c" + P "a" * V "S" * "d" + "x" }:match(("a"):rep(60))';
  assertThrows(() => values(exponential), Error, "the script ran too long");
  assertEquals(polls, 6);
});

Deno.test("Patterns that nobody has any more are collected", async () => {
  const { run } = await lpeg();
  assertEquals(
    run(`for i = 1, 20000 do local p = C(P("a" .. i % 10)) / function() return i end * "b" end
    collectgarbage() collectgarbage()
    local kept = P "a" / { a = "still here" }
    collectgarbage()
    return collectgarbage "count" < 4096, kept:match "a"`),
    [true, "still here"],
  );
});

Deno.test("lpeg.locale() has the classes of the C locale", async () => {
  const { run } = await lpeg();
  assertEquals(
    run(
      `local result, names = {}, { "alnum", "alpha", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit" }
    local classes = m.locale()
    for _, name in ipairs(names) do
      local members = 0
      for byte = 0, 255 do if classes[name]:match(string.char(byte)) then members = members + 1 end end
      result[#result + 1] = members
    end
    local mine = {}
    return result, m.locale(mine) == mine and mine.alpha ~= nil`,
    ),
    [[62, 52, 33, 10, 94, 26, 95, 32, 6, 26, 22], true],
  );
});
