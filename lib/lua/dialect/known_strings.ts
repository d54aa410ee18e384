/**
 * A question about strings whose answers are remembered.
 *
 * @module
 */
import type { LuaEngine, State } from "../engine.ts";
import { type Pointer, REGISTRY } from "../lua_api.ts";

/** More strings than programs have formats or patterns. */
const MOST = 500;
/** Longer ones are no program's, and are not kept: they come from clients. */
const LONGEST = 1000n;

/** Answers by the addresses of strings, which are kept from being collected meanwhile. */
export class KnownStrings<Answer = boolean> {
  readonly #engine: LuaEngine;
  readonly #ask: (L: State, i: number) => Answer;
  readonly #answers = new Map<Pointer, Answer>();
  #references: number[] = [];

  /** @param ask Answers for the string at `i` of the stack. */
  constructor(engine: LuaEngine, ask: (L: State, i: number) => Answer) {
    this.#engine = engine;
    this.#ask = ask;
  }

  /** The answer for the string at `i`. */
  is(L: State, i: number): Answer {
    const { api } = this.#engine;
    const at = api.lua_tolstring(L, i, 0);
    return this.#answers.get(at) ?? this.#learn(L, i, at);
  }

  #learn(L: State, i: number, at: Pointer): Answer {
    const { api } = this.#engine;
    const answer = this.#ask(L, i);
    if (api.lua_rawlen(L, i) > LONGEST) return answer;
    if (this.#references.length >= MOST) {
      for (const reference of this.#references) api.luaL_unref(L, REGISTRY, reference);
      this.#references = [];
      this.#answers.clear();
    }
    api.lua_pushvalue(L, i);
    this.#references.push(api.luaL_ref(L, REGISTRY));
    this.#answers.set(at, answer);
    return answer;
  }
}
