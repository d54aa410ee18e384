/**
 * `glib2`: waiting, MD5 and the time (spec section 4.9).
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { LuaEngine } from "../engine.ts";
import { sleepFunction } from "../waits.ts";
import { about } from "./context.ts";

/** Milliseconds that the two clocks may differ by before the precise one is set. */
const TOLERANCE = 20;

/** Makes a clock of microseconds since 1970: that of the system is precise to milliseconds only. */
function preciseClock(): () => number {
  let origin = performance.timeOrigin;
  return () => {
    const now = performance.now();
    const system = Date.now();
    if (Math.abs(origin + now - system) > TOLERANCE) origin = system - now;
    return Math.floor((origin + now) * 1000);
  };
}

/** Makes the module loadable. */
export function preloadGlib2(engine: LuaEngine): void {
  const clock = preciseClock();
  const sleep = sleepFunction(engine);
  engine.preload("glib2", (L) => {
    return engine.module(L, "glib2", {
      usleep(L) {
        const microseconds = engine.argNumber(L, 1);
        engine.api.lua_settop(L, 0);
        engine.api.lua_pushnumber(L, microseconds / 1e6);
        return sleep(L);
      },
      md5(L) {
        engine.pushText(L, createHash("md5").update(engine.argBytes(L, 1)).digest("hex"));
        return 1;
      },
      get_current_time(L) {
        const time = clock();
        engine.push(L, { tv_sec: Math.floor(time / 1e6), tv_usec: time % 1e6 });
        return 1;
      },
    }, about("glib2", "Parts of GLib"));
  });
}
