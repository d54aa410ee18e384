import { assertEquals, assertThrows } from "@std/assert";
import { LuaError } from "../../../lib/lua/engine.ts";
import { moduleState } from "./module_state.ts";

Deno.test("chassis writes to the log with the place", async () => {
  const { calls, run } = await moduleState({ basedir: "/opt/proxy" });
  run(
    `local chassis = require("chassis")
    chassis.log("warning", "one")
    chassis.log(nil, "two")
    chassis.critical("three", nil, 4)`,
    "/opt/proxy/lib/x.lua",
  );
  run(
    `chassis.debug({} ~= nil) chassis.info() chassis.message("a") chassis.warning("b")
    chassis.log("error", "e")`,
    "@/etc/y.lua",
  );
  run(`pcall(chassis.message, "c")`, "/opt/proxying.lua");
  run(`chassis.message("d")`, "local x = 1\nreturn x");
  assertEquals(calls.log, [
    "warning: (lib/x.lua:2) one",
    "message: (lib/x.lua:3) two",
    "critical: (lib/x.lua:4) three\tnil\t4",
    "debug: (/etc/y.lua:1) true",
    "info: (/etc/y.lua:1) nil".replace("nil", ""),
    "message: (/etc/y.lua:1) a",
    "warning: (/etc/y.lua:1) b",
    "error: (/etc/y.lua:2) e",
    "message: (/opt/proxying.lua:1) c",
    'message: ([string "local x = 1..."]:1) d',
  ]);
  assertThrows(() => run(`chassis.log("loud", "x")`), LuaError, "log level");
});

Deno.test("chassis replaces print, and keeps it as os.print", async () => {
  const { calls, run } = await moduleState();
  run(`original = print`);
  assertEquals(run(`return os.print`), [undefined]);
  assertEquals(run(`require("chassis") return os.print == original, print == chassis.message`), [true, true]);
  run(`print("a", nil, 1.5, {} == nil)\nprint()`, "=x.lua");
  assertEquals(calls.log, ["message: (x.lua:1) a\tnil\t1.5\tfalse", "message: (x.lua:2) "]);
});

Deno.test("set_shutdown() asks for the end of the program", async () => {
  const { calls, run } = await moduleState();
  assertEquals(run(`return require("chassis").set_shutdown()`), []);
  assertEquals(calls.shutdowns, 1);
});

Deno.test("get_stats() gives numbers by plugin", async () => {
  const { run } = await moduleState({ stats: () => ({ proxy: { queries: 5 } }) });
  run(`chassis = require("chassis")`);
  assertEquals(
    run(`local all = chassis.get_stats()
      local names = {}
      for name, value in pairs(all.chassis) do names[#names + 1] = name .. " " .. type(value) end
      table.sort(names)
      return all.proxy.queries, chassis.get_stats("proxy").queries, chassis.get_stats("other"), names,
        chassis.get_stats("chassis").lua_mem_bytes > 1000, chassis.get_stats(nil).proxy.queries`),
    [
      5,
      5,
      undefined,
      ["lua_mem_alloc number", "lua_mem_bytes number", "lua_mem_bytes_max number", "lua_mem_free number"],
      true,
      5,
    ],
  );
  assertThrows(() => run(`chassis.get_stats("a", "b")`), LuaError, "one name");
});

Deno.test("mem_profile() logs how much memory Lua uses", async () => {
  const { calls, run } = await moduleState();
  run(`require("chassis").mem_profile()`, "=x.lua");
  assertEquals(calls.log.length, 1);
  assertEquals(/^message: \(x\.lua:1\) Lua uses \d+ bytes, \d+ at most$/.test(calls.log[0] ?? ""), true, calls.log[0]);
});
