import { assertEquals } from "@std/assert";
import { call, withEngine } from "./open_engine.ts";

const ENOENT = 44;
const EACCES = 2;

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("io reads and writes the host's files", async () => {
  await withFolder(async (folder) => {
    await withEngine({}, async (engine) => {
      const source = `
        local path = "${folder}/data"
        local f = assert(io.open(path, "wb"))
        f:write("one\\n", "a\\0\\255b", 12, "\\n") f:close()
        f = assert(io.open(path, "ab")) f:write("third") f:close()
        f = assert(io.open(path, "r+b"))
        local size = f:seek("end")
        f:seek("set", 1) f:write("N") f:seek("set")
        local first = f:read("l")
        local bytes = f:read(4)
        local number = f:read("n")
        local rest = f:read("a")
        local eof = f:read("l")
        f:close()
        local lines = {} for line in io.lines(path) do lines[#lines + 1] = #line end
        return size, first, bytes == "a\\0\\255b", number, rest, eof == nil, lines, io.type(f)`;
      assertEquals(await call(engine, source), [16, "oNe", true, 12, "\nthird", true, [3, 6, 5], "closed file"]);
      assertEquals(Deno.readTextFileSync(`${folder}/data`).startsWith("oNe\n"), true);
    });
  });
});

Deno.test("os.rename, os.remove and os.tmpname work on the host's files", async () => {
  await withFolder(async (folder) => {
    await withEngine({}, async (engine) => {
      Deno.writeTextFileSync(`${folder}/a`, "x");
      Deno.mkdirSync(`${folder}/d`);
      const source = `
        local name = os.tmpname()
        local f = io.open(name) f:close()
        local t = io.tmpfile() t:write("temp") t:seek("set") local back = t:read("a") t:close()
        return os.remove(name), io.open(name) == nil, back, os.rename("${folder}/a", "${folder}/b"), os.remove("${folder}/b"),
          os.remove("${folder}/d"), select(3, os.remove("${folder}/none"))`;
      assertEquals(await call(engine, source), [true, true, "temp", true, true, true, ENOENT]);
      assertEquals([...Deno.readDirSync(folder)], []);
    });
  });
});

Deno.test("files that cannot be opened are nil, a message and a number", async () => {
  await withEngine({}, async (engine) => {
    assertEquals(await call(engine, "return io.open('/nowhere/file')"), [
      undefined,
      "/nowhere/file: No such file or directory",
      ENOENT,
    ]);
    assertEquals((await call(engine, "return io.open('/', 'w')"))[0], undefined);
    assertEquals(await call(engine, "return pcall(dofile, '/nowhere.lua')"), [
      false,
      "cannot open /nowhere.lua: No such file or directory",
    ]);
  });
});

Deno.test({
  name: "a permission that is not given is an error of the call",
  permissions: { read: [new URL("../../", import.meta.url)], write: false, env: false },
  async fn() {
    await withEngine({}, async (engine) => {
      assertEquals(await call(engine, "return io.open('/etc/passwd')"), [
        undefined,
        "/etc/passwd: Permission denied",
        EACCES,
      ]);
      assertEquals(await call(engine, "return os.remove('/tmp/nothing')"), [
        undefined,
        "/tmp/nothing: Permission denied",
        EACCES,
      ]);
      assertEquals(await call(engine, "return os.getenv('HOME')"), [undefined]);
    });
  },
});

Deno.test("print writes a short line in one go, so that no other thread gets into the middle of it", async () => {
  const lines: string[] = [];
  const streams = { stdout: (b: Uint8Array) => void lines.push(new TextDecoder().decode(b)) };
  await withEngine(streams, async (engine) => {
    await call(engine, "print('one', 2) print('three')");
  });
  assertEquals(lines, ["one\t2\n", "three\n"]);
});

Deno.test("print and io.write reach the streams, binary, in order", async () => {
  const out: number[] = [];
  const errors: number[] = [];
  const streams = { stdout: (b: Uint8Array) => out.push(...b), stderr: (b: Uint8Array) => errors.push(...b) };
  await withEngine(streams, async (engine) => {
    await call(engine, "print('a', 1.0, nil) io.write('\\0\\255', 2, '\\n') io.stderr:write('e') io.write('rest')");
    assertEquals(new TextDecoder("latin1").decode(new Uint8Array(out)), "a\t1\tnil\n\0ÿ2\n");
    engine.flush();
    assertEquals(out.length, 16);
    assertEquals(errors, [101]);
  });
});

Deno.test("files that a failed or killed script leaves open are closed", async () => {
  await withFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/a`, "1\n2\n3\n");
    await withEngine({ timeLimitMs: 20 }, async (engine) => {
      // The test runner reports files that are still open.
      for (const end of ["error('x')", "while true do end"]) {
        await call(engine, `for line in io.lines("${folder}/a") do ${end} end`).catch(() => {});
        await call(engine, `local f = io.open("${folder}/a") ${end}`).catch(() => {});
      }
      await call(engine, "collectgarbage() collectgarbage()");
    });
  });
});
