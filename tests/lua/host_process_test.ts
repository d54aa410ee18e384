import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { LuaCancelled, LuaError } from "../../lib/lua/engine.ts";
import { until } from "../servers/port.ts";
import { call, withEngine } from "./open_engine.ts";

Deno.test("programs are started only if that is allowed", async () => {
  await withEngine({}, async (engine) => {
    for (const source of ["os.execute('true')", "io.popen('true')"]) {
      const error = await assertRejects(() => call(engine, source), LuaError);
      assertStringIncludes(error.message, "test.lua:1: ");
      assertStringIncludes(error.message, "--lua-allow-run");
    }
    assertEquals(await call(engine, "return os.execute()"), [0]);
  });
});

Deno.test("os.execute() returns the status as Lua 5.1 does", async () => {
  await withEngine({ allowRun: true }, async (engine) => {
    assertEquals(
      await call(engine, "return os.execute(), os.execute('true'), os.execute('exit 3'), os.execute('kill -9 $$')"),
      [
        1,
        0,
        768,
        9,
      ],
    );
  });
});

Deno.test("io.popen() reads what a program writes, and writes what it reads", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    await withEngine({ allowRun: true }, async (engine) => {
      assertEquals(
        await call(
          engine,
          `local f = io.popen("printf 'a\\\\nb'; # all") local t = { f:read("*l"), f:read("*a") } return t, f:close(), io.type(f)`,
        ),
        [["a", "b"], true, "closed file"],
      );
      const written =
        `local f = io.popen("tr a-z A-Z > '${folder}/out'", "w") f:write("hello", 1) return f:close(), io.type(f)`;
      assertEquals(await call(engine, written), [true, "closed file"]);
      assertEquals(Deno.readTextFileSync(`${folder}/out`), "HELLO1");
      const forgotten =
        `do local f = io.popen("cat > '${folder}/late'", "w") f:write("x") end collectgarbage() collectgarbage()`;
      await call(engine, forgotten);
      assertEquals(Deno.readTextFileSync(`${folder}/late`), "x");
      await assertRejects(() => call(engine, "io.popen('true', 'rw')"), LuaError, "invalid mode");
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("programs run while other scripts do, and without where they cannot wait", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    await withEngine({ allowRun: true, timeLimitMs: 1000 }, async (engine) => {
      const order: string[] = [];
      // The program ends when the other script has made the file.
      const slow = call(engine, `return os.execute("until [ -e '${folder}/go' ]; do sleep 0.01; done")`);
      await Promise.all([
        slow.then(() => order.push("slow")),
        call(engine, `io.open("${folder}/go", "w"):close()`).then(() => order.push("other")),
      ]);
      assertEquals(order, ["other", "slow"]);
      const sorted = "local n table.sort({ 1, 2 }, function(a, b) n = os.execute('exit 2') return a < b end) return n";
      assertEquals(await call(engine, sorted), [512]);
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a program ends when its script is given up", async () => {
  await withEngine({ allowRun: true }, async (engine) => {
    const coroutine = engine.begin();
    engine.load(coroutine.L, "os.execute('exec sleep 1000')", "=t");
    const result = engine.run(coroutine, 0, () => {});
    engine.cancel(coroutine);
    await assertRejects(async () => await result, LuaCancelled);
  });
});

Deno.test("io.popen() leaves no file behind when its script is given up", async () => {
  const folder = Deno.makeTempDirSync();
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", folder);
  try {
    await withEngine({ allowRun: true }, async (engine) => {
      const coroutine = engine.begin();
      engine.load(coroutine.L, "io.popen('exec sleep 1000')", "=t");
      const result = engine.run(coroutine, 0, () => {});
      assertEquals([...Deno.readDirSync(folder)].length, 1);
      engine.cancel(coroutine);
      await assertRejects(async () => await result, LuaCancelled);
      await until(5000, "the file to be gone", () => [...Deno.readDirSync(folder)].length === 0);
    });
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("os.exit() is an error, os.getenv() reads the environment", async () => {
  Deno.env.set("LUA_TEST_VARIABLE", "here");
  try {
    await withEngine({}, async (engine) => {
      const error = await assertRejects(() => call(engine, "os.exit(1)"), LuaError);
      assertStringIncludes(error.message, "os.exit is not available here");
      assertEquals(await call(engine, "return os.getenv('LUA_TEST_VARIABLE'), os.getenv('LUA_TEST_NONE')"), [
        "here",
        undefined,
      ]);
    });
  } finally {
    Deno.env.delete("LUA_TEST_VARIABLE");
  }
});
