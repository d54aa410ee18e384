import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import fc from "fast-check";
import { BELL, Receiver, Sender } from "../../lib/shared/bell.ts";
import { Ring } from "../../lib/shared/ring.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

Deno.test("Ring.create() rounds the capacity up to a power of two", () => {
  assertEquals(Ring.create(1).capacity, 64);
  assertEquals(Ring.create(65).capacity, 128);
  assertEquals(Ring.create(4096).capacity, 4096);
});

Deno.test("Ring() refuses a buffer that is no ring", () => {
  assertThrows(() => new Ring(new SharedArrayBuffer(1000)), RangeError, "not a ring");
  assertThrows(() => new Ring(new SharedArrayBuffer(0)), RangeError, "not a ring");
});

Deno.test("Ring keeps order and record boundaries", () => {
  const ring = Ring.create(64);
  assertEquals(ring.pop(), undefined);
  assert(ring.tryPush(bytes(1, 2, 3)));
  assert(ring.tryPush(bytes()));
  assert(ring.tryPush(bytes(4)));
  assertEquals(ring.pop(), bytes(1, 2, 3));
  assertEquals(ring.pop(), bytes());
  assertEquals(ring.pop(), bytes(4));
  assertEquals(ring.pop(), undefined);
});

Deno.test("Ring says when it is full and goes on after a pop", () => {
  const ring = Ring.create(64);
  const record = new Uint8Array(28).fill(7);
  assert(ring.tryPush(record));
  assert(ring.tryPush(record));
  assertFalse(ring.tryPush(bytes()), "64 bytes are used");
  assertEquals(ring.pop(), record);
  assert(ring.tryPush(record));
  assertFalse(ring.tryPush(bytes(1)));
});

Deno.test("Ring takes a record that fills it and refuses one that never fits", () => {
  const ring = Ring.create(64);
  const largest = new Uint8Array(60).fill(9);
  assert(ring.tryPush(largest));
  assertEquals(ring.pop(), largest);
  assertThrows(() => ring.tryPush(new Uint8Array(61)), RangeError, "does not fit");
});

Deno.test("Ring wraps records around its end, also across 32-bit positions", () => {
  const ring = Ring.create(64);
  // Both positions shortly before they wrap around: the header words 0 and 16 are head and tail.
  const words = new Int32Array(ring.buffer);
  words[0] = words[16] = -64 * 3;
  for (let length = 0; length < 200; length++) {
    const record = Uint8Array.from({ length: length % 53 }, (_, i) => (i + length) & 0xff || 1);
    assert(ring.tryPush(record));
    assertEquals(ring.pop(), record);
  }
  assertEquals(ring.pop(), undefined);
});

Deno.test("Ring behaves like a queue of limited size", () => {
  const command = fc.oneof(fc.constant(undefined), fc.uint8Array({ maxLength: 70 }));
  fc.assert(fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
    const ring = Ring.create(128);
    const model: Uint8Array[] = [];
    const size = (record: Uint8Array) => 4 + Math.ceil(record.length / 4) * 4;
    for (const command of commands) {
      if (command === undefined) {
        assertEquals(ring.pop(), model.shift());
      } else {
        const used = model.reduce((sum, record) => sum + size(record), 0);
        const fits = used + size(command) <= 128;
        assertEquals(ring.tryPush(command), fits);
        if (fits) model.push(command.slice());
      }
    }
    for (const record of model) assertEquals(ring.pop(), record);
    assertEquals(ring.pop(), undefined);
  }));
});

Deno.test("Ring.sleep() refuses while there are records, and one producer must ring", () => {
  const ring = Ring.create(64);
  assertFalse(ring.mustRing(), "the consumer is awake");
  ring.tryPush(bytes(1));
  assertFalse(ring.sleep());
  assertFalse(ring.mustRing(), "the consumer is awake again");
  ring.pop();
  assert(ring.sleep());
  ring.tryPush(bytes(2));
  assert(ring.mustRing());
  assertFalse(ring.mustRing(), "only once");
});

Deno.test("Ring.push() gives up after its timeout", () => {
  const ring = Ring.create(64);
  ring.tryPush(new Uint8Array(60));
  const begin = performance.now();
  assertFalse(ring.push(bytes(1), 20));
  assert(performance.now() - begin >= 19);
  ring.pop();
  assert(ring.push(bytes(1), 20));
});

Deno.test("Receiver takes records in order and is told once that there are more", () => {
  const ring = Ring.create(256);
  let bells = 0;
  const taken: number[] = [];
  const sender = new Sender(ring, () => bells++);
  const receiver = new Receiver(ring, (record) => taken.push(record[0] ?? -1));
  sender.trySend(bytes(1));
  assertEquals(bells, 0, "nobody sleeps yet");
  receiver.drain();
  sender.trySend(bytes(2));
  sender.trySend(bytes(3));
  assertEquals([bells, taken], [1, [1]]);
  receiver.drain();
  assertEquals(taken, [1, 2, 3]);
});

Deno.test("Receiver gives the event loop a turn while a producer floods it", async () => {
  const ring = Ring.create(64);
  const sender = new Sender(ring, () => {});
  let taken = 0;
  const last = Promise.withResolvers<void>();
  const receiver = new Receiver(ring, () => {
    if (++taken < 10_000) sender.trySend(bytes(1));
    else last.resolve();
  });
  sender.trySend(bytes(1));
  receiver.drain();
  assert(taken < 10_000, "drain() returned before the flood ended");
  await last.promise;
});

Deno.test("Ring carries the records of many threads, each thread's in order, with bells", async () => {
  const producers = 4;
  const count = 5000;
  // Small, so that it is full and wraps all the time.
  const ring = Ring.create(1024);
  const next = new Array<number>(producers).fill(0);
  const done = Promise.withResolvers<void>();
  let taken = 0;
  const receiver = new Receiver(ring, (record) => {
    const view = new DataView(record.buffer);
    const producer = view.getUint32(0);
    const number = view.getUint32(4);
    assertEquals(number, next[producer]);
    assertEquals(record.length, 8 + (number * 7 + producer) % 41);
    assert(record.subarray(8).every((value) => value === (number & 0xff)));
    next[producer] = number + 1;
    if (++taken === producers * count) done.resolve();
  });
  receiver.drain();
  const workers = Array.from({ length: producers }, (_, producer) => {
    const worker = new Worker(new URL("./ring_worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => data === BELL && receiver.drain();
    worker.onerror = (event) => done.reject(event);
    worker.postMessage({ buffer: ring.buffer, producer, count, padding: "random" });
    return worker;
  });
  try {
    await done.promise;
  } finally {
    for (const worker of workers) worker.terminate();
  }
  assertEquals(next, new Array(producers).fill(count));
});
