/**
 * The options of Lua scripts. They belong to the whole program: every plugin that runs scripts takes them.
 *
 * @module
 */
import { defineOptions, type ValuesOf } from "../plugin/mod.ts";

/** What the chassis registers beside its own options. */
export const LUA_OPTIONS = defineOptions([
  {
    name: "lua-path",
    type: "string",
    placeholder: "PATH",
    defaultText: "LUA_PATH from the environment, or <basedir>/lib/mysql-proxy/lua/?.lua",
    text:
      "Where require() of a script looks for modules, as templates with a question mark and semicolons in between; " +
      "the shipped modules are found without it",
    since: "0.6",
  },
  {
    name: "lua-cpath",
    type: "string",
    placeholder: "PATH",
    text: "For old configurations: modules in C cannot be loaded, and a script that asks for one is told so",
    since: "0.6",
  },
  {
    name: "lua-time-limit",
    type: "seconds",
    default: 1,
    minimum: 0,
    maximum: 86400,
    text:
      "Stop a hook of a script that computes for longer than this, 0 for no limit; time in which it waits does not count",
    since: "0.9",
  },
  {
    name: "lua-memory-limit",
    type: "integer",
    default: 512,
    minimum: 32,
    maximum: 2048,
    placeholder: "MB",
    text: "How much memory the scripts of one event thread may take together",
    since: "0.9",
  },
  {
    name: "lua-allow-run",
    type: "flag",
    default: false,
    text: "Let scripts run programs: os.execute and io.popen",
    since: "0.9",
  },
]);

/** The parsed values of {@linkcode LUA_OPTIONS}. */
export type LuaValues = ValuesOf<typeof LUA_OPTIONS>;
