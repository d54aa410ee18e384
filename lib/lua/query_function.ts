/**
 * `proxy.query(backend, sql [, { user=, password=, database= }])`: a statement on a connection of the proxy's own.
 *
 * @module
 */
import type { QueryAccount, QueryOutcome, ScriptWorld } from "../script/mod.ts";
import type { LuaEngine, LuaFunction, LuaValue, State } from "./engine.ts";
import { LuaType } from "./lua_api.ts";

/** What the script gets: one table, or nil, message, error number and SQL state. */
function resultsOf(outcome: QueryOutcome): readonly LuaValue[] {
  switch (outcome.kind) {
    case "ok":
      return [{
        affected_rows: outcome.affectedRows,
        insert_id: outcome.insertId,
        warning_count: outcome.warnings,
      }];
    case "error":
      return [undefined, outcome.message, outcome.code, outcome.sqlState];
    case "rows":
      return [{ fields: outcome.columns.map(({ name, type }) => ({ name, type })), rows: outcome.rows }];
  }
}

/** The function. It waits; errors are results, not Lua errors. */
export function queryFunction(engine: LuaEngine, world: ScriptWorld): LuaFunction {
  const { api } = engine;

  function account(L: State): QueryAccount {
    if (!engine.isGiven(L, 3)) return {};
    engine.argTable(L, 3);
    const field = (name: string): string | undefined => {
      const type = api.lua_getfield(L, 3, engine.cstring(name));
      const text = type === LuaType.NIL ? undefined : engine.argText(L, -1);
      api.lua_settop(L, -2);
      return text;
    };
    const [user, password, database] = [field("user"), field("password"), field("database")];
    return {
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { password }),
      ...(database === undefined ? {} : { database }),
    };
  }

  return (L) => {
    const ndx = engine.argInteger(L, 1);
    const sql = engine.argBytes(L, 2);
    const who = account(L);
    if (world.backends[ndx - 1] === undefined) throw new Error(`there is no backend ${ndx}`);
    return engine.wait(L, async (signal) => {
      try {
        return resultsOf(await world.query(ndx, sql, who, signal));
      } catch (error) {
        if (signal.aborted) throw error;
        return [undefined, error instanceof Error ? error.message : String(error)];
      }
    });
  };
}
