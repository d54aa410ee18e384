import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  crc32c,
  encodeProxyHeader,
  formatIp,
  parseProxyHeader,
  ProtocolError,
  type ProxyEndpoint,
} from "../../lib/protocol/mod.ts";
import { assertKind, hex } from "./hex.ts";

const text = (line: string) => new TextEncoder().encode(line);
const tcp4 = (address: string, port: number): ProxyEndpoint => ({ kind: "tcp4", address, port });
const tcp6 = (address: string, port: number): ProxyEndpoint => ({ kind: "tcp6", address, port });
const unix = (path: string): ProxyEndpoint => ({ kind: "unix", path });

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const ALL_ONES = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

/** The TCP4 address block 192.168.0.1:56324 to 192.168.0.11:443. */
const IPV4_BLOCK = "c0a80001 c0a8000b dc04 01bb";
/** The same with nothing else behind the fixed part. */
const V2_TCP4 = hex(`${SIGNATURE} 21 11 000c ${IPV4_BLOCK}`);

const source = tcp4("192.168.0.1", 56324);
const destination = tcp4("192.168.0.11", 443);

/** A header of version 2 with the checksum extension behind the addresses; `spoil` is XORed into it. */
function withChecksum(spoil: number): Uint8Array {
  const header = hex(`${SIGNATURE} 21 11 0018 ${IPV4_BLOCK} 040002 abcd 030004 00000000`);
  new DataView(header.buffer).setUint32(header.length - 4, crc32c(header) ^ spoil);
  return header;
}

Deno.test("parseProxyHeader() reads the lines of version 1 in the specification", () => {
  const cases: [string, number, ProxyEndpoint | undefined, ProxyEndpoint | undefined][] = [
    ["PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", 47, source, destination],
    [
      "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
      56,
      tcp4("255.255.255.255", 65535),
      tcp4("255.255.255.255", 65535),
    ],
    [`PROXY TCP6 ${ALL_ONES} ${ALL_ONES} 65535 65535\r\n`, 104, tcp6(ALL_ONES, 65535), tcp6(ALL_ONES, 65535)],
    ["PROXY UNKNOWN\r\n", 15, undefined, undefined],
    [`PROXY UNKNOWN ${ALL_ONES} ${ALL_ONES} 65535 65535\r\n`, 107, undefined, undefined],
    ["PROXY TCP6 2001:DB8::0001 ::1 0 1\r\n", 35, tcp6("2001:db8::1", 0), tcp6("::1", 1)],
  ];
  for (const [line, length, from, to] of cases) {
    assertEquals(line.length, length);
    const expected = {
      kind: "header" as const,
      length,
      ...(from === undefined ? {} : { source: from }),
      ...(to === undefined ? {} : { destination: to }),
      local: false,
    };
    assertEquals(parseProxyHeader(text(line)), expected);
    // The connection's own bytes behind it do not count.
    assertEquals(parseProxyHeader(text(line + "GET / HTTP/1.1\r\n")), expected);
  }
});

Deno.test("parseProxyHeader() reads version 2 with TCP over IPv4", () => {
  assertEquals(parseProxyHeader(V2_TCP4), { kind: "header", length: 28, source, destination, local: false });
});

Deno.test("parseProxyHeader() reads version 2 with TCP over IPv6", () => {
  const header = hex(`${SIGNATURE} 21 21 0024
    20010db8000000000000000000000001 20010db8000000000000000000000002 ffff 0cea`);
  assertEquals(parseProxyHeader(header), {
    kind: "header",
    length: 52,
    source: tcp6("2001:db8::1", 65535),
    destination: tcp6("2001:db8::2", 3306),
    local: false,
  });
});

Deno.test("parseProxyHeader() reads version 2 with Unix sockets", () => {
  const path = (name: string) => [...text(name)].map((byte) => byte.toString(16)).join("").padEnd(216, "0");
  const header = hex(`${SIGNATURE} 21 31 00d8 ${path("/run/a")} ${path("/".padEnd(108, "x"))}`);
  assertEquals(parseProxyHeader(header), {
    kind: "header",
    length: 232,
    source: unix("/run/a"),
    destination: unix("/".padEnd(108, "x")),
    local: false,
  });
});

Deno.test("parseProxyHeader() ignores what follows LOCAL and an unspecified protocol", () => {
  assertEquals(parseProxyHeader(hex(`${SIGNATURE} 20 00 0000`)), { kind: "header", length: 16, local: true });
  assertEquals(parseProxyHeader(hex(`${SIGNATURE} 20 11 0003 ffffff 00`)), { kind: "header", length: 19, local: true });
  assertEquals(parseProxyHeader(hex(`${SIGNATURE} 21 00 0003 ffffff 00`)), {
    kind: "header",
    length: 19,
    local: false,
  });
});

Deno.test("parseProxyHeader() skips extensions and verifies the checksum", () => {
  const extensions = hex(`${SIGNATURE} 21 11 0016 ${IPV4_BLOCK} 040000 020004 61626364`);
  assertEquals(parseProxyHeader(extensions), { kind: "header", length: 38, source, destination, local: false });
  const checked = withChecksum(0);
  const behind = Uint8Array.from([...checked, 1, 2, 3]);
  assertEquals(parseProxyHeader(behind), { kind: "header", length: 40, source, destination, local: false });
  assertEquals(assertThrows(() => parseProxyHeader(withChecksum(1)), ProtocolError).code, "malformed");
});

Deno.test("parseProxyHeader() makes IPv4 addresses of IPv4-mapped ones", () => {
  const expected = [tcp4("10.0.0.1", 1), tcp6("::2", 2)];
  const line = parseProxyHeader(text("PROXY TCP6 ::ffff:10.0.0.1 ::2 1 2\r\n"));
  assertKind(line, "header");
  assertEquals([line.source, line.destination], expected);
  const binary = parseProxyHeader(hex(`${SIGNATURE} 21 21 0024
    00000000000000000000ffff0a000001 00000000000000000000000000000002 0001 0002`));
  assertKind(binary, "header");
  assertEquals([binary.source, binary.destination], expected);
});

Deno.test("parseProxyHeader() waits for all of a header and knows at once what is none", () => {
  for (const header of [text("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"), V2_TCP4, withChecksum(0)]) {
    for (let end = 0; end < header.length; end++) {
      assertEquals(parseProxyHeader(header.subarray(0, end)).kind, "incomplete");
    }
    assertEquals(parseProxyHeader(header).kind, "header");
  }
  // A greeting, a login, a TLS hello, and begins that turn out to be something else.
  for (
    const other of ["4a0000000a", "5500000185a2bf19", "160301", "47", "0d0a0d0b", "50524f585920".slice(0, -2) + "21"]
  ) {
    assertEquals(parseProxyHeader(hex(other)), { kind: "none" });
  }
});

const BAD_LINES = [
  "PROXY \r\n",
  "PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n",
  "PROXY tcp4 1.2.3.4 1.2.3.4 1 1\r\n",
  "PROXY TCP4\r\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n",
  "PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n",
  "PROXY TCP4 1.2.3.4 1.2.3.04 1 1\r\n",
  "PROXY TCP4 ::1 ::1 1 1\r\n",
  "PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n",
  "PROXY TCP6 [::1] ::1 1 1\r\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 1 1".padEnd(107, " "),
  "PROXY UNKNOWN".padEnd(106, " ") + "\r\n",
];

const BAD_V2: Record<string, string> = {
  "version 1": `11 11 000c ${IPV4_BLOCK}`,
  "an unknown command": `22 11 000c ${IPV4_BLOCK}`,
  "UDP": `21 12 000c ${IPV4_BLOCK}`,
  "an unknown family": `21 41 000c ${IPV4_BLOCK}`,
  "too few bytes for the addresses": "21 11 000b c0a80001 c0a8000b dc04 01",
  "an extension without its length": `21 11 000e ${IPV4_BLOCK} 0400`,
  "an extension over the end": `21 11 000f ${IPV4_BLOCK} 040001`,
  "a checksum of another size": `21 11 0011 ${IPV4_BLOCK} 030002 0000`,
};

Deno.test("parseProxyHeader() refuses damaged lines", () => {
  for (const line of BAD_LINES) {
    assertEquals(assertThrows(() => parseProxyHeader(text(line)), ProtocolError, undefined, line).code, "malformed");
  }
});

for (const [what, literal] of Object.entries(BAD_V2)) {
  Deno.test(`parseProxyHeader() refuses version 2 with ${what}`, () => {
    const error = assertThrows(() => parseProxyHeader(hex(SIGNATURE + literal)), ProtocolError);
    assertEquals(error.code, "malformed");
  });
}

Deno.test("parseProxyHeader() refuses an announced length above 4096 before it has come", () => {
  const announced = (length: string) => parseProxyHeader(hex(`${SIGNATURE} 21 11 ${length}`));
  assertEquals(announced("1000"), { kind: "incomplete" });
  assertEquals(assertThrows(() => announced("1001"), ProtocolError).code, "too-large");
});

Deno.test("parseProxyHeader() throws nothing but ProtocolError on arbitrary bytes", () => {
  const begin = fc.constantFrom(
    text("PROXY "),
    text("PROXY TCP4 "),
    hex(SIGNATURE),
    hex(SIGNATURE + "21110010"),
    hex(""),
  );
  fc.assert(fc.property(begin, fc.uint8Array({ maxLength: 120 }), (head, tail) => {
    const bytes = Uint8Array.from([...head, ...tail]);
    try {
      const header = parseProxyHeader(bytes);
      if (header.kind === "header") assert(header.length <= bytes.length);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }));
});

Deno.test("encodeProxyHeader() writes what the specification shows", () => {
  const line = new TextDecoder().decode(encodeProxyHeader(1, source, destination));
  assertEquals(line, "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
  assertEquals(encodeProxyHeader(2, source, destination), V2_TCP4);
});

Deno.test("encodeProxyHeader() says so where there is nothing to tell", () => {
  const pairs: [ProxyEndpoint | undefined, ProxyEndpoint | undefined][] = [
    [undefined, undefined],
    [source, undefined],
    [undefined, destination],
    [unix("/a"), destination],
    [source, unix("/a")],
  ];
  for (const [from, to] of pairs) {
    assertEquals(encodeProxyHeader(1, from, to), text("PROXY UNKNOWN\r\n"));
    assertEquals(encodeProxyHeader(2, from, to), hex(`${SIGNATURE} 20 00 0000`));
  }
  assertEquals(encodeProxyHeader(1, unix("/a"), unix("/b")), text("PROXY UNKNOWN\r\n"));
});

Deno.test("encodeProxyHeader() gives both addresses one family", () => {
  const line = (from: ProxyEndpoint, to: ProxyEndpoint) => new TextDecoder().decode(encodeProxyHeader(1, from, to));
  // What a listener on [::] tells of an IPv4 client.
  assertEquals(line(tcp6("::ffff:10.0.0.1", 1), tcp6("::ffff:10.0.0.2", 2)), "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n");
  assertEquals(line(tcp4("10.0.0.1", 1), tcp6("::ffff:10.0.0.2", 2)), "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n");
  assertEquals(line(tcp4("10.0.0.1", 1), tcp6("fd00::1", 2)), "PROXY TCP6 ::ffff:a00:1 fd00::1 1 2\r\n");
  assertEquals(line(tcp6("fe80::1%eth0", 1), tcp6("fe80::2", 2)), "PROXY TCP6 fe80::1 fe80::2 1 2\r\n");
});

Deno.test("encodeProxyHeader() refuses what does not fit", () => {
  const code = (endpoint: ProxyEndpoint, other: ProxyEndpoint) =>
    assertThrows(() => encodeProxyHeader(2, endpoint, other), ProtocolError).code;
  assertEquals(code(tcp4("db.example", 1), destination), "out-of-range");
  assertEquals(code(tcp4("1.2.3.4", 65536), destination), "out-of-range");
  assertEquals(code(tcp6("1.2.3.4", 1), destination), "out-of-range");
  assertEquals(code(unix("x".repeat(109)), unix("/a")), "out-of-range");
});

Deno.test("encodeProxyHeader() and parseProxyHeader() round trip", () => {
  const port = fc.nat(65535);
  const ipv4 = fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), port).map(([ip, p]) => tcp4(formatIp(ip), p));
  const ipv6 = fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), port).map(([ip, p]) => {
    ip[0] = 0xfd;
    return tcp6(formatIp(ip), p);
  });
  const paths = fc.string({ maxLength: 108 }).filter((path) => !path.includes("\0")).map(unix);
  const pairs = fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6), fc.tuple(ipv4, ipv6), fc.tuple(paths, paths));
  fc.assert(fc.property(pairs, fc.constantFrom(1 as const, 2 as const), ([from, to], version) => {
    const encoded = encodeProxyHeader(version, from, to);
    const known = version === 2 || from.kind !== "unix";
    assertEquals(parseProxyHeader(encoded), {
      kind: "header",
      length: encoded.length,
      ...(known ? { source: from, destination: to } : {}),
      local: false,
    });
  }));
});
