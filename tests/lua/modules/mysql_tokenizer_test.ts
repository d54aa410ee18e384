import { assert, assertEquals, assertThrows } from "@std/assert";
import { LuaError } from "../../../lib/lua/engine.ts";
import { normalize, tokenize } from "../../../lib/sql/mod.ts";
import { moduleState } from "./module_state.ts";

const { engine, run } = await moduleState();
run(`tok = require("mysql.tokenizer")
function show(sql)
  local list, out = tok.tokenize(sql), {}
  for i = 1, #list do out[i] = list[i].token_id .. " " .. list[i].token_name .. " " .. list[i].text end
  return out
end`);

Deno.test("mysql.tokenizer is a module and a global", () => {
  assertEquals(
    run(`return tokenizer == tok, package.loaded["mysql.tokenizer"] == tok, type(tok._VERSION),
    type(tok._DESCRIPTION), type(tok._COPYRIGHT)`),
    [true, true, "string", "string", "string"],
  );
});

Deno.test("tokenize() gives a list of tokens", () => {
  assertEquals(run(`return #tok.tokenize("SELECT 1"), #tok.tokenize(""), tok.tokenize("")[1]`), [2, 0, undefined]);
  assertEquals(run(`return show("SELECT 'it''s', \`a\` /* x */ ? 1.5")`), [[
    "206 TK_SQL_SELECT SELECT".replace("206", String(tokenize(new TextEncoder().encode("SELECT")).id(0))),
    "7 TK_STRING it's",
    "14 TK_COMMA ,",
    "9 TK_LITERAL a",
    "8 TK_COMMENT  x ",
    "0 TK_UNKNOWN ?",
    "12 TK_FLOAT 1.5",
  ]]);
  assertEquals(run(`local l = tok.tokenize("a b") return l[0], l[3], l[-1], l[1].text`), [
    undefined,
    undefined,
    undefined,
    "a",
  ]);
  assertEquals(run(`return show(12)`), [["11 TK_INTEGER 12"]]);
  assertThrows(() => run("tok.tokenize()"), LuaError, "bad argument #1 to 'tokenize' (string expected");
});

Deno.test("tokenize() keeps what is the same and what is not apart", () => {
  // The second round comes from what the first has left.
  for (let round = 0; round < 2; round++) {
    assertEquals(run(`return show("a A \`a\` 'a' a( 1 12345 12345 select SELECT b b")`), [[
      "9 TK_LITERAL a",
      "9 TK_LITERAL A",
      "9 TK_LITERAL a",
      "7 TK_STRING a",
      "10 TK_FUNCTION a",
      "16 TK_OBRACE (",
      "11 TK_INTEGER 1",
      "11 TK_INTEGER 12345",
      "11 TK_INTEGER 12345",
      "204 TK_SQL_SELECT select",
      "204 TK_SQL_SELECT SELECT",
      "9 TK_LITERAL b",
      "9 TK_LITERAL b",
    ].map((line) => line.replace(/^204/, String(tokenize(new TextEncoder().encode("SELECT")).id(0))))]);
  }
});

Deno.test("tokenize() takes texts with any number of tokens", () => {
  for (const count of [199, 200, 201, 399, 400, 1000, 30000]) {
    assertEquals(
      run(`local l = tok.tokenize(("a"):rep(${count}, " ")) return #l, l[${count}].text, l[${count + 1}]`),
      [count, "a", undefined],
    );
  }
});

Deno.test("tokenize() remembers a limited number of words", () => {
  assertEquals(
    run(`local kept = tok.tokenize("w1 w2")
      for i = 1, 10000 do
        local l = tok.tokenize("w" .. i .. " x")
        if l[1].text ~= "w" .. i or l[2].text ~= "x" or l[1].token_id ~= 9 then return i end
      end
      local words = {}
      for i = 1, 5000 do words[i] = "v" .. i end
      local l = tok.tokenize(table.concat(words, " "))
      for i = 1, 5000 do if l[i].text ~= words[i] then return words[i] end end
      return kept[1].text, kept[2].text`),
    ["w1", "w2"],
  );
});

Deno.test("tokens have three fields and cannot be changed", () => {
  for (const sql of ["word", "'string'"]) {
    run(`t = tok.tokenize([[${sql}]])[1]`);
    assertThrows(() => run("return t.id"), LuaError, "test:1: a token has no field 'id'");
    assertThrows(() => run("return t[1]"), LuaError, "a token has no field '1'");
    assertThrows(() => run("t.other = 1"), LuaError, "a token cannot be changed");
  }
  assertThrows(() => run(`tok.tokenize("word")[1].text = "x"`), LuaError, "a token cannot be changed");
  assertEquals(run(`return tok.tokenize("word")[1].text`), ["word"]);
});

Deno.test("a list can lose tokens, and nothing else", () => {
  assertEquals(run(`local l = tok.tokenize("a b c") l[2] = nil l[3] = nil return l[1].text, l[2], l[3], #l`), [
    "a",
    undefined,
    undefined,
    3,
  ]);
  assertThrows(() => run(`tok.tokenize("a")[1] = 1`), LuaError, "can only lose tokens");
  assertThrows(() => run(`tok.tokenize("a").x = {}`), LuaError, "can only lose tokens");
});

Deno.test("_normalize() gives the normal form of lists that nobody has changed", () => {
  const sql = "SELECT a, 'x' FROM b WHERE c=1";
  const form = new TextDecoder().decode(normalize(tokenize(new TextEncoder().encode(sql))));
  assertEquals(form, "SELECT `a` , ? FROM `b` WHERE `c` = ? ");
  run(`l1 = tok.tokenize("${sql}")`);
  assertEquals(run("return tok._normalize(l1)"), [form]);
  assertEquals(run(`tok.tokenize("other") return tok._normalize(l1)`), [form]);
  assertEquals(run(`return tok._normalize(tok.tokenize(12)), tok._normalize({}), tok._normalize("x")`), [
    "? ",
    undefined,
    "`x` ",
  ]);
  assertEquals(run("l1[1] = nil return tok._normalize(l1)"), [undefined]);
});

Deno.test("_normalize() knows texts apart that come to the same place one after the other", () => {
  assertEquals(
    run(`local long = string.rep("x", 60)
      local function try(i)
        local name = (long .. i):sub(-60)
        return tok._normalize(tok.tokenize(name)) == "\`" .. name .. "\` "
      end
      for i = 1, 500 do
        if not try(i) then return i end
        collectgarbage()
      end
      return "same"`),
    ["same"],
  );
});

Deno.test("tokenize() leaves memory where it was", () => {
  // How many words are remembered differs, so the bound is what all of them together may take.
  for (let round = 1; round <= 3; round++) {
    const [kilobytes] = run(
      `for i = 1, 20000 do local n = #tok.tokenize("SELECT a" .. i .. " FROM t WHERE id = " .. i) end
      collectgarbage() collectgarbage() return collectgarbage("count")`,
    );
    assert(Number(kilobytes) < 1000, `${kilobytes} KB after round ${round}`);
  }
  assertEquals(engine.api.lua_gettop(engine.main), 0);
});
