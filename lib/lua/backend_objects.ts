/**
 * `proxy.global.backends`: the functions behind `prelude/backends.lua`. Backends are named by their index, from 1.
 *
 * @module
 */
import type { BackendView, ScriptWorld } from "../script/mod.ts";
import { addressTable } from "./connection_objects.ts";
import type { LuaEngine, LuaFunction, State } from "./engine.ts";
import { LuaType } from "./lua_api.ts";

/** The fields of a backend by the prelude's codes. */
const Field = { STATE: 1, TYPE: 2, CONNECTED_CLIENTS: 3, UUID: 4 } as const;
/** The fields of a pool by the prelude's codes. */
const PoolField = { MAXIMUM: 1 } as const;

const DOWN = 2;

/** The functions, by the names that the prelude calls them by. */
export function backendFunctions(engine: LuaEngine, world: ScriptWorld): Record<string, LuaFunction> {
  const { api } = engine;

  /** The backend whose index is the first argument. */
  function backend(L: State): BackendView {
    const found = world.backends[api.lua_tonumberx(L, 1, 0) - 1];
    if (found === undefined) throw new Error("there is no such backend");
    return found;
  }

  return {
    backend_count(L) {
      api.lua_pushnumber(L, world.backends.length);
      return 1;
    },
    backend_address(L) {
      engine.push(L, addressTable(backend(L).dst));
      return 1;
    },
    backend_field(L) {
      const view = backend(L);
      switch (api.lua_tonumberx(L, 2, 0)) {
        case Field.STATE:
          api.lua_pushnumber(L, view.state);
          return 1;
        case Field.TYPE:
          api.lua_pushnumber(L, view.type);
          return 1;
        case Field.CONNECTED_CLIENTS:
          api.lua_pushnumber(L, view.connectedClients);
          return 1;
        default:
          engine.push(L, view.uuid === "" ? undefined : view.uuid);
          return 1;
      }
    },
    set_backend_field(L) {
      const view = backend(L);
      if (api.lua_tonumberx(L, 2, 0) === Field.UUID) {
        view.uuid = api.lua_type(L, 3) === LuaType.STRING ? engine.text(L, 3) : undefined;
        return 0;
      }
      const state = api.lua_tonumberx(L, 3, 0);
      if (!(Number.isInteger(state) && state >= 0 && state <= DOWN)) {
        throw new Error(`the state of a backend must be one of proxy.BACKEND_STATE_*, is ${state}`);
      }
      view.state = state;
      return 0;
    },
    pool_field(L) {
      const { pool } = backend(L);
      const maximum = api.lua_tonumberx(L, 2, 0) === PoolField.MAXIMUM;
      api.lua_pushnumber(L, maximum ? pool.maxIdleConnections : pool.minIdleConnections);
      return 1;
    },
    set_pool_field(L) {
      const { pool } = backend(L);
      const value = Math.trunc(api.lua_tonumberx(L, 3, 0));
      if (api.lua_tonumberx(L, 2, 0) === PoolField.MAXIMUM) pool.maxIdleConnections = value;
      else pool.minIdleConnections = value;
      return 0;
    },
    /** (backend, user) → how many idle connections `users[user]` has. */
    pool_idle(L) {
      api.lua_pushnumber(L, backend(L).pool.idle(engine.text(L, 2)));
      return 1;
    },
  };
}
