/**
 * A Lua state with the dialect, for tests.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type EngineOptions, LuaEngine, LuaError } from "../../../lib/lua/engine.ts";
import { installDialect, translate } from "../../../lib/lua/dialect/dialect.ts";

const module = await LuaEngine.compile();

/** Runs programs, one state for all that one test runs. */
export class Lua51 {
  readonly engine: LuaEngine;

  private constructor(engine: LuaEngine) {
    this.engine = engine;
  }

  static async open(options: EngineOptions = {}): Promise<Lua51> {
    const engine = await LuaEngine.open(module, options);
    installDialect(engine);
    return new Lua51(engine);
  }

  /** The results of a chunk named "t.lua", as `print` would show them; the message of its error after "error: ". */
  run(source: string): string {
    const program = `return show((function() ${source}\nend)())`;
    this.engine.execute(SHOW, "=show");
    try {
      const bytes = translate(Uint8Array.from(program, (char) => char.charCodeAt(0)));
      const [shown] = this.engine.execute(bytes, "@t.lua");
      if (!(shown instanceof Uint8Array)) return String(shown);
      return Array.from(shown, (byte) => String.fromCharCode(byte)).join("");
    } catch (error) {
      if (error instanceof LuaError) return `error: ${error.message}`;
      throw error;
    }
  }

  /** Runs each program and compares: what is expected is what Lua 5.1.5 prints. */
  expect(programs: Readonly<Record<string, string>>): void {
    for (const [source, expected] of Object.entries(programs)) {
      assertEquals(this.run(source), expected, source);
    }
  }
}

const SHOW = `function show(...)
  local shown = {}
  for i = 1, select("#", ...) do shown[i] = tostring((select(i, ...))) end
  return table.concat(shown, " ")
end`;
