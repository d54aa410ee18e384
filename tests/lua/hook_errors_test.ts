import { assertEquals } from "@std/assert";
import { HookErrors } from "../../lib/lua/hook_errors.ts";
import { LuaError } from "../../lib/lua/lua_error.ts";

Deno.test("failed() logs an error with the traceback of the script, in the words of Lua 5.1", () => {
  const records: string[] = [];
  const errors = new HookErrors((level, text) => void records.push(`${level} ${text}`));
  const traceback = "stack traceback:\n\t[C]: in function 'error'\n\tx.lua:1: in local 'inner'\n" +
    "\t(proxy.hooks):92: in function <(proxy.hooks):81>";
  errors.failed("read_query", new LuaError("script", "x.lua:1: broken", traceback));
  assertEquals(records, [
    "critical (read_query) x.lua:1: broken\nstack traceback:\n\t[C]: in function 'error'\n\tx.lua:1: in function 'inner'",
  ]);
});

Deno.test("failed() shows no position for a hook that blames its caller", () => {
  const records: string[] = [];
  const errors = new HookErrors((_level, text) => void records.push(text));
  errors.failed("read_query", new LuaError("script", "(proxy.hooks):114: broken", ""));
  assertEquals(records, ["(read_query) broken"]);
});

Deno.test("report() counts what comes again, and tells at powers of ten and after a pause", () => {
  const records: string[] = [];
  let now = 0;
  const errors = new HookErrors((_level, text) => void records.push(text), () => now);
  for (let i = 0; i < 120; i++) errors.report("critical", "broken", "details");
  errors.report("critical", "other");
  assertEquals(records, ["broken\ndetails", "broken (10 times so far)", "broken (100 times so far)", "other"]);
  now = 10_000;
  errors.report("critical", "broken");
  errors.report("critical", "broken");
  assertEquals(records.slice(4), ["broken (121 times so far)"]);
});

Deno.test("report() forgets the oldest of many different errors", () => {
  const records: string[] = [];
  const errors = new HookErrors((_level, text) => void records.push(text));
  for (let i = 0; i < 1000; i++) errors.report("critical", `error ${i}`);
  errors.report("critical", "error 0");
  errors.report("critical", "error 999");
  assertEquals(records.length, 1001);
});

Deno.test("failed() cuts long messages", () => {
  const records: string[] = [];
  new HookErrors((_level, text) => void records.push(text)).failed("read_auth", new Error("x".repeat(1e6)));
  assertEquals((records[0]?.length ?? 0) < 10_000, true);
});
