import { assertEquals } from "@std/assert";
import { writeAfterTurn } from "../../lib/net/write_turn.ts";

Deno.test("writeAfterTurn() writes in order when what came with the same turn has been dealt with", async () => {
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const readers = ["a", "b", "c"].map(async (name) => {
    await promise;
    order.push(`read ${name}`);
    writeAfterTurn(() => order.push(`write ${name}`));
  });
  resolve();
  await Promise.all(readers);
  await Promise.resolve();
  assertEquals(order, ["read a", "read b", "read c", "write a", "write b", "write c"]);
});

Deno.test("writeAfterTurn() takes what a write brings about", async () => {
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  writeAfterTurn(() => {
    order.push("first");
    writeAfterTurn(() => {
      order.push("second");
      resolve();
    });
  });
  await promise;
  assertEquals(order, ["first", "second"]);
});
