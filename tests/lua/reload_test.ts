import { assertEquals, assertStringIncludes } from "@std/assert";
import { Verdict } from "../../lib/script/mod.ts";
import { TestHost } from "./_script_world.ts";

const answer = (number: number) => `function connect_server() return ${number} end -- ${"x".repeat(number)}`;

Deno.test("reload() gives new connections the new version", async () => {
  using test = await TestHost.open(answer(2));
  assertEquals(await test.host.reload(), false);
  const old = test.connect();
  assertEquals(await old.connectServer(), Verdict.SEND_RESULT);
  Deno.writeTextFileSync(test.path, answer(4));
  assertEquals(await test.host.reload(), true);
  assertEquals(await old.connectServer(), Verdict.SEND_RESULT);
  assertEquals(await test.connect().connectServer(), Verdict.IGNORE_RESULT);
  assertEquals(await test.host.reload(), false);
});

Deno.test("reload() keeps the last version of a broken script, and says why once", async () => {
  using test = await TestHost.open(answer(4));
  Deno.writeTextFileSync(test.path, "function connect_server(\n)) end");
  assertEquals(await test.host.reload(), false);
  assertEquals(await test.host.reload(), false);
  assertEquals(await test.connect().connectServer(), Verdict.IGNORE_RESULT);
  assertEquals(test.world.records.length, 1);
  assertStringIncludes(test.world.records[0] ?? "", "script.lua:2:");
  Deno.writeTextFileSync(test.path, answer(2));
  assertEquals(await test.host.reload(), true);
});

Deno.test("reload() does not take an empty file, or one that is gone", async () => {
  using test = await TestHost.open(answer(4));
  Deno.writeTextFileSync(test.path, "");
  assertEquals(await test.host.reload(), false);
  Deno.removeSync(test.path);
  assertEquals(await test.host.reload(), false);
  assertEquals(await test.connect().connectServer(), Verdict.IGNORE_RESULT);
  Deno.writeTextFileSync(test.path, answer(2));
  assertEquals(await test.host.reload(), true);
});

Deno.test("reload() does not take a file that is being written", async () => {
  using test = await TestHost.open(answer(4));
  Deno.writeTextFileSync(test.path, answer(2).slice(0, 10));
  const reloading = test.host.reload();
  Deno.writeTextFileSync(test.path, answer(2));
  assertEquals(await reloading, false);
  assertEquals(await test.host.reload(), true);
  assertEquals(await test.connect().connectServer(), Verdict.SEND_RESULT);
});
