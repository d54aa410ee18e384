/** Counts in a shared table from another thread. */
import { Cells, type CellsHandle } from "../../lib/shared/cells.ts";

self.addEventListener("message", (event: MessageEvent<CellsHandle<"adds" | "swaps">>) => {
  const cells = new Cells(event.data);
  for (let i = 0; i < 10_000; i++) {
    cells.add(1, "adds", 1);
    let seen = cells.get(1, "swaps");
    while (!cells.compareExchange(1, "swaps", seen, seen + 1)) seen = cells.get(1, "swaps");
  }
  self.postMessage("done");
});
