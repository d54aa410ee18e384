/** Sends numbered records of all sizes to all others from another thread, and checks those that come. */
import { Broadcast, type BroadcastMemory } from "../../lib/shared/broadcast.ts";

interface Order {
  readonly memory: BroadcastMemory;
  readonly index: number;
  readonly count: number;
}

// The types of `self` are those of the main thread.
const scope = self as unknown as Worker;
let look = () => {};

scope.onmessage = ({ data }: MessageEvent<Order | "wake">) => {
  if (data === "wake") return look();
  const { memory, index, count } = data;
  const threads = memory.inboxes.length;
  const broadcast = new Broadcast(memory, index, () => scope.postMessage("wake"));
  const next = new Array<number>(threads).fill(0);
  let sent = 0;
  let done = false;
  const take = (record: Uint8Array) => {
    const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
    const sender = view.getUint32(0);
    const number = view.getUint32(4);
    if (number !== next[sender]) throw new Error(`${number} of ${sender} instead of ${next[sender]}`);
    if (record.length !== size(number)) throw new Error(`${record.length} bytes instead of ${size(number)}`);
    if (!record.subarray(8).every((byte) => byte === ((number * 7 + sender) & 0xff))) throw new Error("Other bytes");
    next[sender] = number + 1;
  };
  look = () => {
    broadcast.receive(take);
    broadcast.retry();
    const received = next.every((got, thread) => thread === index || got === count);
    if (done || sent < count || !received || broadcast.waiting) return;
    done = true;
    scope.postMessage("done");
  };
  const step = () => {
    for (let i = 0; i < 10 && sent < count; i++, sent++) {
      const record = new Uint8Array(size(sent)).fill((sent * 7 + index) & 0xff);
      const view = new DataView(record.buffer);
      view.setUint32(0, index);
      view.setUint32(4, sent);
      broadcast.send(record);
    }
    look();
    if (!done) setTimeout(step, 0);
  };
  step();
};

function size(number: number): number {
  return 8 + (number % 50 === 0 ? 3000 : number * 13 % 90);
}
