/**
 * The connections of a host by their numbers, which Lua objects carry in place of references.
 *
 * @module
 */
import type { LuaEngine, State } from "./engine.ts";
import { LuaType } from "./lua_api.ts";

/** Finds the connection that an object belongs to. Objects that outlive their connection find none. */
export class RunningScripts<T> {
  readonly #engine: LuaEngine;
  readonly #byId = new Map<number, T>();
  #nextId = 1;
  #lastId = 0;
  #last: T | undefined;

  constructor(engine: LuaEngine) {
    this.#engine = engine;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** @returns the number. */
  add(script: T): number {
    const id = this.#nextId++;
    this.#byId.set(id, script);
    return id;
  }

  remove(id: number): void {
    this.#byId.delete(id);
    if (this.#lastId === id) {
      this.#last = undefined;
      this.#lastId = 0;
    }
  }

  get(id: number): T | undefined {
    if (id === this.#lastId) return this.#last;
    const script = this.#byId.get(id);
    if (script !== undefined) {
      this.#last = script;
      this.#lastId = id;
    }
    return script;
  }

  /** The connection whose number is field -1 of the first argument. @throws {Error} if there is none, or none any more. */
  ownerOf(L: State): T {
    const { api } = this.#engine;
    if (api.lua_type(L, 1) !== LuaType.TABLE) this.#engine.argTable(L, 1);
    api.lua_rawgeti(L, 1, -1n);
    const owner = this.get(api.lua_tonumberx(L, -1, 0));
    api.lua_settop(L, -2);
    if (owner === undefined) throw new Error("the connection is closed");
    return owner;
  }
}
