import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { Cells } from "../../lib/shared/cells.ts";

Deno.test("Cells keeps signed numbers by row and column", () => {
  const cells = Cells.create(["state", "since"], 3);
  assertEquals(cells.rows, 3);
  cells.set(1, "state", -5);
  cells.set(2, "since", 7);
  assertEquals([cells.get(1, "state"), cells.get(1, "since"), cells.get(2, "since")], [-5, 0, 7]);
  assertEquals(cells.add(2, "since", -10), -3);
  assertEquals(cells.add(0, "state", 0x7fffffff), 0x7fffffff);
  assertEquals(cells.add(0, "state", 1), -0x80000000, "wraps around");
  assert(cells.compareExchange(1, "state", -5, 6));
  assertFalse(cells.compareExchange(1, "state", -5, 7));
  assertEquals(cells.get(1, "state"), 6);
});

Deno.test("Cells refuses what is outside of the table", () => {
  const cells = Cells.create(["one"], 2);
  for (const row of [-1, 2, 0.5, NaN]) assertThrows(() => cells.get(row, "one"), RangeError, "There is no row");
  const other: Cells<string> = new Cells<string>(cells.handle);
  assertThrows(() => other.get(0, "two"), RangeError, 'There is no column "two"');
  assertThrows(() => new Cells({ columns: ["a", "b", "c"], buffer: new SharedArrayBuffer(16) }), RangeError);
  assertThrows(() => Cells.create(["a", "a"], 1), RangeError, "same name");
});

Deno.test("Cells counts exactly with several threads", async () => {
  const cells = Cells.create(["adds", "swaps"], 2);
  const workers = Array.from({ length: 3 }, () => {
    return new Worker(new URL("./cells_worker.ts", import.meta.url), { type: "module" });
  });
  await Promise.all(workers.map((worker) => {
    return new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = reject;
      worker.postMessage(cells.handle);
    });
  }));
  for (const worker of workers) worker.terminate();
  assertEquals([cells.get(1, "adds"), cells.get(1, "swaps")], [30_000, 30_000]);
  assertEquals([cells.get(0, "adds"), cells.get(0, "swaps")], [0, 0]);
});
