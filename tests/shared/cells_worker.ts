/** Counts in a shared table from another thread. */
import { Cells, type CellsHandle } from "../../lib/shared/cells.ts";

// The types of `self` are those of the main thread.
const scope = self as unknown as Worker;

scope.onmessage = ({ data }: MessageEvent<CellsHandle<"adds" | "swaps">>) => {
  const cells = new Cells(data);
  for (let i = 0; i < 10_000; i++) {
    cells.add(1, "adds", 1);
    let seen = cells.get(1, "swaps");
    while (!cells.compareExchange(1, "swaps", seen, seen + 1)) seen = cells.get(1, "swaps");
  }
  scope.postMessage("done");
};
