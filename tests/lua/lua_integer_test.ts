import { assertEquals } from "@std/assert";
import { luaInteger } from "../../lib/lua/lua_integer.ts";

Deno.test("luaInteger() keeps what fits into 64 bits with a sign, and rounds the rest", () => {
  assertEquals(luaInteger(5), 5);
  assertEquals(luaInteger((1n << 63n) - 1n), (1n << 63n) - 1n);
  assertEquals(luaInteger(1n << 63n), 2 ** 63);
  assertEquals(luaInteger((1n << 64n) - 1n), 2 ** 64);
  assertEquals(luaInteger(-(1n << 63n)), -(1n << 63n));
});
