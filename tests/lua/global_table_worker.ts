/** A Lua state on another thread, whose proxy.global the others share. */
import { LuaEngine } from "../../lib/lua/engine.ts";
import { type GlobalTable, installGlobal } from "../../lib/lua/global_table.ts";
import { Broadcast, type BroadcastMemory } from "../../lib/shared/broadcast.ts";

export interface Start {
  readonly kind: "start";
  readonly module: WebAssembly.Module;
  readonly memory: BroadcastMemory;
  readonly index: number;
}

/** Runs `source` as a hook, `times` times, and answers with the last result. */
export interface Run {
  readonly kind: "run";
  readonly source: string;
  readonly times: number;
}

export type Order = Start | Run | { readonly kind: "wake" };

// The types of `self` are those of the main thread.
const scope = self as unknown as Worker;
let engine: LuaEngine | undefined;
let table: GlobalTable | undefined;

scope.onmessage = async ({ data }: MessageEvent<Order>) => {
  if (data.kind === "wake") {
    table?.wake();
  } else if (data.kind === "run") {
    let result: unknown;
    for (let i = 0; i < data.times; i++) {
      table?.receive();
      result = engine?.execute(data.source, "=hook")[0];
      table?.flush();
    }
    scope.postMessage(result);
  } else {
    engine = await LuaEngine.open(data.module);
    const transport = new Broadcast(data.memory, data.index, () => scope.postMessage("wake"));
    const failed = (message: string) => {
      throw new Error(message);
    };
    table = installGlobal(engine, { threads: data.memory.inboxes.length, index: data.index, transport, failed });
    engine.execute(`thread = ${data.index}`, "=start");
    scope.postMessage("started");
  }
};
