/**
 * The modules that were libraries in C: what scripts find with `require`, and as globals once somebody has.
 *
 * @module
 */
import type { LuaEngine } from "../engine.ts";
import { preloadChassis } from "./chassis.ts";
import type { ModuleContext } from "./context.ts";
import { preloadGlib2 } from "./glib2.ts";
import { preloadLfs } from "./lfs.ts";
import { preloadMysqlPassword } from "./mysql_password.ts";
import { preloadMysqlProto } from "./mysql_proto.ts";
import { preloadMysqlTokenizer } from "./mysql_tokenizer.ts";
import { preloadPosix } from "./posix.ts";

export type { ModuleContext } from "./context.ts";

/** Makes all modules but LPeg loadable; none is loaded before a script asks for it. */
export function installModules(engine: LuaEngine, context: ModuleContext): void {
  preloadMysqlTokenizer(engine);
  preloadMysqlProto(engine);
  preloadMysqlPassword(engine, context);
  preloadChassis(engine, context);
  preloadPosix(engine);
  preloadGlib2(engine);
  preloadLfs(engine);
}
