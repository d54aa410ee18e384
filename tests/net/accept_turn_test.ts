import { assertEquals } from "@std/assert";
import { AcceptTurn } from "../../lib/net/accept_turn.ts";

/** Threads that share a table and wake each other at once. */
function threads(count: number): AcceptTurn[] {
  const memory = AcceptTurn.allocate(count);
  const turns: AcceptTurn[] = [];
  for (let index = 0; index < count; index++) {
    turns.push(
      new AcceptTurn(memory, index, () => {
        for (const turn of turns) if (turn !== turns[index]) turn.wake(Date.now() / 1000);
      }),
    );
  }
  return turns;
}

/** Whether a thread may accept, without waiting for it. */
async function mayAccept(turn: AcceptTurn): Promise<boolean> {
  let may = false;
  turn.mine().then(() => may = true);
  for (let step = 0; step < 5; step++) await Promise.resolve();
  turn.release();
  return may;
}

Deno.test("AcceptTurn keeps the thread that is ahead waiting until the others have caught up", async () => {
  const [one, two] = threads(2);
  one!.accepted();
  assertEquals([await mayAccept(one!), await mayAccept(two!)], [false, true]);
  let resumed = false;
  const waiting = one!.mine().then(() => resumed = true);
  await Promise.resolve();
  assertEquals(resumed, false);
  two!.accepted();
  await waiting;
  assertEquals(one!.counts(), [1, 1]);
});

Deno.test("AcceptTurn wakes every listener of a thread that waits", async () => {
  const [one, two] = threads(2);
  one!.accepted();
  const resumed: number[] = [];
  const waiting = [1, 2].map((listener) => one!.mine().then(() => resumed.push(listener)));
  await Promise.resolve();
  two!.accepted();
  for (let step = 0; step < 10; step++) await Promise.resolve();
  assertEquals(resumed, [1, 2]);
  await Promise.all(waiting);
});

Deno.test("AcceptTurn lets a thread go on when its own connections end", async () => {
  const [one] = threads(2);
  one!.accepted();
  let resumed = false;
  const waiting = one!.mine().then(() => resumed = true);
  one!.closed();
  await waiting;
  assertEquals(resumed, true);
});

Deno.test("AcceptTurn spreads clients evenly when the same thread is always the quickest", async () => {
  const turns = threads(4);
  const accepted = [0, 0, 0, 0];
  const ready = new Set<number>();
  const loop = (index: number) => turns[index]!.mine().then(() => ready.add(index));
  for (const index of turns.keys()) loop(index);
  for (let client = 0; client < 103; client++) {
    for (let step = 0; step < 10; step++) await Promise.resolve();
    const quickest = Math.min(...ready);
    ready.delete(quickest);
    accepted[quickest]!++;
    turns[quickest]!.accepted();
    loop(quickest);
  }
  assertEquals(accepted, [26, 26, 26, 25]);
  turns.forEach((turn) => turn.release());
});

Deno.test("AcceptTurn does not wait for a thread that shows no sign of life", async () => {
  const [one, two] = threads(2);
  one!.accepted();
  two!.wake(Date.now() / 1000 - 60);
  assertEquals(await mayAccept(one!), true);
});
