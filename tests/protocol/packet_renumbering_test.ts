import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { encodePacket, PacketReader, PacketRenumbering } from "../../lib/protocol/mod.ts";

function concat(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

Deno.test("PacketRenumbering.renumber() changes the ids and nothing else, however the bytes are split", () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 });
  fc.assert(fc.property(payloads, fc.integer({ min: 1, max: 50 }), (list, size) => {
    const before = concat(...list.map((payload) => encodePacket(payload, 77)));
    const renumbering = new PacketRenumbering();
    let next = 250;
    const parts: Uint8Array[] = [];
    for (let at = 0; at < before.length; at += size) {
      const part = before.slice(at, at + size);
      renumbering.renumber(part, (index, continues) => {
        assertEquals(part[index], 77);
        assertEquals(continues, false);
        return next++ & 0xff;
      });
      parts.push(part);
    }
    const after = concat(...list.map((payload, index) => encodePacket(payload, (250 + index) & 0xff)));
    assertEquals(concat(...parts), after);
  }));
});

Deno.test("PacketRenumbering.renumber() tells the fragments of a long packet", () => {
  const long = encodePacket(new Uint8Array(0xffffff + 3), 0);
  const bytes = concat(long, encodePacket(new Uint8Array(2), 9));
  // As the mariadb client does it inside of compressed packets.
  bytes[4 + 0xffffff + 3] = 0;
  const seen: boolean[] = [];
  let next = 0;
  new PacketRenumbering().renumber(bytes, (_at, continues) => {
    seen.push(continues);
    next = continues ? next + 1 : 0;
    return next;
  });
  assertEquals(seen, [false, true, false]);
  const packets = new PacketReader({ maxLength: 1 << 25 }).push(bytes);
  assertEquals(packets.map((packet) => packet.lastSequenceId), [1, 0]);
});
