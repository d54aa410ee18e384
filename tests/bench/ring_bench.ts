/** Records from one thread to another: the ring with its bell against `postMessage` of each record. */
import { BELL, Receiver } from "../../lib/shared/bell.ts";
import { Ring } from "../../lib/shared/ring.ts";

const RECORDS = 20_000;
const PADDING = 56;

async function transfer(worker: Worker, byMessage: boolean): Promise<void> {
  const ring = Ring.create(256 * 1024);
  const all = Promise.withResolvers<void>();
  let taken = 0;
  const take = () => {
    if (++taken === RECORDS) all.resolve();
  };
  const receiver = new Receiver(ring, take);
  const idle = Promise.withResolvers<void>();
  worker.onmessage = ({ data }) => {
    if (data === BELL) receiver.drain();
    else if (data === "done") idle.resolve();
    else take();
  };
  receiver.drain();
  worker.postMessage({ buffer: ring.buffer, producer: 0, count: RECORDS, padding: PADDING, byMessage });
  await Promise.all([all.promise, idle.promise]);
}

for (const [name, byMessage] of [["ring and bell", false], ["postMessage", true]] as const) {
  Deno.bench({
    name: `${name}, ${RECORDS} records of ${PADDING + 8} bytes`,
    group: "thread to thread",
    baseline: !byMessage,
    async fn(bench) {
      const worker = new Worker(new URL("../shared/ring_worker.ts", import.meta.url), { type: "module" });
      await transfer(worker, byMessage);
      bench.start();
      await transfer(worker, byMessage);
      bench.end();
      worker.terminate();
    },
  });
}

Deno.bench("tryPush and pop in one thread", { group: "one thread" }, () => {
  for (let i = 0; i < 100; i++) {
    SAME_THREAD.tryPush(RECORD);
    SAME_THREAD.pop();
  }
});

const SAME_THREAD = Ring.create(4096);
const RECORD = new Uint8Array(64);
