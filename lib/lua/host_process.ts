/**
 * `os.execute`, `io.popen`, `os.getenv`, `os.tmpname` and `os.exit`: what a script may do to the program and its surroundings.
 *
 * Programs run while other scripts go on; where a script cannot wait, such as below `table.sort`, all of them stand still.
 *
 * @module
 */
import type { LuaCalls } from "./lua_calls.ts";
import type { FunctionPointer, Pointer, State } from "./lua_api.ts";
import type { LuaFunction } from "./lua_functions.ts";
import { ArgumentError, type LuaValue } from "./lua_values.ts";

const POPEN = new URL("./host_process.lua", import.meta.url);

/** Puts the functions over the library's own. */
export function installProcess(engine: LuaCalls, allowRun: boolean): void {
  const { api, main } = engine;
  api.lua_getglobal(main, engine.cstring("os"));
  engine.setFunctions(main, {
    getenv: (L) => getenv(engine, L),
    execute: (L) => execute(engine, L, allowRun),
    tmpname: (L) => {
      // The C library would only make up a name; on POSIX systems, Lua makes the file too.
      engine.push(L, Deno.makeTempFileSync({ prefix: "lua_" }));
      return 1;
    },
    exit: () => {
      throw new Error("os.exit is not available here, as it would end the proxy: use return or error()");
    },
  });
  api.lua_settop(main, -2);

  const coroutine = engine.begin();
  engine.load(coroutine.L, Deno.readTextFileSync(POPEN), "=io.popen");
  engine.pushFunction(coroutine.L, "popen", (L) => {
    const path = engine.argText(L, 2);
    const args = ["-c", 'exec sh -c "$1" >"$2"', "sh", engine.argText(L, 1), path];
    // Lua removes the file, unless it is given up before.
    return start(engine, L, args, undefined, () => Deno.removeSync(path));
  });
  engine.pushFunction(coroutine.L, "popen", runOnClose(engine));
  engine.pushFunction(coroutine.L, "popen", (L) => {
    if (!allowRun) refuse("io.popen");
    engine.argText(L, 1);
    if (!/^[rw]b?$/.test(engine.argText(L, 2))) throw new ArgumentError(2, "invalid mode");
    return 0;
  });
  engine.run(coroutine, 3, () => {});
}

function refuse(name: string): never {
  throw new Error(`${name} must not start programs: allow it with --lua-allow-run`);
}

/** A variable of the environment; one that must not be read is one that is not set. */
function getenv(engine: LuaCalls, L: State): number {
  const variable = engine.argText(L, 1);
  let value: string | undefined;
  try {
    // Asking would stop the proxy until somebody answers at the terminal.
    const granted = Deno.permissions.querySync({ name: "env", variable }).state === "granted";
    value = granted ? Deno.env.get(variable) : undefined;
  } catch {
    value = undefined;
  }
  engine.push(L, value);
  return 1;
}

/** `os.execute([command])` of Lua 5.1: the status as `system()` of C returns it, so 256 for an exit code of 1. */
function execute(engine: LuaCalls, L: State, allowRun: boolean): number {
  if (!engine.isGiven(L, 1)) {
    engine.push(L, allowRun ? 1 : 0);
    return 1;
  }
  const command = engine.argText(L, 1);
  if (!allowRun) refuse("os.execute");
  return start(engine, L, ["-c", command]);
}

/**
 * A function of a file, a command and the path of the file: `file:close()` then runs the command with the file as its input.
 *
 * A file of the C library is a userdata of two words, the `FILE *` and the function that closes it (`luaL_Stream` of
 * lauxlib.h). The second is replaced.
 */
function runOnClose(engine: LuaCalls): LuaFunction {
  const { api } = engine;
  const pending = new Map<Pointer, { command: string; path: string }>();
  let closeFile: FunctionPointer = 0;

  const close = engine.functionPointer("close", (L) => {
    const file = api.lua_touserdata(L, 1);
    const { command, path } = pending.get(file) ?? { command: "", path: "" };
    pending.delete(file);
    api.lua_pushcclosure(L, closeFile, 0);
    api.lua_pushvalue(L, 1);
    api.lua_callk(L, 1, 0, 0, 0);
    return start(engine, L, ["-c", 'exec sh -c "$1" <"$2"', "sh", command, path], () => {
      Deno.removeSync(path);
      return true;
    });
  });

  return (L) => {
    const file = api.lua_touserdata(L, 1);
    pending.set(file, { command: engine.argText(L, 2), path: engine.argText(L, 3) });
    closeFile = engine.wordAt(file + 4);
    engine.setWordAt(file + 4, close);
    return 0;
  };
}

/** Runs the shell and returns its status to Lua, or what `finish` makes of it; `abandoned` if the script is given up meanwhile. */
function start(
  engine: LuaCalls,
  L: State,
  args: string[],
  finish: (status: number) => LuaValue = (status) => status,
  abandoned: () => void = () => {},
): number {
  // What the script has written so far comes before what the program writes.
  engine.flush();
  const options = { args, stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;
  if (engine.canWait(L)) {
    return engine.wait(L, async (signal) => {
      const status = statusOf(await new Deno.Command("sh", { ...options, signal }).spawn().status);
      if (signal.aborted) abandoned();
      return [finish(status)];
    });
  }
  const status = statusOf(new Deno.Command("sh", options).outputSync());
  engine.restartTimeLimit();
  engine.push(L, finish(status));
  return 1;
}

/** As `wait()` of C has it: the exit code times 256, or the number of the signal. */
function statusOf(status: { readonly code: number; readonly signal: Deno.Signal | null }): number {
  // Deno reports a program that a signal has ended as 128 and the signal.
  return status.signal === null ? status.code * 256 : status.code - 128;
}
