import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  ProtocolError,
  readUint16,
  readUint24,
  readUint32,
  readUint64,
  readUint8,
  writeUint16,
  writeUint24,
  writeUint32,
  writeUint64,
  writeUint8,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

Deno.test("readUintN() read little-endian at an offset", () => {
  const buf = hex("ff 01 02 03 84 05 06 07 88");
  assertEquals(readUint8(buf, 0), 0xff);
  assertEquals(readUint16(buf, 1), 0x0201);
  assertEquals(readUint24(buf, 1), 0x030201);
  assertEquals(readUint32(buf, 1), 0x84030201);
  assertEquals(readUint64(buf, 1), 0x8807060584030201n);
});

Deno.test("readUintN() throw truncated at the end and before the start", () => {
  const buf = new Uint8Array(7);
  for (const read of [() => readUint8(buf, 7), () => readUint16(buf, 6), () => readUint24(buf, 5)]) {
    assertEquals(assertThrows(read, ProtocolError).code, "truncated");
  }
  for (const read of [() => readUint32(buf, 4), () => readUint64(buf, 0), () => readUint8(buf, -1)]) {
    assertEquals(assertThrows(read, ProtocolError).code, "truncated");
  }
});

Deno.test("writeUintN() refuse what does not fit", () => {
  const buf = new Uint8Array(8);
  for (const value of [-1, 0x10000, 1.5, NaN]) {
    assertEquals(assertThrows(() => writeUint16(buf, 0, value), ProtocolError).code, "out-of-range");
  }
  assertEquals(assertThrows(() => writeUint64(buf, 0, 1n << 64n), ProtocolError).code, "out-of-range");
  assertEquals(assertThrows(() => writeUint32(buf, 5, 0), ProtocolError).code, "truncated");
});

Deno.test("writeUintN() and readUintN() round trip", () => {
  const buf = new Uint8Array(10);
  fc.assert(fc.property(fc.bigInt(0n, 0xffffffffffffffffn), fc.nat(2), (value, at) => {
    const number = Number(value & 0xffffffffn);
    writeUint64(buf, at, value);
    assertEquals(readUint64(buf, at), value);
    writeUint32(buf, at, number);
    assertEquals(readUint32(buf, at), number);
    writeUint24(buf, at, number & 0xffffff);
    assertEquals(readUint24(buf, at), number & 0xffffff);
    writeUint16(buf, at, number & 0xffff);
    assertEquals(readUint16(buf, at), number & 0xffff);
    writeUint8(buf, at, number & 0xff);
    assertEquals(readUint8(buf, at), number & 0xff);
  }));
});
