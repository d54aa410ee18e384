import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { installDialect } from "../../../lib/lua/dialect/dialect.ts";
import { effortOf, PatternTrial } from "../../../lib/lua/dialect/pattern_trial.ts";
import { LuaKilled } from "../../../lib/lua/engine.ts";
import { legible, withEngine } from "../open_engine.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

// deno-fmt-ignore
const ITEMS = [
  "a", "b", ".", "%a", "%A", "%d", "%s", "%w", "%x", "%p", "%%", "[ab]", "[^a]", "[a-c%d]", "[]]", "[^]a]", "[%a-]",
  "%bab", "%f[a]", "%f[%A]", "%1", "^", "$", "(", ")", "()", "(a*)", "(.-)", "x",
];
const SUFFIXES = ["", "", "*", "+", "-", "?"];
const pattern = fc.array(fc.tuple(fc.constantFrom(...ITEMS), fc.constantFrom(...SUFFIXES)), { maxLength: 6 })
  .map((items) => items.map(([item, suffix]) => item + suffix).join(""));
const subject = fc.array(fc.constantFrom("a", "b", "c", "1", " ", "]", "-", "x"), { maxLength: 12 })
  .map((all) => all.join(""));

Deno.test("PatternTrial goes the way of Lua's matcher", async () => {
  await withEngine({}, (engine) => {
    engine.execute("function try(s, p) local ok, i, j = pcall(string.find, s, p) return ok and i, j end", "=t");
    let found = 0;
    fc.assert(
      fc.property(subject, pattern, (s, p) => {
        const [start, end] = engine.execute(`return try(${JSON.stringify(s)}, ${JSON.stringify(p)})`, "=t");
        const match = new PatternTrial(bytes(s), bytes(p), () => {}).run(0, false);
        const expected = typeof start === "number" ? [start, end] : undefined;
        assertEquals(match && [match[0] + 1, match[1]], expected, `"${p}" on "${s}"`);
        if (match !== undefined) found++;
      }),
      { numRuns: 4000, seed: 11 },
    );
    assert(found > 500, `Only ${found} of them match`);
  });
});

Deno.test("effortOf() counts what repeats", () => {
  assertEquals(effortOf(bytes("^a*b+(.-)$")), { repetitions: 3, optional: 0, times: 1 });
  assertEquals(effortOf(bytes("%*%+a?b?")), { repetitions: 1, optional: 2, times: 1 });
  assertEquals(effortOf(bytes("%b()" + "x".repeat(124))), { repetitions: 2, optional: 0, times: 2 });
});

Deno.test("matches that take too long are stopped, and others do what they did", async () => {
  await withEngine({ timeLimitMs: 100 }, (engine) => {
    installDialect(engine);
    for (
      const code of [
        "return (('a'):rep(28)):find(('a?'):rep(28) .. ('a'):rep(28))",
        "return (('a'):rep(40000)):find(('.-'):rep(6) .. 'b')",
        "return (('a'):rep(1000000)):match('a*b')",
        "return (('a'):rep(3000)):gsub('a*a*a*b', '')",
        "for _ in (('a'):rep(3000)):gmatch('a*a*a*b') do end",
        "return ('x' .. (' '):rep(1000000) .. 'y'):match('^%s*(.-)%s*$')",
        "while true do pcall(string.find, ('a'):rep(3000), 'a*a*a*b') end",
        "local s = ('x'):rep(1e7) while true do s:match('y') end",
        "local s = ('x'):rep(1e7) while true do s:gsub('x', 'y') end",
        "local s = ('x'):rep(1e7) while true do s:upper() end",
        "return (('('):rep(1e6)):find('%b()')",
        "return (('('):rep(1e6)):gsub('%b()', '')",
        "return (('a'):rep(4e6)):find(('a'):rep(2e6) .. '(', 1, true)",
        "return (('a'):rep(4e6)):find(('a'):rep(2e6) .. 'b')",
        "return (('a'):rep(4e5)):match(('a'):rep(2e5) .. 'b')",
        "return (('a'):rep(1e6)):find('[' .. ('b'):rep(1e6) .. ']')",
      ]
    ) {
      const start = performance.now();
      const error = assertThrows(() => engine.execute(code, "=t"), LuaKilled, undefined, code);
      assert(performance.now() - start < 3000, `${code}: ${performance.now() - start} ms`);
      assertStringIncludes(error.message, "the script ran longer than 100 ms");
      assertStringIncludes(error.traceback, "t:1: in main chunk");
    }
    const values = engine.execute(
      `local long = ('ab'):rep(100000)
       local text = ('a'):rep(40000)
       return long:find('^[ab]*$'), select(2, long:gsub('a-b', 'c')), #long:match('^(.-)%s*$'), long:find('b.-a', -3),
         (text .. 'b' .. text):find('b' .. text, 1, true), (text .. 'b' .. text):find('b' .. text, -40000, true) or 'none'`,
      "=t",
    );
    assertEquals(values.map(legible), [1, 100000, 200000, 199998, 40001, "none"]);
  });
});
