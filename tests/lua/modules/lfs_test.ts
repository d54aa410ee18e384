import { assert, assertEquals, assertThrows } from "@std/assert";
import { LuaError } from "../../../lib/lua/engine.ts";
import { moduleState } from "./module_state.ts";

const { engine, run } = await moduleState();
run(`lfs = require("lfs")`);

/** Runs a chunk with the global `folder` naming an empty folder. */
async function inFolder(test: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    engine.push(engine.main, folder);
    engine.api.lua_setglobal(engine.main, engine.cstring("folder"));
    test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("attributes() tells about files", async () => {
  await inFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/file`, "12345");
    Deno.symlinkSync("file", `${folder}/link`);
    assertEquals(
      run(`local a = lfs.attributes(folder .. "/file")
        return a.mode, a.size, lfs.attributes(folder, "mode"), lfs.attributes(folder .. "/link").mode,
          lfs.symlinkattributes(folder .. "/link", "mode"), lfs.attributes("/dev/null", "mode")`),
      ["file", 5, "directory", "file", "link", "char device"],
    );
    assertEquals(
      run(`local names = {}
        for name, value in pairs(lfs.attributes(folder)) do
          if type(value) ~= (name == "mode" and "string" or "number") then return name end
          names[#names + 1] = name
        end
        table.sort(names)
        return table.concat(names, " ")`),
      ["access blksize blocks change dev gid ino mode modification nlink rdev size uid"],
    );
    const [nothing, message] = run(`return lfs.attributes(folder .. "/none")`);
    assertEquals(nothing, undefined);
    assert(String(message).startsWith(`cannot obtain information from file '${folder}/none'`), String(message));
    assertEquals(run(`return lfs.attributes(folder, "colour")`)[0], undefined);
  });
});

Deno.test("mkdir(), rmdir() and touch() change folders", async () => {
  await inFolder((folder) => {
    assertEquals(run(`return lfs.mkdir(folder .. "/sub")`), [true]);
    const [again, why] = run(`return lfs.mkdir(folder .. "/sub")`);
    assertEquals([again, typeof why], [undefined, "string"]);
    assertEquals(run(`return lfs.rmdir(folder .. "/sub")`), [true]);
    assertEquals(run(`return lfs.rmdir(folder .. "/sub")`)[0], undefined);
    Deno.writeTextFileSync(`${folder}/file`, "");
    assertEquals(run(`return lfs.rmdir(folder .. "/file")`)[0], undefined);
    assertEquals(
      run(`return lfs.touch(folder .. "/file", 1000, 2000), lfs.attributes(folder .. "/file", "access"),
      lfs.attributes(folder .. "/file", "modification")`),
      [true, 1000, 2000],
    );
    assertEquals(
      run(`return lfs.touch(folder .. "/file"), os.time() - lfs.attributes(folder .. "/file", "access") < 5`),
      [
        true,
        true,
      ],
    );
    assertEquals(run(`return lfs.touch(folder .. "/none")`)[0], undefined);
  });
});

Deno.test("dir() goes through a folder", async () => {
  await inFolder((folder) => {
    for (const name of ["b", "a"]) Deno.writeTextFileSync(`${folder}/${name}`, "");
    const list = `local names = {} for name in lfs.dir(folder) do names[#names + 1] = name end
      table.sort(names) return table.concat(names, " ")`;
    assertEquals(run(list), [". .. a b"]);
    assertThrows(() => run(`lfs.dir(folder .. "/none")`), LuaError, "cannot open");
  });
});

Deno.test("chdir() and currentdir() go together", async () => {
  const before = Deno.cwd();
  await inFolder((folder) => {
    try {
      assertEquals(run(`return lfs.currentdir()`), [before]);
      assertEquals(run(`return lfs.chdir(folder), lfs.currentdir()`), [true, Deno.realPathSync(folder)]);
      assertEquals(run(`return lfs.chdir(folder .. "/none")`)[0], undefined);
    } finally {
      Deno.chdir(before);
    }
  });
});

Deno.test("lock() and unlock() say that they cannot", () => {
  assertEquals(run(`return lfs.lock(io.stdout, "w")`)[0], undefined);
  assertEquals(run(`return lfs.unlock(io.stdout)`)[0], undefined);
});

Deno.test({
  name: "lfs gives nil where a permission is missing",
  permissions: { read: true, write: false },
  async fn() {
    const { run } = await moduleState();
    const [nothing, message] = run(`return require("lfs").mkdir("/tmp/never")`);
    assertEquals(nothing, undefined);
    assert(String(message).includes("write access"), String(message));
  },
});
