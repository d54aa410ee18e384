import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Broadcast, type BroadcastMemory } from "../../lib/shared/broadcast.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

const open = (memory: BroadcastMemory, index: number) => new Broadcast(memory, index, () => {});

function received(broadcast: Broadcast): Uint8Array[] {
  const records: Uint8Array[] = [];
  broadcast.receive((record) => records.push(record.slice()));
  return records;
}

Deno.test("Broadcast.send() reaches all others in order", () => {
  const memory = Broadcast.allocate(3, 1024);
  const [a, b, c] = [open(memory, 0), open(memory, 1), open(memory, 2)];
  assertFalse(b.pending);
  a.send(bytes(1));
  c.send(bytes(2));
  a.send(bytes(3));
  assert(b.pending);
  assertEquals(received(b), [bytes(1), bytes(2), bytes(3)]);
  assertFalse(b.pending);
  assertEquals(received(a), [bytes(2)]);
  assertEquals(received(c), [bytes(1), bytes(3)]);
  assertEquals(received(c), []);
});

Deno.test("Broadcast keeps what finds no room, wakes the others and loses nothing", () => {
  const memory = Broadcast.allocate(2, 256);
  let wakes = 0;
  const a = new Broadcast(memory, 0, () => wakes++);
  const b = new Broadcast(memory, 1, () => {});
  const sent = Array.from({ length: 100 }, (_, i) => new Uint8Array(i * 9).fill(i));
  for (const record of sent) a.send(record);
  assert(a.waiting);
  assertEquals(wakes, 1);
  const got: Uint8Array[] = [];
  while (a.waiting) {
    got.push(...received(b));
    a.retry();
  }
  got.push(...received(b));
  assertEquals(got, sent.slice(1), "an empty record says nothing");
  assertFalse(a.gap());
});

Deno.test("Broadcast joins the pieces of records that several threads send at once", () => {
  const step = fc.oneof(
    fc.record({ sender: fc.nat(1), size: fc.nat(400) }),
    fc.constantFrom("receive" as const, "retry" as const),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const memory = Broadcast.allocate(3, 128);
    const [a, b, c] = [open(memory, 0), open(memory, 1), open(memory, 2)];
    const senders = [a, b];
    const sent: number[][] = [[], []];
    const got: number[][] = [[], []];
    const take = () => {
      for (const record of received(c)) {
        const [sender = 9] = record;
        assert(record.every((byte) => byte === sender));
        got[sender]?.push(record.length);
      }
      received(a);
      received(b);
    };
    for (const step of steps) {
      if (step === "receive") take();
      else if (step === "retry") { for (const sender of senders) sender.retry(); }
      else {
        senders[step.sender]?.send(new Uint8Array(step.size + 1).fill(step.sender));
        sent[step.sender]?.push(step.size + 1);
      }
    }
    while (senders.some(({ waiting }) => waiting)) {
      take();
      for (const sender of senders) sender.retry();
    }
    take();
    assertEquals(got, sent);
  }));
});

Deno.test("Broadcast gives up who takes nothing, and says when it needs everything", () => {
  const memory = Broadcast.allocate(2, 256);
  const a = new Broadcast(memory, 0, () => {}, { bytes: 1000, stalled: 0 });
  const b = new Broadcast(memory, 1, () => {});
  for (let i = 0; i < 100; i++) a.send(new Uint8Array(100).fill(i + 1));
  a.retry();
  assertFalse(a.gap(), "it has not come back yet");
  const before = received(b).length;
  assert(before < 10);
  a.send(bytes(1));
  assertEquals(received(b), [], "it is told nothing until it is told everything");
  a.retry();
  assert(a.gap());
  assertFalse(a.gap(), "once");
  assertFalse(a.waiting);
  a.send(bytes(2));
  assertEquals(received(b), [bytes(2)]);
});

Deno.test("Broadcast.tick() never returns the same time twice", () => {
  const memory = Broadcast.allocate(2);
  const a = new Broadcast(memory, 0, () => {});
  const b = new Broadcast(memory, 1, () => {});
  assertEquals(a.now(), 0);
  assertEquals([a.tick(), b.tick(), a.tick()], [1, 2, 3]);
  assertEquals(b.now(), 3);
  assertEquals(a.seed, b.seed);
  assert(a.seed.some((byte) => byte !== 0));
  assertThrows(() => new Broadcast(memory, 2, () => {}), RangeError, "There is no inbox 2");
});

Deno.test("Broadcast carries the records of threads to each other", async () => {
  const threads = 3;
  const memory = Broadcast.allocate(threads, 4096);
  const workers = Array.from({ length: threads }, () => {
    return new Worker(new URL("./broadcast_worker.ts", import.meta.url), { type: "module" });
  });
  try {
    await Promise.all(workers.map((worker, index) => {
      return new Promise<void>((resolve, reject) => {
        worker.onmessage = ({ data }) => {
          if (data === "done") return resolve();
          for (const other of workers) if (other !== worker) other.postMessage("wake");
        };
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage({ memory, index, count: 600 });
      });
    }));
  } finally {
    for (const worker of workers) worker.terminate();
  }
});
