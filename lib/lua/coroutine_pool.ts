/**
 * Coroutines that hooks run in, used again and again.
 *
 * One that has finished is as good as new: taking it from here costs a third of making one.
 *
 * @module
 */
import { type LuaApi, REGISTRY, type State } from "./lua_api.ts";
import type { LuaValue } from "./lua_values.ts";

/** How the work that a coroutine waits for has ended. */
export type Outcome =
  | { readonly kind: "values"; readonly values: readonly LuaValue[] }
  | { readonly kind: "error"; readonly error: unknown };

/** A coroutine for one call at a time. */
export interface Coroutine {
  /** Where the function and its arguments go. */
  readonly L: State;
  /** What keeps it from being collected. */
  readonly reference: number;
  /** The script's own coroutines that run in it, inside each other. */
  readonly inner: State[];
  /** What the call waits for, from `wait()` until it is resumed. */
  waiting: Promise<readonly LuaValue[]> | undefined;
  /** Ends the wait early; there from then until the call goes on. */
  giveUp: (() => void) | undefined;
  /** The call is given up. */
  cancelled: boolean;
  /** How the wait has ended: taken by the function that waits. */
  outcome: Outcome | undefined;
  /** Gives the call up when it is aborted. */
  signal: AbortSignal | undefined;
  /** Tells the work that nobody waits for it any more. */
  abort: AbortController | undefined;
  /** Called before the call goes on after a wait. */
  resuming: (() => void) | undefined;
}

/** Finished coroutines that are kept; more than run at the same time are rare. */
const KEPT = 256;

/** Makes coroutines and takes them back. */
export class CoroutinePool {
  readonly #api: LuaApi;
  readonly #main: State;
  readonly #idle: Coroutine[] = [];
  readonly #all = new Map<State, Coroutine>();

  constructor(api: LuaApi, main: State) {
    this.#api = api;
    this.#main = main;
  }

  /** How many coroutines there are, running, waiting and idle. */
  get size(): number {
    return this.#all.size;
  }

  /** All of them. */
  [Symbol.iterator](): IterableIterator<Coroutine> {
    return this.#all.values();
  }

  take(): Coroutine {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    const L = this.#api.lua_newthread(this.#main);
    const reference = this.#api.luaL_ref(this.#main, REGISTRY);
    const made: Coroutine = {
      L,
      reference,
      inner: [],
      waiting: undefined,
      giveUp: undefined,
      cancelled: false,
      outcome: undefined,
      signal: undefined,
      abort: undefined,
      resuming: undefined,
    };
    this.#all.set(L, made);
    return made;
  }

  /** Takes back a coroutine that has finished or was never started. */
  put(coroutine: Coroutine): void {
    if (this.#idle.length >= KEPT || this.#all.get(coroutine.L) !== coroutine) return this.drop(coroutine);
    this.#api.lua_settop(coroutine.L, 0);
    coroutine.abort = undefined;
    coroutine.resuming = undefined;
    this.#idle.push(coroutine);
  }

  /** Leaves a coroutine that has failed or waits to the garbage collector. */
  drop(coroutine: Coroutine): void {
    if (this.#all.get(coroutine.L) !== coroutine) return;
    this.#all.delete(coroutine.L);
    this.#api.luaL_unref(this.#main, REGISTRY, coroutine.reference);
  }

  /** The coroutine whose state is `L`. */
  find(L: State): Coroutine | undefined {
    return this.#all.get(L);
  }
}
