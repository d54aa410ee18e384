/**
 * `proxy.global`: one table to the scripts of all event threads, although each thread has its own Lua state.
 *
 * With one event thread it is a plain table. With several, plain data (booleans, numbers, strings and tables of these, however
 * deep) that a script assigns is sent to the other threads at the end of the hook, and is there before their next hook:
 *
 * - A table that is assigned becomes the shared one itself: later writes through any reference to it are seen. The same table at
 *   two places stays the same, circles work, and a metatable of the script's own stays where the script has set it.
 * - Of two writes to the same key the later one counts, on all threads, in whatever order they hear of them: writes carry the
 *   time of a clock that the threads share. All writes of a hook have the same time.
 * - `if not proxy.global.x then proxy.global.x = {} end`, run by several threads at once, makes one table: what is assigned to a
 *   place where nothing was has an identity that follows from the place, so that the contents are merged. (A thread that has not yet
 *   seen all deletions from the table around it may come to another identity; then the later table counts.) A table that takes the
 *   place of another value is new, and the later one counts as a whole.
 * - `proxy.global.n = proxy.global.n + 1` and `table.insert(proxy.global.list, v)` lose one of two steps that are done at the same
 *   time, as always when reading and writing are two steps: `proxy.counter` does not.
 * - Functions, coroutines, userdata, objects of the host and modules stay on their thread, as keys and as values, also within shared
 *   tables. So do metatables. They do not delete what the others have at that place.
 * - `rawget` and `rawset` see the shared content; `rawlen`, `rawequal` and code that got hold of the raw functions in other
 *   ways see the empty table in front of it.
 * - A table that no script can reach any more is collected in each state. If another thread links it again, its content is fetched
 *   from there; a hook may see the table empty until it has come.
 *
 * Deletions are remembered until every thread has everything that is older. For that the threads tell each other about once a second
 * how far they are.
 *
 * @module
 */
import type { LuaEngine, LuaFunction, State } from "./engine.ts";
import { LuaError } from "./lua_error.ts";
import { GLOBALS_KEY, LuaStatus, MULTIPLE_RESULTS, REGISTRY } from "./lua_api.ts";

/** How the Lua states of the event threads reach each other. Records of one sender arrive in the order in which they were sent. */
export interface GlobalTransport {
  /** Whether there is something to {@linkcode receive}. */
  readonly pending: boolean;
  /** Takes what has come; a record is not used after `take` has returned. */
  receive(take: (record: Uint8Array) => void): void;
  /** Sends a record to all others; it is valid during the call only. */
  send(record: Uint8Array): void;
  /** Whether something waits to be sent: {@linkcode retry} then. */
  readonly waiting: boolean;
  retry(): void;
  /** Whether a thread that has missed records takes them again and has to be told everything. True once for each time. */
  gap(): boolean;
  /** The common clock, from 0 on. */
  now(): number;
  /** Moves the common clock on: a time that no thread has been given before. */
  tick(): number;
  /** Sixteen random bytes, the same on all threads. */
  readonly seed: Uint8Array;
}

/** What {@linkcode installGlobal} needs. */
export interface GlobalOptions {
  /** How many event threads there are, and the number of this one, from 0. */
  readonly threads: number;
  readonly index: number;
  /** Needed with more than one thread. */
  readonly transport?: GlobalTransport;
  /** Called when something could not be applied or sent, such as for lack of memory. It is made up for later. */
  readonly failed?: (message: string) => void;
}

/** The connection of one state's `proxy.global` to the others. */
export interface GlobalTable {
  /** Takes over what the others have written: before Lua runs, also before a hook that has waited goes on. */
  receive(): void;
  /** Tells the others what has been written: after Lua has run, also when a hook begins to wait. */
  flush(): void;
  /** About once a second, and when another thread asks to. */
  wake(): void;
}

const ALONE: GlobalTable = { receive() {}, flush() {}, wake() {} };

/** Sets `proxy.global`, in the table `proxy` that is there or is made. Before scripts are loaded. */
export function installGlobal(engine: LuaEngine, options: GlobalOptions): GlobalTable {
  const { api, main } = engine;
  const { transport, threads } = options;
  if (threads > 1 && transport === undefined) throw new TypeError("Several threads need a transport for proxy.global");
  const table = transport === undefined || threads <= 1 ? undefined : new ReplicatedTable(engine, transport, options);
  const top = api.lua_gettop(main);
  api.lua_rawgeti(main, REGISTRY, GLOBALS_KEY);
  api.luaL_getsubtable(main, -1, engine.cstring("proxy"));
  if (table === undefined) api.lua_createtable(main, 0, 0);
  else table.pushRoot(main);
  api.lua_setfield(main, -2, engine.cstring("global"));
  api.lua_settop(main, top);
  return table ?? ALONE;
}

/** What global_table.lua returns, by its place on the stack. */
const ROOT = 1;
const FLUSH = 2;
const APPLY = 3;
const MAINTAIN = 4;
const TELL = 5;
const ASK = 6;
const PLACES = 6;

class ReplicatedTable implements GlobalTable {
  readonly #engine: LuaEngine;
  readonly #transport: GlobalTransport;
  readonly #failed: (message: string) => void;
  /** A coroutine of its own, which no time limit stops half-way. */
  readonly #L: State;
  /** A script has written something. */
  #written = false;
  /** Something has not been sent: the others have to be told everything. */
  #tellAll = false;
  /** Threads of which something has not been applied. */
  readonly #missed = new Set<number>();
  readonly #apply = (record: Uint8Array) => {
    const failure = this.#call(APPLY, 1, () => void this.#engine.pushBytes(this.#L, record));
    if (failure === undefined) return;
    const [sender = 0] = record;
    this.#missed.add(sender);
    this.#failed(`Cannot take over what thread ${sender} has written to proxy.global: ${failure}`);
  };

  constructor(engine: LuaEngine, transport: GlobalTransport, options: GlobalOptions) {
    const { api, main } = engine;
    this.#engine = engine;
    this.#transport = transport;
    this.#failed = options.failed ?? (() => {});
    this.#L = api.lua_newthread(main);
    api.luaL_ref(main, REGISTRY);
    api.lua_sethook(this.#L, 0, 0, 0);
    engine.load(this.#L, Deno.readTextFileSync(new URL("./global_table.lua", import.meta.url)), "=proxy.global");
    const host: Record<string, LuaFunction> = {
      mark: () => {
        this.#written = true;
        return 0;
      },
      send: (L) => {
        transport.send(engine.view(L, 1));
        return 0;
      },
      tick: (L) => {
        engine.pushNumber(L, transport.tick());
        return 1;
      },
      now: (L) => {
        engine.pushNumber(L, transport.now());
        return 1;
      },
    };
    api.lua_createtable(this.#L, 0, 4);
    for (const [name, fn] of Object.entries(host)) {
      engine.pushFunction(this.#L, name, fn);
      api.lua_setfield(this.#L, -2, engine.cstring(name));
    }
    const seed = new DataView(transport.seed.slice().buffer);
    engine.push(this.#L, options.index);
    engine.push(this.#L, options.threads);
    engine.push(this.#L, seed.getBigInt64(0));
    engine.push(this.#L, seed.getBigInt64(8));
    if (api.lua_pcallk(this.#L, 5, MULTIPLE_RESULTS, 0, 0, 0) !== LuaStatus.OK) {
      throw new LuaError("engine", engine.text(this.#L, -1));
    }
  }

  pushRoot(L: State): void {
    this.#engine.api.lua_pushvalue(this.#L, ROOT);
    this.#engine.api.lua_xmove(this.#L, L, 1);
  }

  receive(): void {
    if (!this.#transport.pending) return;
    this.flush();
    this.#transport.receive(this.#apply);
  }

  flush(): void {
    if (this.#written) this.#flush();
    if (this.#transport.waiting || this.#tellAll) this.#catchUp();
  }

  wake(): void {
    this.receive();
    this.flush();
    for (const sender of this.#missed) {
      if (this.#call(ASK, 1, () => this.#engine.pushNumber(this.#L, sender)) === undefined) this.#missed.delete(sender);
    }
    this.#report(this.#call(MAINTAIN, 0));
  }

  #flush(): void {
    const failure = this.#call(FLUSH, 0);
    // What has been written stays marked in Lua, and a part of it may count as sent.
    this.#tellAll ||= failure !== undefined;
    this.#written = failure !== undefined;
    this.#report(failure);
  }

  #catchUp(): void {
    this.#transport.retry();
    if (!this.#transport.gap() && (!this.#tellAll || this.#written)) return;
    const failure = this.#call(TELL, 1, () => this.#engine.pushNumber(this.#L, 0));
    this.#tellAll = failure !== undefined;
    this.#report(failure);
  }

  #report(failure: string | undefined): void {
    if (failure !== undefined) this.#failed(`Cannot tell the other threads of proxy.global: ${failure}`);
  }

  /** @returns what has gone wrong. */
  #call(place: number, argumentCount: number, push?: () => void): string | undefined {
    const { api } = this.#engine;
    try {
      api.lua_pushvalue(this.#L, place);
      push?.();
      if (api.lua_pcallk(this.#L, argumentCount, 0, 0, 0, 0) === LuaStatus.OK) return undefined;
      return this.#engine.text(this.#L, -1);
    } catch (error) {
      if (error instanceof LuaError) return error.message;
      throw error;
    } finally {
      api.lua_settop(this.#L, PLACES);
    }
  }
}
