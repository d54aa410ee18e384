import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { LuaError } from "../../lib/lua/engine.ts";
import { call, withEngine } from "./open_engine.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Runs `test` with a folder of files that is removed afterwards. */
async function withFiles(files: Record<string, string>, test: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = `${folder}/${name}`;
      Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      Deno.writeTextFileSync(path, content);
    }
    await test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("require() looks at preload, then at the path, then at what is built in", async () => {
  const files = { "a.lua": "return 'file a'", "sub/b.lua": "return { ... }", "pre.lua": "return 'file'" };
  await withFiles(files, async (folder) => {
    const embedded = (name: string) =>
      name === "a" || name === "own"
        ? { source: encode(`return "built in ${name}"`), chunkName: `@own/${name}.lua` }
        : undefined;
    await withEngine({ luaPath: `${folder}/?.lua;${folder}/sub/?.lua`, embedded }, async (engine) => {
      engine.preload("pre", (L) => (engine.push(L, "preloaded"), 1));
      assertEquals(
        await call(engine, "return require 'pre', require 'a', require 'own', require 'sub.b', package.cpath"),
        [
          "preloaded",
          "file a",
          "built in own",
          ["sub.b", `${folder}/sub/b.lua`],
          "",
        ],
      );
    });
  });
});

Deno.test("require() says where it has looked", async () => {
  await withEngine({ luaPath: "/nowhere/?.lua", luaCPath: "/nowhere/?.so" }, async (engine) => {
    const error = await assertRejects(() => call(engine, "require 'x.y'"), LuaError);
    assertEquals(
      error.message,
      [
        "test.lua:1: module 'x.y' not found:",
        "no field package.preload['x.y']",
        "no file '/nowhere/x/y.lua'",
        "no built-in module 'x.y'",
        "no file '/nowhere/x/y.so'",
        "no file '/nowhere/x.so'",
      ].join("\n\t"),
    );
  });
});

Deno.test("require() of a C module names those that are built in", async () => {
  await withFiles({ "curl.so": "" }, async (folder) => {
    for (const options of [{ luaCPath: `${folder}/?.so` }, {}]) {
      await withEngine(options, async (engine) => {
        engine.preload("lfs", () => 0);
        engine.preload("lpeg", () => 0);
        if (options.luaCPath === undefined) await call(engine, `package.cpath = "${folder}/?.so"`);
        for (const name of ["curl", "curl.easy"]) {
          const error = await assertRejects(() => call(engine, `require '${name}'`), LuaError);
          assertStringIncludes(error.message, `module '${name}' is in the C library '${folder}/curl.so'`);
          assertStringIncludes(error.message, "(lfs, lpeg)");
        }
      });
    }
  });
});

Deno.test("a module that is broken says where", async () => {
  const embedded = () => ({ source: encode("\nlocal = 1"), chunkName: "@own/broken.lua" });
  await withEngine({ embedded }, async (engine) => {
    const error = await assertRejects(() => call(engine, "require 'broken'"), LuaError);
    assertStringIncludes(error.message, "error loading module 'broken':\n\town/broken.lua:2: <name> expected near '='");
  });
});
