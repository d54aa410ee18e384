import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { encodePacket } from "../../lib/protocol/packet.ts";
import { PacketWalker, PREFIX_LENGTH } from "../../lib/protocol/packet_walker.ts";

interface Seen {
  readonly prefix: number[];
  readonly length: number;
}

function record(): { seen: Seen[]; walker: PacketWalker } {
  const seen: Seen[] = [];
  const walker = new PacketWalker({
    packet: (bytes, start, end, length) => {
      seen.push({ prefix: [...bytes.subarray(start, Math.min(end, start + PREFIX_LENGTH))], length });
    },
  });
  return { seen, walker };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

Deno.test("PacketWalker reports packets that lie whole in a chunk", () => {
  const { seen, walker } = record();
  walker.walk(concat([encodePacket(Uint8Array.of(3, 65), 0), encodePacket(new Uint8Array(0), 1)]));
  assertEquals(seen, [{ prefix: [3, 65], length: 2 }, { prefix: [], length: 0 }]);
  assertEquals(walker.sequenceId, 1);
  assertEquals(walker.atBoundary, true);
});

Deno.test("PacketWalker is not at a boundary inside a header or a payload", () => {
  const { seen, walker } = record();
  walker.walk(Uint8Array.of(2, 0));
  assertEquals(walker.atBoundary, false);
  walker.walk(Uint8Array.of(0, 7, 1));
  assertEquals([walker.atBoundary, walker.remaining], [false, 1]);
  walker.walk(Uint8Array.of(2));
  assertEquals([walker.atBoundary, seen], [true, [{ prefix: [1, 2], length: 2 }]]);
  assertEquals(walker.sequenceId, 7);
});

Deno.test("PacketWalker reports the same packets however the bytes are split", () => {
  const packets = fc.array(
    fc.record({ payload: fc.uint8Array({ maxLength: 80 }), sequenceId: fc.nat(255) }),
    { maxLength: 8 },
  );
  fc.assert(fc.property(packets, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (list, sizes) => {
    const bytes = concat(list.map(({ payload, sequenceId }) => encodePacket(payload, sequenceId)));
    const { seen, walker } = record();
    let turn = 0;
    for (let at = 0; at < bytes.length;) {
      const size = sizes[turn++ % sizes.length]!;
      walker.walk(bytes.subarray(at, at + size));
      at += size;
    }
    assertEquals(
      seen,
      list.map(({ payload }) => ({ prefix: [...payload.subarray(0, PREFIX_LENGTH)], length: payload.length })),
    );
    assertEquals(walker.atBoundary, true);
  }));
});

for (const length of [0xffffff - 1, 0xffffff, 0xffffff + 1, 2 * 0xffffff, 2 * 0xffffff + 5]) {
  Deno.test(`PacketWalker joins the fragments of a payload of ${length} bytes`, () => {
    const payload = new Uint8Array(length);
    payload.set([0xfe, 1, 2, 3]);
    const bytes = concat([encodePacket(payload, 0), encodePacket(Uint8Array.of(9), 0)]);
    for (const size of [bytes.length, 65536, 0xffffff + 2]) {
      const { seen, walker } = record();
      for (let at = 0; at < bytes.length; at += size) walker.walk(bytes.subarray(at, at + size));
      assertEquals(seen.map((packet) => packet.length), [length, 1]);
      assertEquals(seen[0]!.prefix.slice(0, 4), [0xfe, 1, 2, 3]);
      assertEquals(walker.atBoundary, true);
    }
  });
}
