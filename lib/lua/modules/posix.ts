/**
 * `posix`: the process and the users of the system (spec section 4.9).
 *
 * What the process has no permission for is a Lua error that says which.
 *
 * @module
 */
import process from "node:process";
import type { LuaEngine } from "../engine.ts";
import { about } from "./context.ts";

/** Makes the module loadable. */
export function preloadPosix(engine: LuaEngine): void {
  engine.preload("posix", (L) => {
    return engine.module(L, "posix", {
      getpid(L) {
        engine.pushNumber(L, Deno.pid);
        return 1;
      },
      getuid(L) {
        engine.push(L, Deno.uid());
        return 1;
      },
      getpwuid(L) {
        engine.push(L, userById(engine.argInteger(L, 1)));
        return 1;
      },
      kill(L) {
        engine.pushNumber(L, kill(engine.argInteger(L, 1), engine.argInteger(L, 2)));
        return 1;
      },
    }, about("posix", "Parts of POSIX"));
  });
}

/** The user's line in the list of users. */
function userById(id: number) {
  for (const line of Deno.readTextFileSync("/etc/passwd").split("\n")) {
    const [name = "", , uid, gid, , dir = "", shell = ""] = line.split(":");
    if (uid !== undefined && uid !== "" && Number(uid) === id) return { name, uid: id, gid: Number(gid), dir, shell };
  }
  return undefined;
}

/** 0, or -1 if there is no such process or it is another user's; the signal 0 only asks. */
function kill(pid: number, signal: number): number {
  try {
    process.kill(pid, signal);
    return 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || error instanceof TypeError) throw error;
    return -1;
  }
}
