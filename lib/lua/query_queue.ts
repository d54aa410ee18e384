/**
 * `proxy.queries`: the functions behind `prelude/queries.lua`.
 *
 * @module
 */
import type { QueuedQuery } from "../script/mod.ts";
import { ArgumentError, type LuaEngine, type LuaFunction, type State } from "./engine.ts";
import { LuaType, typeName } from "./lua_api.ts";
import type { RunningScripts } from "./running_scripts.ts";

/** A query in the queue, with what its `read_query_result` needs. */
export class QueueEntry implements QueuedQuery {
  readonly id: number;
  readonly packet: Uint8Array;
  readonly resultsetIsNeeded: boolean;
  readonly appendedAt: number;
  /** The command byte. */
  readonly command: number;
  /** Where the queue's Lua object has the packet as a string: a field from -2 downwards. */
  readonly slot: number;
  /** Bytes of all packets that have been copied for the queue, up to this one. */
  readonly copied: number;

  constructor(
    id: number,
    packet: Uint8Array,
    resultsetIsNeeded: boolean,
    appendedAt: number,
    slot: number,
    copied: number,
  ) {
    this.id = id;
    this.packet = packet;
    this.resultsetIsNeeded = resultsetIsNeeded;
    this.appendedAt = appendedAt;
    this.command = packet[0] ?? 0;
    this.slot = slot;
    this.copied = copied;
  }

  /** The same with another packet. */
  withPacket(packet: Uint8Array): QueueEntry {
    return new QueueEntry(this.id, packet, this.resultsetIsNeeded, this.appendedAt, this.slot, this.copied);
  }
}

function copiedBy(query: QueuedQuery | undefined): number {
  return query instanceof QueueEntry ? query.copied : 0;
}

/** What the queue belongs to: a connection. */
export interface QueueOwner {
  readonly queries: QueuedQuery[];
  /** The address of the packet that `read_query` was called with, as a Lua string, and its bytes; 0 outside of it. */
  readonly packetPointer: number;
  readonly packet: Uint8Array;
  /** The next free slot for a packet. */
  takeSlot(): number;
}

/** The functions, by the names that the prelude calls them by. */
export function queueFunctions(engine: LuaEngine, scripts: RunningScripts<QueueOwner>): Record<string, LuaFunction> {
  const { api } = engine;
  const needed = engine.cstring("resultset_is_needed");

  function wrong(L: State, argument: number, expected: string): ArgumentError {
    return new ArgumentError(argument, `${expected} expected, got ${typeName(api.lua_type(L, argument + 1))}`);
  }

  /** (queue, id, packet, options) → an entry. */
  function entry(L: State, owner: QueueOwner): QueueEntry {
    // Called as methods, as which they count their arguments from 1 behind the queue.
    if (api.lua_isnumber(L, 2) === 0) throw wrong(L, 1, "number");
    const id = Math.trunc(api.lua_tonumberx(L, 2, 0));
    if (api.lua_isstring(L, 3) === 0) throw wrong(L, 2, "string");
    const pointer = api.lua_tolstring(L, 3, 0);
    const isOwn = pointer === owner.packetPointer;
    // A string that is appended again and again takes Lua no memory. The entry made last is the first or the last one.
    const copied = Math.max(copiedBy(owner.queries[0]), copiedBy(owner.queries.at(-1))) +
      (isOwn ? 0 : Number(api.lua_rawlen(L, 3)));
    if (copied > engine.memoryLimit) throw new Error("not enough memory for proxy.queries");
    const packet = isOwn ? owner.packet : engine.bytes(L, 3);
    const slot = owner.takeSlot();
    api.lua_pushvalue(L, 3);
    api.lua_rawseti(L, 1, BigInt(slot));
    return new QueueEntry(id, packet, resultsetIsNeeded(L), performance.now(), slot, copied);
  }

  function resultsetIsNeeded(L: State): boolean {
    const type = api.lua_type(L, 4);
    if (type <= LuaType.NIL) return false;
    if (type !== LuaType.TABLE) throw wrong(L, 3, "table");
    api.lua_getfield(L, 4, needed);
    const option = api.lua_type(L, -1);
    const value = api.lua_toboolean(L, -1) !== 0;
    api.lua_settop(L, -2);
    if (option !== LuaType.NIL && option !== LuaType.BOOLEAN) {
      throw new Error(`the option "resultset_is_needed" has to be a boolean, is a ${typeName(option)}`);
    }
    return value;
  }

  return {
    queue_append(L) {
      const owner = scripts.ownerOf(L);
      owner.queries.push(entry(L, owner));
      return 0;
    },
    queue_prepend(L) {
      const owner = scripts.ownerOf(L);
      owner.queries.unshift(entry(L, owner));
      return 0;
    },
    queue_reset(L) {
      scripts.ownerOf(L).queries.length = 0;
      return 0;
    },
    queue_length(L) {
      engine.pushNumber(L, scripts.ownerOf(L).queries.length);
      return 1;
    },
  };
}
