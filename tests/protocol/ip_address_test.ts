import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { crc32c, formatIp, mapIp, parseIpv4, parseIpv6, unmapIp } from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

Deno.test("parseIpv4() reads four decimal numbers and nothing else", () => {
  assertEquals(parseIpv4("192.168.0.11"), Uint8Array.of(192, 168, 0, 11));
  assertEquals(parseIpv4("255.255.255.255"), Uint8Array.of(255, 255, 255, 255));
  for (const text of ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.0x4", "1.2.3.4 ", "::1", "a.b.c.d"]) {
    assertEquals(parseIpv4(text), undefined);
  }
});

Deno.test("parseIpv6() reads all forms of an address", () => {
  const cases: [string, string][] = [
    ["::", "00".repeat(16)],
    ["::1", "00".repeat(15) + "01"],
    ["1::", "0001" + "00".repeat(14)],
    ["2001:DB8:0:0:8:800:200C:417A", "20010db8000000000008 0800200c417a"],
    ["2001:db8::8:800:200c:417a", "20010db8000000000008 0800200c417a"],
    ["::ffff:129.144.52.38", "00".repeat(10) + "ffff81903426"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ];
  for (const [text, bytes] of cases) assertEquals(parseIpv6(text), hex(bytes), text);
  for (const text of ["", "1.2.3.4", ":", "1::2::3", "1:2:3:4:5:6:7", "12345::", "::1]@x[", "fe80::1%eth0", "g::"]) {
    assertEquals(parseIpv6(text), undefined, text);
  }
});

Deno.test("formatIp() writes what parseIpv4() and parseIpv6() read", () => {
  assertEquals(formatIp(hex("20010db8000000000008 0800200c417a")), "2001:db8::8:800:200c:417a");
  assertEquals(formatIp(new Uint8Array(16)), "::");
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(16), (bytes, zeros) => {
    bytes.fill(0, 0, zeros);
    assertEquals(parseIpv6(formatIp(bytes)), bytes);
    assertEquals(parseIpv4(formatIp(bytes.subarray(12))), bytes.slice(12));
  }));
});

Deno.test("unmapIp() takes off what mapIp() puts on, and leaves other addresses alone", () => {
  const mapped = hex("00000000000000000000ffff0a000001");
  assertEquals(mapIp(Uint8Array.of(10, 0, 0, 1)), mapped);
  assertEquals(unmapIp(mapped), Uint8Array.of(10, 0, 0, 1));
  assertEquals(mapIp(mapped), mapped);
  // IPv4-compatible, which is another, obsolete thing.
  const compatible = hex("0000000000000000000000000a000001");
  assertEquals(unmapIp(compatible), compatible);
});

Deno.test("crc32c() gives the check value of the algorithm and those of RFC 3720", () => {
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
});
