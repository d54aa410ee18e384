import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PayloadReader, PayloadWriter, ProtocolError } from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

Deno.test("PayloadWriter and PayloadReader agree on every field", () => {
  const payload = new PayloadWriter(1)
    .u8(1).u16(0x0203).u24(0x040506).u32(0x0708090a).u64(0x0b0c0d0e0f101112n)
    .lenencInt(300).lenencText("añb").lenencBytes(null).nulText("x").shortBytes(hex("0909")).fill(2, 7).text("end")
    .finish();
  const reader = new PayloadReader(payload);
  assertEquals(reader.u8(), 1);
  assertEquals(reader.u16(), 0x0203);
  assertEquals(reader.u24(), 0x040506);
  assertEquals(reader.u32(), 0x0708090a);
  assertEquals(reader.u64(), 0x0b0c0d0e0f101112n);
  assertEquals(reader.lenencInt(), 300);
  assertEquals(reader.lenencText(), "añb");
  assertEquals(reader.lenencNullable(), null);
  assertEquals(reader.nulText(), "x");
  assertEquals(reader.bytes(reader.u8()), hex("0909"));
  assertEquals(reader.skip(1).peek(), 7);
  assertEquals(reader.skip(1).remaining, 3);
  assertEquals(reader.restText(), "end");
  assertEquals(reader.remaining, 0);
});

Deno.test("PayloadReader stays where it was when it throws", () => {
  const reader = new PayloadReader(hex("61 62"));
  const reads = [
    () => reader.u24(),
    () => reader.u64(),
    () => reader.lenencBytes(),
    () => reader.nulBytes(),
    () => reader.bytes(3),
    () => reader.bytes(-1),
    () => reader.expect(0x62, "a thing"),
  ];
  for (const read of reads) {
    assertThrows(read, ProtocolError);
    assertEquals(reader.offset, 0);
  }
  assertEquals(reader.nulOrRestText(), "ab");
});

Deno.test("PayloadReader.lenencCount() refuses a count that no memory holds", () => {
  const reader = new PayloadReader(hex("fe ffffffffffffffff"));
  assertEquals(assertThrows(() => reader.lenencCount(), ProtocolError).code, "malformed");
});

Deno.test("PayloadWriter.nulBytes() refuses bytes that contain a NUL", () => {
  assertEquals(assertThrows(() => new PayloadWriter().nulText("a\0b"), ProtocolError).code, "out-of-range");
});

Deno.test("PayloadWriter grows to any length", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), fc.nat(10), (parts, capacity) => {
    const writer = new PayloadWriter(capacity);
    for (const part of parts) writer.lenencBytes(part);
    const reader = new PayloadReader(writer.finish());
    assertEquals(writer.length, reader.remaining);
    for (const part of parts) assertEquals(reader.lenencBytes(), part);
    assertEquals(reader.remaining, 0);
  }));
});
