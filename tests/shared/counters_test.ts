import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Counters } from "../../lib/shared/counters.ts";

const name = (text: string) => new TextEncoder().encode(text);

Deno.test("Counters keeps a value for each name, the same in every view", () => {
  const memory = Counters.allocate();
  const one = new Counters(memory);
  const other = new Counters(memory);
  const queries = one.open(name("queries"));
  assertEquals(other.open(name("queries")), queries);
  assertNotEquals(other.open(name("errors")), queries);
  assertEquals(one.get(queries), 0);
  assertEquals(one.add(queries, 2), 2);
  assertEquals(other.add(queries, -5), -3);
  other.set(queries, 2 ** 53 - 2);
  assertEquals(one.add(queries, 1), 2 ** 53 - 1);
  assertEquals(one.get(other.open(name("errors"))), 0);
});

Deno.test("Counters tells names apart by all of their bytes", () => {
  const counters = new Counters(Counters.allocate(16));
  const names = [[], [0], [0, 0], [255], new Array(64).fill(7), new Array(63).fill(7)];
  const slots = names.map((bytes) => counters.open(Uint8Array.from(bytes)));
  assertEquals(new Set(slots).size, names.length);
  assertEquals(names.map((bytes) => counters.open(Uint8Array.from(bytes))), slots);
});

Deno.test("Counters has room for a thousand and says when it is full", () => {
  const counters = new Counters(Counters.allocate());
  const slots = Array.from({ length: 16384 }, (_, i) => counters.open(name(`counter ${i}`)));
  assertEquals(new Set(slots).size, 16384);
  assertThrows(() => counters.open(name("one more")), RangeError, "There are 16384 counters already");
  assertEquals(counters.open(name("counter 7")), slots[7]);
});

Deno.test("Counters refuses what is no name, no whole number and no memory of its own", () => {
  const counters = new Counters(Counters.allocate(1));
  assertThrows(() => counters.open(new Uint8Array(65)), RangeError, "at most 64 bytes, not 65");
  const slot = counters.open(name("a"));
  assertThrows(() => counters.add(slot, 0.5), RangeError, "whole numbers, 0.5 is none");
  assertThrows(() => counters.set(slot, NaN), RangeError, "whole numbers");
  assertThrows(() => counters.set(slot, 2 ** 53), RangeError, "whole numbers");
  assertThrows(() => new Counters(new SharedArrayBuffer(81)), RangeError, "does not hold counters");
});

Deno.test("Counters counts exactly, and gives each name one slot, with several threads", async () => {
  const memory = Counters.allocate(128);
  const workers = Array.from({ length: 3 }, () => {
    return new Worker(new URL("./counters_worker.ts", import.meta.url), { type: "module" });
  });
  try {
    const slots = await Promise.all(workers.map((worker) => {
      return new Promise<number[]>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = reject;
        worker.postMessage({ memory, names: 100, adds: 300 });
      });
    }));
    const [first = []] = slots;
    assertEquals(first.length, 100);
    assert(slots.every((others) => others.every((slot, i) => slot === first[i])));
    const counters = new Counters(memory);
    assertEquals(first.map((slot) => counters.get(slot)), new Array(100).fill(3 * 300));
  } finally {
    for (const worker of workers) worker.terminate();
  }
});
