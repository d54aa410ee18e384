import { assertEquals } from "@std/assert";
import { nativePasswordHash, scrambleNativePassword } from "../../../lib/protocol/mod.ts";
import { moduleState } from "./module_state.ts";

const { engine, calls, run } = await moduleState();
run(`password = require("mysql.password")`);

/** Puts bytes into a global. */
function set(name: string, value: Uint8Array): void {
  engine.push(engine.main, value);
  engine.api.lua_setglobal(engine.main, engine.cstring(name));
}

const nonce = Uint8Array.from({ length: 20 }, (_, i) => i + 1);
set("challenge", nonce);
set("double", nativePasswordHash("secret"));
set("response", scrambleNativePassword("secret", nonce));

Deno.test("hash() is SHA1", () => {
  assertEquals(run(`return (password.hash("abc"):gsub(".", function(c) return ("%02x"):format(c:byte()) end))`), [
    "a9993e364706816aba3e25717850c26c9cd0d89d",
  ]);
});

Deno.test("scramble() is what a client answers", () => {
  assertEquals(
    run(`local hash = password.hash("secret")
      return password.scramble(challenge, hash) == response, password.scramble(challenge .. "\\0", hash) == response,
        password.hash(hash) == double`),
    [true, true, true],
  );
});

Deno.test("unscramble() finds the hash", () => {
  assertEquals(run(`return password.unscramble(challenge, response, double) == password.hash("secret")`), [true]);
});

Deno.test("check() tells who knows the password", () => {
  assertEquals(
    run(`return password.check(challenge, response, double), password.check(challenge .. "x", response, double),
      password.check(("x"):rep(20), response, double), password.check(challenge, ("x"):rep(20), double),
      password.check(challenge, response, password.hash("x"))`),
    [true, true, false, false, false],
  );
});

Deno.test("arguments of a wrong length are logged, and prove nothing", () => {
  calls.log.length = 0;
  assertEquals(
    run(`return password.scramble("short", password.hash("x")), password.unscramble(challenge, "", double),
      password.check(challenge, "", ""), password.check(challenge, "", double), password.check("", response, double),
      password.check(challenge, response .. "x", double)`),
    ["", "", false, false, false, false],
  );
  assertEquals(calls.log.length, 6);
  assertEquals(calls.log[0], "critical: mysql.password.scramble: the challenge must have 20 bytes, got 5");
});

Deno.test("mysql.password is a module and a global", () => {
  assertEquals(run(`return password == package.loaded["mysql.password"], type(password._VERSION)`), [true, "string"]);
});
