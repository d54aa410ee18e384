import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LuaError, type LuaValue } from "../../lib/lua/engine.ts";
import { call, define, legible, withEngine } from "./open_engine.ts";

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, i) => i);

Deno.test("strings are binary both ways", async () => {
  await withEngine({}, (engine) => {
    const { main } = engine;
    const big = new Uint8Array(300_000).map((_, i) => i * 7);
    for (const bytes of [ALL_BYTES, new Uint8Array(), big]) {
      const at = engine.pushBytes(main, bytes);
      assertEquals(engine.api.lua_tolstring(main, -1, 0), at);
      assertEquals(engine.bytes(main, -1), bytes);
      assertEquals(engine.view(main, -1), bytes);
      engine.api.lua_settop(main, 0);
    }
    assertEquals(
      engine.execute("local t = {} for i = 0, 255 do t[i+1] = string.char(i) end return table.concat(t)", "=t"),
      [
        ALL_BYTES,
      ],
    );
  });
});

Deno.test("push() and value() copy deeply", async () => {
  await withEngine({}, (engine) => {
    const { main } = engine;
    const values: LuaValue[] = [
      undefined,
      true,
      1,
      -2.5,
      2n ** 62n,
      "Grüße",
      [1, [2, "x"], []],
      { a: 1, b: { c: [false] } },
      2 ** 53,
    ];
    for (const value of values) {
      engine.push(main, value);
      assertEquals(legible(engine.value(main, -1)), value);
      engine.api.lua_settop(main, 0);
    }
    assertEquals(engine.execute("return { 1, 2, x = 3 }, { [3] = true }, 3.0, math.type(3.0)", "=t").map(legible), [
      { "1": 1, "2": 2, x: 3 },
      { "3": true },
      3,
      "float",
    ]);
    engine.push(main, 7);
    assertEquals(engine.api.lua_isinteger(main, -1), 1);
    engine.push(main, "x".repeat(100_000) + "ü");
    assertEquals(engine.text(main, -1).length, 100_001);
    engine.api.lua_settop(main, 0);
  });
});

Deno.test("value() refuses what has no copy", async () => {
  await withEngine({}, (engine) => {
    for (const source of ["return print", "local t = {} t.t = t return t", "return { [{}] = 1 }"]) {
      assertThrows(() => engine.execute(source, "=t"), LuaError);
    }
    assertEquals(engine.api.lua_gettop(engine.main), 0);
  });
});

Deno.test("push() takes values by the thousand", async () => {
  await withEngine({}, (engine) => {
    const { main } = engine;
    engine.reserve(main, 5000);
    for (let i = 0; i < 5000; i++) engine.push(main, i);
    assertEquals(engine.value(main, 5000), 4999);
    engine.api.lua_settop(main, 0);
    assertThrows(() => engine.reserve(main, 2_000_000), LuaError);
  });
});

Deno.test("arguments are checked as the C library does", async () => {
  await withEngine({}, async (engine) => {
    define(engine, "take", (L) => {
      engine.push(L, [
        engine.argText(L, 1),
        engine.argInteger(L, 2),
        engine.optText(L, 3, "none"),
        engine.optNumber(L, 4, 0),
      ]);
      return 1;
    });
    assertEquals(await call(engine, "return take(12, '3.7')"), [["12", 3, "none", 0]]);
    assertEquals(await call(engine, "return take('a', -1.5, 'b', 2.5)"), [["a", -1, "b", 2.5]]);
    for (
      const [args, message] of [
        ["", "bad argument #1 to 'take' (string expected, got no value)"],
        ["nil", "bad argument #1 to 'take' (string expected, got nil)"],
        ["'a', {}", "bad argument #2 to 'take' (number expected, got table)"],
        ["'a', 1, print", "bad argument #3 to 'take' (string expected, got function)"],
      ]
    ) {
      const error = await assertRejects(() => call(engine, `take(${args})`), LuaError);
      assertEquals(error.message, `test.lua:1: ${message}`);
    }
  });
});
