import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  encodeLengthEncodedBytes,
  encodeLengthEncodedInteger,
  lengthEncodedSize,
  ProtocolError,
  readLengthEncodedBytes,
  readLengthEncodedInteger,
  readLengthEncodedNullable,
  toInteger,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

Deno.test("encodeLengthEncodedInteger() takes the shortest form at each border", () => {
  const cases: [number | bigint, string][] = [
    [0, "00"],
    [250, "fa"],
    [251, "fc fb00"],
    [0xffff, "fc ffff"],
    [0x10000, "fd 000001"],
    [0xffffff, "fd ffffff"],
    [0x1000000, "fe 0000000100000000"],
    [0xffffffffffffffffn, "fe ffffffffffffffff"],
  ];
  for (const [value, literal] of cases) {
    assertEquals(encodeLengthEncodedInteger(value), hex(literal));
    assertEquals(readLengthEncodedInteger(hex(literal), 0), { value, end: hex(literal).length });
  }
});

Deno.test("readLengthEncodedInteger() returns a bigint only where a number is not exact", () => {
  assertEquals(readLengthEncodedInteger(hex("fe ffffffffffff1f00"), 0).value, Number.MAX_SAFE_INTEGER);
  assertEquals(readLengthEncodedInteger(hex("fe 0000000000002000"), 0).value, 0x20000000000000n);
});

Deno.test("readLengthEncodedInteger() takes forms that are longer than needed", () => {
  assertEquals(readLengthEncodedInteger(hex("fe 0100000000000000"), 0), { value: 1, end: 9 });
});

Deno.test("readLengthEncodedInteger() refuses NULL, 0xff and cut values", () => {
  for (const [literal, code] of [["fb", "malformed"], ["ff", "malformed"], ["fc01", "truncated"], ["", "truncated"]]) {
    const error = assertThrows(() => readLengthEncodedInteger(hex(literal!), 0), ProtocolError);
    assertEquals(error.code, code);
  }
});

Deno.test("lengthEncodedSize() refuses what 64 bits cannot hold", () => {
  for (const value of [-1, 1.5, NaN, 1n << 64n, -1n, 2 ** 60]) {
    assertEquals(assertThrows(() => lengthEncodedSize(value), ProtocolError).code, "out-of-range");
  }
});

Deno.test("readLengthEncodedBytes() never reads over the end", () => {
  for (const literal of ["05 61626364", "fe ffffffffffffffff 61", "fc ffff"]) {
    assertEquals(assertThrows(() => readLengthEncodedBytes(hex(literal), 0), ProtocolError).code, "truncated");
  }
});

Deno.test("readLengthEncodedNullable() tells NULL from empty", () => {
  assertEquals(readLengthEncodedNullable(hex("fb"), 0), { value: null, end: 1 });
  assertEquals(readLengthEncodedNullable(hex("00"), 0), { value: new Uint8Array(), end: 1 });
});

Deno.test("length-encoded values round trip", () => {
  fc.assert(fc.property(fc.bigInt(0n, 0xffffffffffffffffn), fc.uint8Array({ maxLength: 600 }), (value, bytes) => {
    assertEquals(readLengthEncodedInteger(encodeLengthEncodedInteger(value), 0).value, toInteger(value));
    const encoded = encodeLengthEncodedBytes(bytes);
    assertEquals(readLengthEncodedBytes(encoded, 0), { value: bytes, end: encoded.length });
  }));
});
