import { assert, assertEquals, assertThrows } from "@std/assert";
import { ScriptFileError } from "../../lib/lua/script_error.ts";
import { ScriptFile, shippedModule } from "../../lib/lua/script_file.ts";

Deno.test("ScriptFile finds shipped scripts by name, with and without .lua, tutorials too", () => {
  for (const name of ["histogram", "histogram.lua", "tutorial-basic", "tutorial/tutorial-basic.lua"]) {
    const file = new ScriptFile(name);
    assert(file.path.endsWith(".lua"), file.path);
    assertEquals(file.folder, undefined);
    assert(file.read().bytes.length > 0);
  }
});

Deno.test("ScriptFile takes a file before a shipped script", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/histogram.lua`;
    Deno.writeTextFileSync(path, "-- mine");
    const file = new ScriptFile(path);
    assertEquals([file.path, file.folder, new TextDecoder().decode(file.read().bytes)], [path, folder, "-- mine"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

for (const name of ["nothing", "../protocol/mod", "/histogram", "proxy"]) {
  Deno.test(`ScriptFile does not find "${name}"`, () => {
    const error = assertThrows(() => new ScriptFile(name), ScriptFileError);
    assertEquals(error.code, "not-found");
  });
}

Deno.test("shippedModule() finds the modules that come with the program", () => {
  assert((shippedModule("proxy.commands")?.source.length ?? 0) > 0);
  for (const name of ["proxy.nothing", "..host", "proxy/commands", "proxy..commands", ""]) {
    assertEquals(shippedModule(name), undefined, name);
  }
});
