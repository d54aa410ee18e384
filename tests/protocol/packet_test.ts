import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  encodePacket,
  encodePackets,
  fragmentCount,
  HEADER_LENGTH,
  MAX_PAYLOAD,
  type Packet,
  PacketReader,
  ProtocolError,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

/** Pushes the bytes in pieces of the given sizes, the last size for all that is left. */
function pushInPieces(reader: PacketReader, bytes: Uint8Array, sizes: readonly number[]): Packet[] {
  const packets: Packet[] = [];
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    // The copy is overwritten afterwards, as a read buffer would be.
    const chunk = bytes.slice(at, at + size);
    packets.push(...reader.push(chunk));
    chunk.fill(0xee);
    at += size;
  }
  return packets;
}

Deno.test("encodePacket() puts length and sequence number before the payload", () => {
  assertEquals(encodePacket(hex("0e"), 0), hex("010000 00 0e"));
  assertEquals(encodePacket(hex(""), 258), hex("000000 02"));
});

Deno.test("PacketReader finds the same payloads in any chunking", () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  fc.assert(fc.property(payloads, fc.nat(255), fc.array(fc.nat(9)), (list, first, sizes) => {
    const reader = new PacketReader();
    const packets = pushInPieces(reader, encodePackets(list, first), sizes);
    assertEquals(packets.map((p) => p.payload), list);
    packets.forEach((p, i) => assertEquals([p.sequenceId, p.lastSequenceId], Array(2).fill((first + i) % 256)));
    assert(reader.idle);
  }));
});

Deno.test("PacketReader.idle is false within a header and within a payload", () => {
  const reader = new PacketReader();
  assert(reader.idle);
  reader.push(hex("0200"));
  assert(!reader.idle);
  reader.push(hex("00 05 aa"));
  assert(!reader.idle);
  assertEquals(reader.push(hex("bb")), [{ payload: hex("aabb"), sequenceId: 5, lastSequenceId: 5 }]);
  assert(reader.idle);
});

Deno.test("encodePacket() and PacketReader split and join at multiples of 0xffffff", () => {
  const big = new Uint8Array(2 * MAX_PAYLOAD + 1);
  for (let i = 0; i < big.length; i += 65521) big[i] = i;
  for (const length of [MAX_PAYLOAD - 1, MAX_PAYLOAD, MAX_PAYLOAD + 1, 2 * MAX_PAYLOAD, 2 * MAX_PAYLOAD + 1]) {
    const payload = big.subarray(0, length);
    const framed = encodePacket(payload, 255);
    const fragments = Math.floor(length / MAX_PAYLOAD) + 1;
    assertEquals(fragmentCount(length), fragments);
    assertEquals(framed.length, length + fragments * HEADER_LENGTH);
    const reader = new PacketReader();
    const packets = [framed.subarray(0, MAX_PAYLOAD + 2), framed.subarray(MAX_PAYLOAD + 2)].flatMap((c) =>
      reader.push(c)
    );
    assertEquals(packets.length, 1);
    const [packet] = packets;
    assertEquals([packet!.sequenceId, packet!.lastSequenceId], [255, (255 + fragments - 1) % 256]);
    assertEquals(packet!.payload.length, length);
    // Element by element, assertEquals would take seconds.
    assert(packet!.payload.every((byte, i) => byte === big[i]), `payload of ${length} bytes differs`);
  }
});

Deno.test("encodePacket() ends an exact multiple with an empty packet", () => {
  const framed = encodePacket(new Uint8Array(MAX_PAYLOAD), 7);
  assertEquals(framed.subarray(0, 4), hex("ffffff 07"));
  assertEquals(framed.subarray(MAX_PAYLOAD + 4), hex("000000 08"));
  const reader = new PacketReader();
  assertEquals(reader.push(framed.subarray(0, MAX_PAYLOAD + 4)), []);
  assert(!reader.idle);
  assertEquals(reader.push(framed.subarray(MAX_PAYLOAD + 4)).length, 1);
});

Deno.test("PacketReader refuses a fragment out of order", () => {
  const framed = encodePacket(new Uint8Array(MAX_PAYLOAD), 7);
  framed[MAX_PAYLOAD + 7] = 9;
  assertEquals(assertThrows(() => new PacketReader().push(framed), ProtocolError).code, "out-of-order");
});

Deno.test("PacketReader refuses more than maxLength when the header announces it", () => {
  const reader = new PacketReader({ maxLength: 10 });
  assertEquals(reader.push(encodePacket(new Uint8Array(10), 0)).length, 1);
  assertEquals(assertThrows(() => reader.push(hex("0b0000 00")), ProtocolError).code, "too-large");
  const joined = new PacketReader({ maxLength: MAX_PAYLOAD + 1 });
  joined.push(encodePacket(new Uint8Array(MAX_PAYLOAD), 0).subarray(0, MAX_PAYLOAD + 4));
  assertEquals(assertThrows(() => joined.push(hex("020000 01")), ProtocolError).code, "too-large");
});
