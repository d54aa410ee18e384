/**
 * A Lua state with the modules in it, as scripts have it.
 *
 * @module
 */
import { installDialect } from "../../../lib/lua/dialect/dialect.ts";
import { LuaEngine, type LuaValue } from "../../../lib/lua/engine.ts";
import { installModules, type ModuleContext } from "../../../lib/lua/modules/mod.ts";

const compiled = LuaEngine.compile();

/** What has been logged, and how often the program was asked to end. */
export interface Calls {
  readonly log: string[];
  shutdowns: number;
}

/** A state, and a function that runs a chunk and gives its results, with strings as text. */
export async function moduleState(context: Partial<ModuleContext> = {}) {
  const engine = await LuaEngine.open(await compiled);
  const calls: Calls = { log: [], shutdowns: 0 };
  installDialect(engine);
  installModules(engine, {
    log: (level, text) => calls.log.push(`${level}: ${text}`),
    shutdown: () => calls.shutdowns++,
    stats: () => ({}),
    basedir: "",
    ...context,
  });
  const run = (source: string, chunkName = "=test"): LuaValue[] => engine.execute(source, chunkName).map(asText);
  return { engine, calls, run };
}

/** Strings as text, one character per byte. */
export function asText(value: LuaValue): LuaValue {
  if (value instanceof Uint8Array) return String.fromCharCode(...value);
  if (Array.isArray(value)) return value.map(asText);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, asText(element)]));
}
