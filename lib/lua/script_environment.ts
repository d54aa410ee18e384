/**
 * The Lua side of a connection: the prelude's table of it, and the environment that its script runs in.
 *
 * @module
 */
import type { Coroutine, State } from "./engine.ts";
import { GLOBALS_KEY, LuaStatus, LuaType, REGISTRY } from "./lua_api.ts";
import type { Hook, ScriptRoom } from "./script_room.ts";

/** References into the registry, from the moment in which the prelude has made the tables. */
interface Tables {
  /** The prelude's table of the connection. */
  readonly connection: bigint;
  /** The table that hooks are looked up in. */
  env: bigint;
  /** The script has given itself another environment: only Lua knows what is in it. */
  foreign: boolean;
}

/** Where a connection's script lives in Lua. */
export class ScriptEnvironment {
  readonly #room: ScriptRoom;
  #tables: Tables | undefined;

  constructor(room: ScriptRoom) {
    this.#room = room;
  }

  /** Whether there is one. */
  get exists(): boolean {
    return this.#tables !== undefined;
  }

  /** Takes the tables that the prelude has made: the one of the connection at 1, the environment at 2. */
  take(L: State): void {
    const { api } = this.#room.engine;
    this.release();
    api.lua_pushvalue(L, 1);
    const connection = BigInt(api.luaL_ref(L, REGISTRY));
    api.lua_pushvalue(L, 2);
    this.#tables = { connection, env: BigInt(api.luaL_ref(L, REGISTRY)), foreign: false };
  }

  /** Takes the environment at 1 in place of the one from before: the script has set it. */
  replace(L: State): void {
    if (this.#tables === undefined) return;
    const { api } = this.#room.engine;
    api.luaL_unref(L, REGISTRY, Number(this.#tables.env));
    api.lua_pushvalue(L, 1);
    this.#tables.env = BigInt(api.luaL_ref(L, REGISTRY));
    this.#tables.foreign = true;
  }

  /** Whether the script has such a hook: in its environment, or among the globals. Never runs Lua. */
  has(hook: Hook): boolean {
    const tables = this.#tables;
    if (tables === undefined) return false;
    if (tables.foreign) return true;
    const { api, main } = this.#room.engine;
    api.lua_rawgeti(main, REGISTRY, tables.env);
    api.lua_rawgeti(main, REGISTRY, hook.name);
    const own = api.lua_rawget(main, -2);
    api.lua_settop(main, -3);
    if (own !== LuaType.NIL) return own === LuaType.FUNCTION;
    api.lua_rawgeti(main, REGISTRY, GLOBALS_KEY);
    api.lua_rawgeti(main, REGISTRY, hook.name);
    const global = api.lua_rawget(main, -2);
    api.lua_settop(main, -3);
    return global === LuaType.FUNCTION;
  }

  /** A coroutine with the prelude's function and the connection on it, to be run. */
  begin(hook: Hook): Coroutine {
    const { engine, global } = this.#room;
    global.receive();
    const co = engine.begin();
    engine.api.lua_rawgeti(co.L, REGISTRY, hook.dispatcher);
    engine.api.lua_rawgeti(co.L, REGISTRY, this.#tables?.connection ?? 0n);
    return co;
  }

  /** Makes this connection's view of `proxy` the current one. */
  enter(): void {
    this.#room.global.receive();
    this.#serve(this.#room.hooks.enter);
  }

  /** The client is gone: nothing of this is needed any more. */
  close(): void {
    this.#serve(this.#room.hooks.close);
    this.release();
  }

  /** Lets go of the tables. */
  release(): void {
    if (this.#tables === undefined) return;
    const { api, main } = this.#room.engine;
    api.luaL_unref(main, REGISTRY, Number(this.#tables.connection));
    api.luaL_unref(main, REGISTRY, Number(this.#tables.env));
    this.#tables = undefined;
  }

  /** Calls a function of the prelude that runs nothing of the script. */
  #serve(hook: Hook): void {
    if (this.#tables === undefined) return;
    const { api, main } = this.#room.engine;
    api.lua_rawgeti(main, REGISTRY, hook.dispatcher);
    api.lua_rawgeti(main, REGISTRY, this.#tables.connection);
    if (api.lua_pcallk(main, 1, 0, 0, 0, 0) !== LuaStatus.OK) api.lua_settop(main, -2);
  }
}
