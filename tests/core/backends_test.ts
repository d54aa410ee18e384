import { assertEquals, assertThrows } from "@std/assert";
import { type BackendEntry, Backends, BackendState, BackendType, DOWN_SECONDS } from "../../lib/core/backends.ts";

const ENTRIES: readonly BackendEntry[] = [
  { name: "a", type: BackendType.RW },
  { name: "b", type: BackendType.RW },
  { name: "r", type: BackendType.RO },
];

function backends(): Backends {
  return new Backends(Backends.allocate(ENTRIES));
}

Deno.test("Backends.choose() takes the shortest queue, the first of equals, and no read-only backend", () => {
  const table = backends();
  assertEquals(table.choose(0), 0);
  table.attach(0);
  assertEquals(table.choose(0), 1);
  table.attach(1);
  assertEquals(table.choose(0), 0);
  table.detach(1);
  assertEquals(table.choose(0), 1);
});

Deno.test("Backends.choose() leaves a backend that is down alone until it has rested", () => {
  const table = backends();
  assertEquals(table.failed(0, 100), true);
  assertEquals(table.failed(0, 101), false);
  assertEquals([table.choose(101), table.state(0)], [1, BackendState.DOWN]);
  assertEquals(table.choose(101 + DOWN_SECONDS), 1);
  assertEquals([table.choose(102 + DOWN_SECONDS), table.state(0)], [0, BackendState.UNKNOWN]);
});

Deno.test("Backends.choose() has nothing when all are down", () => {
  const table = backends();
  table.failed(0, 100);
  table.failed(1, 100);
  assertEquals(table.choose(101), undefined);
});

Deno.test("Backends.choose() is not blocked by a clock that went back", () => {
  const table = backends();
  table.failed(0, 100_000);
  table.failed(1, 100_000);
  assertEquals(table.choose(5), 0);
});

Deno.test("Backends are seen alike through every view of the memory", () => {
  const memory = Backends.allocate(ENTRIES);
  const here = new Backends(memory);
  const there = new Backends(memory);
  assertEquals(here.connected(1, 7), true);
  assertEquals(here.connected(1, 8), false);
  here.attach(1);
  assertEquals([there.state(1), there.since(1), there.connectedClients(1)], [BackendState.UP, 7, 1]);
  assertEquals(there.counters(1), { connections: 2, failures: 0 });
});

Deno.test("Backends.entry() refuses an index that does not exist", () => {
  assertThrows(() => backends().entry(3), RangeError, "There is no backend 3");
});
