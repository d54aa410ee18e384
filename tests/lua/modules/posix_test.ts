import { assertEquals, assertThrows } from "@std/assert";
import { LuaError } from "../../../lib/lua/engine.ts";
import { moduleState } from "./module_state.ts";

const { run } = await moduleState();
run(`posix = require("posix")`);

Deno.test("getpid() and getuid() tell about the process", () => {
  assertEquals(run("return posix.getpid(), posix.getuid()"), [Deno.pid, Deno.uid()]);
});

Deno.test("getpwuid() tells about a user", () => {
  assertEquals(run(`return posix.getpwuid(0).name, posix.getpwuid(0).gid, posix.getpwuid(0).uid`), ["root", 0, 0]);
  assertEquals(run(`return type(posix.getpwuid(0).dir), type(posix.getpwuid(0).shell)`), ["string", "string"]);
  assertEquals(run("return posix.getpwuid(987654321)"), [undefined]);
});

Deno.test("kill() sends signals", async () => {
  assertEquals(run("return posix.kill(posix.getpid(), 0)"), [0]);
  const sleeper = new Deno.Command("sleep", { args: ["60"] }).spawn();
  assertEquals(run(`return posix.kill(${sleeper.pid}, 0), posix.kill(${sleeper.pid}, 15)`), [0, 0]);
  assertEquals((await sleeper.status).signal, "SIGTERM");
  assertEquals(run(`return posix.kill(${sleeper.pid}, 0)`), [-1]);
});

Deno.test({
  name: "posix says which permission is missing",
  permissions: { read: true, run: false, sys: false },
  async fn() {
    const { run } = await moduleState();
    run(`posix = require("posix")`);
    assertThrows(() => run("posix.getuid()"), LuaError, "--allow-sys");
    assertThrows(() => run("posix.kill(4194304, 15)"), LuaError, "--allow-run");
  },
});
