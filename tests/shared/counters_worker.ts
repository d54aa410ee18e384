/** Opens counters by their names and counts with them in another thread. */
import { Counters } from "../../lib/shared/counters.ts";

interface Order {
  readonly memory: SharedArrayBuffer;
  readonly names: number;
  readonly adds: number;
}

// The types of `self` are those of the main thread.
const scope = self as unknown as Worker;

scope.onmessage = ({ data }: MessageEvent<Order>) => {
  const { memory, names, adds } = data;
  const counters = new Counters(memory);
  const slots = Array.from({ length: names }, (_, i) => counters.open(new TextEncoder().encode(`counter ${i}`)));
  for (let i = 0; i < adds; i++) for (const slot of slots) counters.add(slot, 1);
  scope.postMessage(slots);
};
