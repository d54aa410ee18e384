import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { holdTempDir } from "../../servers/leash.ts";
import { freePort } from "../../servers/port.ts";
import { PROJECT, Proxy, startTask } from "../../servers/proxy.ts";
import { ignore, shared, withProcess } from "./scripts_stage.ts";
import { connect, value } from "./stage.ts";

/** Runs the proxy until it ends by itself, and tells how. */
async function ends(...args: string[]): Promise<{ code: number; text: string }> {
  const [program, ...words] = startTask();
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...words, `--proxy-address=127.0.0.1:${freePort()}`, "--proxy-backend-addresses=127.0.0.1:1", ...args],
    cwd: PROJECT,
    stdin: "null",
    signal: AbortSignal.timeout(20_000),
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("a script that cannot be loaded is an error at the start, with file and line", async () => {
  const folder = await holdTempDir("start");
  const broken = `${folder}/broken.lua`;
  await Deno.writeTextFile(broken, "-- one\nlocal x = 1\nfunction read_query(\n  return )\nend\n");
  const escaping = `${folder}/escaping.lua`;
  await Deno.writeTextFile(escaping, "end print('outside') do\n");
  const bytecode = `${folder}/bytecode.lua`;
  await Deno.writeFile(bytecode, Uint8Array.of(0x1b, 0x4c, 0x75, 0x61, 0x51, 0, 1, 4));
  const cases: [string, RegExp][] = [
    [`${folder}/missing.lua`, /missing\.lua/],
    [folder, /start/],
    [broken, /broken\.lua:4: /],
    [escaping, /escaping\.lua:1: /],
    [bytecode, /bytecode\.lua/],
    ["no-such-script", /no-such-script/],
    ["../../etc/passwd", /passwd/],
  ];
  for (const [script, expected] of cases) {
    // Neither thread waits for the other, which fails as well.
    const { code, text } = await ends(`--proxy-lua-script=${script}`, "--event-threads=2", "--shutdown-timeout=60");
    assertEquals(code, 1, `${script}: ${text}`);
    assertMatch(text, expected);
    assert(!text.includes("outside") && !text.includes("Uncaught"), text);
  }
});

Deno.test({
  name: "a script may be named: one of those that come with the program, with what they require",
  ignore,
  async fn() {
    const server = await shared();
    for (const name of ["tutorial-basic", "histogram", "rw-splitting.lua"]) {
      const proxy = await Proxy.start({
        backends: [`127.0.0.1:${server.port}`],
        args: [`--proxy-lua-script=${name}`],
      });
      try {
        const client = await connect(proxy.port);
        assertEquals(await value(client, "SELECT 1"), 1, name);
        client.destroy();
        await proxy.stop();
      } finally {
        if (proxy.isRunning) await proxy.kill();
      }
      assert(!proxy.log.includes("(critical)"), proxy.log);
    }
  },
});

Deno.test({
  name: "require() looks where --lua-path says, and tells of modules in C that they cannot be loaded",
  ignore,
  async fn() {
    const folder = await holdTempDir("modules");
    await Deno.mkdir(`${folder}/sub`);
    await Deno.writeTextFile(`${folder}/mine.lua`, `module(..., package.seeall) function name() return _NAME end`);
    await Deno.writeTextFile(`${folder}/sub/init.lua`, `return { name = "sub" }`);
    await Deno.writeFile(`${folder}/native.so`, Uint8Array.of(0x7f, 0x45, 0x4c, 0x46));
    await Deno.writeTextFile(`${folder}/broken.lua`, `return +\n`);
    const script = `
local mine, sub = require("mine"), require("sub")
local tokenizer = require("proxy.tokenizer")
print(mine.name(), sub.name, type(tokenizer.tokenize))
print(select(2, pcall(require, "native")))
print(select(2, pcall(require, "broken")))
print(select(2, pcall(require, "nowhere")))
`;
    await withProcess(script, [await shared()], async ({ proxy }) => {
      const client = await connect(proxy.port);
      client.destroy();
      assertStringIncludes(proxy.log, "mine\tsub\tfunction");
      assertMatch(proxy.log, /native.*(C module|cannot be loaded|module in C)/);
      assertMatch(proxy.log, /broken\.lua"?\]?:/);
      assertMatch(proxy.log, /module 'nowhere' not found/);
    }, [`--lua-path=${folder}/?.lua;${folder}/?/init.lua`, `--lua-cpath=${folder}/?.so`]);
  },
});
