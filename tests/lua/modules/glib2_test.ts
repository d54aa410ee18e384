import { assert, assertEquals, assertThrows } from "@std/assert";
import { LuaError } from "../../../lib/lua/engine.ts";
import { moduleState } from "./module_state.ts";

const { engine, run } = await moduleState();
run(`glib2 = require("glib2")`);

Deno.test("md5() is hexadecimal", () => {
  assertEquals(run(`return glib2.md5(""), glib2.md5("a\\0\\255")`), [
    "d41d8cd98f00b204e9800998ecf8427e",
    "b400e11f5b771d40145d1dc70b3d7b8c",
  ]);
  assertThrows(() => run("glib2.md5()"), LuaError, "string expected");
});

Deno.test("get_current_time() goes on", () => {
  const before = Date.now();
  const [seconds, microseconds, order] = run(`local a, last = glib2.get_current_time()
    for i = 1, 1000 do
      local b = glib2.get_current_time()
      if b.tv_sec < a.tv_sec or b.tv_sec == a.tv_sec and b.tv_usec < a.tv_usec then return 0, 0, "backwards" end
      a = b
    end
    return a.tv_sec, a.tv_usec, "forwards"`);
  assertEquals(order, "forwards");
  assert(Number(microseconds) >= 0 && Number(microseconds) < 1e6);
  const time = Number(seconds) * 1000 + Number(microseconds) / 1000;
  assert(Math.abs(time - before) < 5000, `${time} is not near ${before}`);
});

Deno.test("usleep() waits while others run", async () => {
  const waiter = engine.begin();
  engine.load(waiter.L, `glib2.usleep(20000) others = others or 0 return others`, "=waiter");
  const waited = engine.run(waiter, 0, (L) => engine.value(L, 1));
  assert(waited instanceof Promise);
  run(`others = 7`);
  assertEquals(await waited, 7);
  assertThrows(() => run("glib2.usleep('x')"), LuaError, "number expected");
});
