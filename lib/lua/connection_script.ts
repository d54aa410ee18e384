/**
 * The script of one connection: its environment, its queue, and its hooks as the life cycle calls them.
 *
 * @module
 */
import {
  type ConnectionView,
  type Decision,
  type QueryResult,
  type QueuedQuery,
  type Script,
  Verdict,
} from "../script/mod.ts";
import { type Coroutine, LuaCancelled, type State } from "./engine.ts";
import { LuaType, REGISTRY } from "./lua_api.ts";
import { QueueEntry } from "./query_queue.ts";
import { ResponseError, scriptErr } from "./response.ts";
import { ScriptEnvironment } from "./script_environment.ts";
import type { HookName, ScriptOwner, ScriptRoom } from "./script_room.ts";

/** How long `disconnect_client` may wait. */
const GOODBYE_MS = 1000;

const EXECUTION_FAILED = "MySQL Proxy Lua script failed to execute. Check the error log.";
const RESPONSE_FAILED = "(lua) handling proxy.response failed, check error-log";

/** What each hook can decide, besides nothing. */
const VERDICTS: Readonly<Record<HookName, readonly number[]>> = {
  connect_server: [Verdict.SEND_RESULT, Verdict.IGNORE_RESULT],
  read_handshake: [Verdict.SEND_RESULT],
  read_auth: [Verdict.SEND_QUERY, Verdict.SEND_RESULT],
  read_auth_result: [Verdict.SEND_RESULT],
  read_query: [Verdict.SEND_QUERY, Verdict.SEND_RESULT],
  read_query_result: [Verdict.SEND_RESULT, Verdict.IGNORE_RESULT],
  disconnect_client: [],
};

const NOTHING: Uint8Array = new Uint8Array();

/** A {@linkcode Script} in Lua. */
export class ConnectionScript implements Script, ScriptOwner {
  readonly queries: QueuedQuery[] = [];
  readonly view: ConnectionView;
  readonly id: number;
  packetPointer = 0;
  packet = NOTHING;
  readonly #room: ScriptRoom;
  readonly #environment: ScriptEnvironment;
  #slot = -1;
  #started = false;
  /** The hooks of queries have been there: the prelude looks for them, too, so that need not be asked each time. */
  #queryHooked = false;
  #resultHooked = false;
  #waiting: Coroutine | undefined;
  #cancelled = false;
  #closed = false;
  /** A response of the host's own, in place of `proxy.response`. */
  #ownResponse: Uint8Array[] | undefined;

  constructor(room: ScriptRoom, view: ConnectionView) {
    this.#room = room;
    this.#environment = new ScriptEnvironment(room);
    this.view = view;
    this.id = room.scripts.add(this);
  }

  get readsQueries(): boolean {
    return !this.#started || this.#environment.has(this.#room.hooks.read_query);
  }

  connectServer(): Decision {
    return this.#after(this.#start("connect_server"), (started) => {
      if (!started) return this.#refuse();
      return this.#plain("connect_server");
    });
  }

  readHandshake(): Decision {
    return this.#after(this.#start("read_handshake"), (started) => {
      if (!started) return Verdict.NONE;
      return this.#after(this.#call("read_handshake"), (number) => {
        if (number !== Verdict.SEND_QUERY) return this.#verdict("read_handshake", number);
        this.#room.errors.report(
          "warning",
          "(read_handshake) return proxy.PROXY_SEND_QUERY is deprecated, use PROXY_SEND_RESULT instead",
        );
        return Verdict.SEND_RESULT;
      });
    });
  }

  readAuth(): Decision {
    return this.#after(this.#start("read_auth"), (started) => {
      if (!started) return Verdict.NONE;
      return this.#after(this.#plain("read_auth"), (verdict) => {
        return verdict === Verdict.SEND_QUERY && this.queries.length === 0 ? Verdict.NONE : verdict;
      });
    });
  }

  readAuthResult(packet: Uint8Array): Decision {
    const start = this.#start("read_auth_result");
    const kept = start instanceof Promise ? packet.slice() : packet;
    return this.#after(start, (started) => {
      const { hooks, engine } = this.#room;
      if (!started || !this.#environment.has(hooks.read_auth_result)) return Verdict.NONE;
      const co = this.#environment.begin(hooks.read_auth_result);
      try {
        engine.pushBytes(co.L, kept);
      } catch (error) {
        return this.#unstarted("read_auth_result", co, error);
      }
      return this.#after(
        this.#run("read_auth_result", co, 2),
        (number) => this.#verdict("read_auth_result", number),
      );
    });
  }

  readQuery(packet: Uint8Array): Decision {
    if (this.#started) return this.#readQuery(packet);
    const start = this.#start("read_query");
    const kept = start instanceof Promise ? packet.slice() : packet;
    return this.#after(start, (started) => started ? this.#readQuery(kept) : this.#refuse());
  }

  #readQuery(packet: Uint8Array): Decision {
    const { hooks } = this.#room;
    this.queries.length = 0;
    this.#slot = -1;
    this.#ownResponse = undefined;
    this.#queryHooked ||= this.#environment.has(hooks.read_query);
    if (!this.#queryHooked) return Verdict.NONE;
    const number = this.#queryHook(packet);
    return typeof number === "number" ? this.#queryVerdict(number) : number.then((n) => this.#queryVerdict(n));
  }

  #queryHook(packet: Uint8Array): number | Promise<number> {
    const { hooks, engine } = this.#room;
    const co = this.#environment.begin(hooks.read_query);
    try {
      this.packetPointer = engine.pushBytes(co.L, packet);
    } catch (error) {
      return this.#unstarted("read_query", co, error);
    }
    this.packet = packet;
    const number = this.#run("read_query", co, 2);
    if (typeof number === "number") {
      this.packetPointer = 0;
      this.packet = NOTHING;
      // The packet's memory is the caller's: only what is first in the queue is sent before it is used again.
      if (this.queries.length > 1) this.#copyPacket(packet, 1);
      return number;
    }
    // While the hook waits, a copy stands for the packet.
    this.packet = this.#copyPacket(packet, 0);
    return number.finally(() => {
      this.packetPointer = 0;
      this.packet = NOTHING;
    });
  }

  /** Gives the queries from `from` on a copy of the packet, where they are the packet itself. */
  #copyPacket(packet: Uint8Array, from: number): Uint8Array {
    const copy = packet.slice();
    this.queries.forEach((query, i) => {
      if (i >= from && query.packet === packet && query instanceof QueueEntry) this.queries[i] = query.withPacket(copy);
    });
    return copy;
  }

  #queryVerdict(number: number): Verdict {
    const verdict = this.#verdict("read_query", number);
    if (verdict === Verdict.SEND_QUERY && this.queries.length === 0) {
      this.#room.errors.report(
        "critical",
        "(read_query) return proxy.PROXY_SEND_QUERY with an empty queue: add queries with proxy.queries:append() first",
      );
      return Verdict.NONE;
    }
    if (verdict === Verdict.NONE && this.queries.length > 0) {
      this.#room.errors.report(
        "critical",
        "(read_query) proxy.queries has queries, but the hook did not return proxy.PROXY_SEND_QUERY: they are discarded",
      );
      this.queries.length = 0;
    }
    return verdict;
  }

  readQueryResult(result: QueryResult): Decision {
    const { hooks, engine, results } = this.#room;
    this.#ownResponse = undefined;
    this.#resultHooked ||= this.#started && this.#environment.has(hooks.read_query_result);
    if (!this.#resultHooked) return Verdict.NONE;
    const { query } = result;
    const entry = query instanceof QueueEntry ? query : undefined;
    const co = this.#environment.begin(hooks.read_query_result);
    try {
      results.push(co.L, result, entry?.command ?? query.packet[0] ?? 0);
    } catch (error) {
      return this.#resultVerdict(this.#unstarted("read_query_result", co, error), query);
    }
    engine.pushNumber(co.L, query.id);
    engine.pushNumber(co.L, entry?.slot ?? 0);
    const number = this.#run("read_query_result", co, 5);
    if (typeof number === "number") return this.#resultVerdict(number, query);
    return number.then((n) => this.#resultVerdict(n, query));
  }

  #resultVerdict(number: number, query: QueuedQuery): Verdict {
    this.#room.tidy();
    const verdict = number === Verdict.SEND_QUERY && this.queries.length > 0
      ? this.#retried()
      : this.#verdict("read_query_result", number);
    if (verdict !== Verdict.NONE && !query.resultsetIsNeeded) {
      this.#room.errors.report(
        "critical",
        `(read_query_result) return proxy.PROXY_${verdict === Verdict.SEND_RESULT ? "SEND" : "IGNORE"}_RESULT needs ` +
          "the query to be appended with { resultset_is_needed = true }: the result is sent as it is",
      );
      return Verdict.NONE;
    }
    return verdict;
  }

  /** As in the original, where any other number drops the result: who sends more queries wants the answer of those. */
  #retried(): Verdict {
    this.#room.errors.report(
      "message",
      "(read_query_result) return proxy.PROXY_SEND_QUERY is taken for PROXY_IGNORE_RESULT, as queries follow",
    );
    return Verdict.IGNORE_RESULT;
  }

  disconnectClient(): void | Promise<void> {
    if (this.#closed) return;
    if (!this.#started || !this.#environment.has(this.#room.hooks.disconnect_client)) return this.#close();
    this.#cancelled = false;
    const number = this.#call("disconnect_client");
    if (typeof number === "number") return this.#close();
    const timer = setTimeout(() => this.cancel(), GOODBYE_MS);
    return number.then(() => {}).finally(() => {
      clearTimeout(timer);
      this.#close();
    });
  }

  response(): Uint8Array[] {
    if (this.#ownResponse !== undefined) return this.#ownResponse;
    const { engine, errors, hooks } = this.#room;
    try {
      const payloads = this.#environment.exists
        ? engine.run(this.#environment.begin(hooks.respond), 1, () => this.#room.takeResponse())
        : undefined;
      if (payloads instanceof Promise) {
        payloads.catch(() => {});
        throw new ResponseError("a metamethod of proxy.response waits");
      }
      if (payloads !== undefined) return payloads;
    } catch (error) {
      // What is wrong with the table is all that helps: it has no place in the script.
      if (error instanceof ResponseError) errors.report("critical", `(proxy.response) ${error.message}`);
      else errors.failed("proxy.response", error);
    }
    return [scriptErr(RESPONSE_FAILED)];
  }

  cancel(): void {
    this.#cancelled = true;
    if (this.#waiting !== undefined) this.#room.engine.cancel(this.#waiting);
  }

  takeSlot(): number {
    return --this.#slot;
  }

  starting(L: State): void {
    this.#environment.take(L);
  }

  readonly #enter = (): void => this.#environment.enter();

  /** Runs the main chunk, unless that is done. */
  #start(hook: string): boolean | Promise<boolean> {
    if (this.#started) return true;
    if (this.#closed) return false;
    const { engine, hooks } = this.#room;
    const { api } = engine;
    const co = engine.begin();
    let done: boolean | Promise<boolean>;
    try {
      api.lua_rawgeti(co.L, REGISTRY, hooks.start.dispatcher);
      engine.pushNumber(co.L, this.id);
      api.lua_rawgeti(co.L, REGISTRY, this.#room.factory);
      this.#room.nowStarting = this;
      this.#room.global.receive();
      done = engine.run(co, 2, this.#finishStart);
      this.#room.global.flush();
    } catch (error) {
      return this.#startFailed(hook, error);
    }
    if (!(done instanceof Promise)) return done;
    return this.#watch(co, done).catch((error) => this.#startFailed(hook, error));
  }

  readonly #finishStart = (L: State): boolean => {
    // hooks.start() returns another environment, if the script has set one.
    if (this.#room.engine.api.lua_type(L, 1) === LuaType.TABLE) this.#environment.replace(L);
    this.#started = true;
    return true;
  };

  #startFailed(hook: string, error: unknown): boolean {
    this.#environment.release();
    if (!(error instanceof LuaCancelled)) this.#room.errors.failed(hook, error);
    return false;
  }

  #refuse(): Verdict {
    this.#ownResponse = [scriptErr(EXECUTION_FAILED)];
    return Verdict.SEND_RESULT;
  }

  #plain(name: HookName): Decision {
    return this.#after(this.#call(name), (number) => this.#verdict(name, number));
  }

  /** Runs a hook without arguments, if there is one. */
  #call(name: HookName): number | Promise<number> {
    const hook = this.#room.hooks[name];
    return this.#environment.has(hook) ? this.#run(name, this.#environment.begin(hook), 1) : 0;
  }

  /** What the hook has returned, as a number. */
  #run(name: HookName, co: Coroutine, argumentCount: number): number | Promise<number> {
    const { engine, global, returned } = this.#room;
    try {
      const number = engine.run(co, argumentCount, returned);
      global.flush();
      if (typeof number === "number") return number;
      return this.#watch(co, number).catch((error) => this.#failed(name, error));
    } catch (error) {
      global.flush();
      return this.#failed(name, error);
    }
  }

  /** Looks after a call that waits. */
  #watch<T>(co: Coroutine, promise: Promise<T>): Promise<T> {
    co.resuming = this.#enter;
    this.#waiting = co;
    if (this.#cancelled) this.cancel();
    return promise.finally(() => {
      if (!this.#room.engine.closed) this.#room.global.flush();
      if (this.#waiting === co) this.#waiting = undefined;
    });
  }

  /** An argument did not fit into Lua's memory. */
  #unstarted(name: HookName, co: Coroutine, error: unknown): 0 {
    this.#room.engine.release(co);
    this.#failed(name, error);
    return Verdict.NONE;
  }

  #failed(name: HookName, error: unknown): number {
    if (!(error instanceof LuaCancelled)) this.#room.errors.failed(name, error);
    return 0;
  }

  /** A hook's number as a verdict; one that the hook cannot give is none. */
  #verdict(name: HookName, number: number): Verdict {
    switch (number) {
      case Verdict.NONE:
        return Verdict.NONE;
      case Verdict.SEND_QUERY:
      case Verdict.SEND_RESULT:
      case Verdict.IGNORE_RESULT:
        if (VERDICTS[name].includes(number)) return number;
    }
    this.#room.errors.report("message", `(${name}) the hook has returned ${number}, which means nothing here`);
    return Verdict.NONE;
  }

  #after<T, R>(value: T | Promise<T>, then: (value: T) => R | Promise<R>): R | Promise<R> {
    return value instanceof Promise ? value.then(then) : then(value);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A disconnect_client that waited may outlive the state.
    if (this.#room.engine.closed) return;
    this.#environment.close();
    this.#started = false;
    this.queries.length = 0;
    this.#room.scripts.remove(this.id);
  }
}
