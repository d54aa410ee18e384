/**
 * `chassis`: the log, statistics and the end of the program for scripts (spec section 4.9).
 *
 * Unlike the original, the level `error` ends nothing, `print` takes any values, and `get_stats("chassis")` finds what it
 * names.
 *
 * @module
 */
import type { LuaEngine } from "../engine.ts";
import type { ScriptLogLevel } from "../../script/mod.ts";
import { about, type ModuleContext } from "./context.ts";
import { runLuaPart } from "./lua_part.ts";

const LEVELS: readonly ScriptLogLevel[] = ["error", "critical", "warning", "message", "info", "debug"];

/** Makes the module loadable. */
export function preloadChassis(engine: LuaEngine, context: ModuleContext): void {
  engine.preload("chassis", (L) => {
    const { api } = engine;
    engine.module(L, "chassis", {
      set_shutdown() {
        context.shutdown();
        return 0;
      },
    }, about("chassis", "The program around the scripts"));
    const module = api.lua_gettop(L);
    runLuaPart(engine, L, "chassis", () => {
      api.lua_pushvalue(L, module);
      engine.pushFunction(L, "log", (L) => {
        const name = engine.argText(L, 1);
        context.log(LEVELS.find((level) => level === name) ?? "message", engine.argText(L, 2));
        return 0;
      });
      engine.pushFunction(L, "stats", (L) => {
        const stats = context.stats();
        engine.push(L, { ...stats, chassis: { ...stats["chassis"] } });
        return 1;
      });
      const { basedir } = context;
      engine.pushText(L, basedir === "" || basedir.endsWith("/") ? basedir : `${basedir}/`);
    }, 0);
    return 1;
  });
}
