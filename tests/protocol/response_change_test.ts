import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Capability,
  changeResponse,
  encodeHandshakeResponse,
  hasCapability,
  parseHandshakeResponse,
  ProtocolError,
  sslRequestFor,
} from "../../lib/protocol/mod.ts";
import { assertKind, hex } from "./hex.ts";
import { mariadbClient, mysqlClient, sslRequest, zstdClient } from "./responses.ts";

const { CLIENT_SSL, CLIENT_COMPRESS, CLIENT_ZSTD_COMPRESSION_ALGORITHM: ZSTD } = Capability;
const captures = { mysqlClient, zstdClient, mariadbClient };

/** A response with a name in Latin-1, a database that is not UTF-8, and the given trailing bytes. */
function latin1(flags: bigint, trailing: string): Uint8Array {
  const capabilities = Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_LONG_PASSWORD |
    Capability.CLIENT_SECURE_CONNECTION | flags;
  const head = capabilities.toString(16).padStart(8, "0").match(/../g)!.reverse().join("");
  return hex(`${head} 00000001 08 0102030405060708090a0b0c0d0e0f10111213 14151617 6dfc6c6c657200 02 aabb ${trailing}`);
}

const capabilitiesOf = (payload: Uint8Array) => parseHandshakeResponse(payload).capabilities;

for (const [name, payload] of Object.entries(captures)) {
  Deno.test(`changeResponse() leaves ${name} as it is when nothing changes`, () => {
    assertEquals(changeResponse(payload, { capabilities: capabilitiesOf(payload) }), payload);
  });

  Deno.test(`changeResponse() sets and clears bits of ${name} in place`, () => {
    const before = capabilitiesOf(payload);
    const set = changeResponse(payload, { capabilities: before | CLIENT_SSL | CLIENT_COMPRESS });
    assertEquals([...set.keys()].filter((i) => set[i] !== payload[i]), [0, 1]);
    assertEquals(capabilitiesOf(set), before | CLIENT_SSL | CLIENT_COMPRESS);
    assertEquals(changeResponse(set, { capabilities: before }), payload);
  });

  Deno.test(`changeResponse() does with ${name} what encoding again does`, () => {
    const response = parseHandshakeResponse(payload);
    assertKind(response, "response41");
    const capabilities = response.capabilities | CLIENT_SSL | ZSTD;
    const change = { capabilities, authResponse: hex("00112233"), zstdLevel: 9 };
    assertEquals(changeResponse(payload, change), encodeHandshakeResponse({ ...response, ...change }));
  });
}

Deno.test("changeResponse() adds and removes the compression level", () => {
  const plain = zstdClient.slice(0, -1);
  plain[3]! &= ~4;
  const capabilities = capabilitiesOf(zstdClient);
  assertEquals(changeResponse(zstdClient, { capabilities: capabilities & ~ZSTD }), plain);
  assertEquals(changeResponse(zstdClient, { capabilities: capabilities & ~ZSTD, zstdLevel: 5 }), plain);
  assertEquals(changeResponse(plain, { capabilities, zstdLevel: 7 }), zstdClient);
  assertEquals(changeResponse(plain, { capabilities }).at(-1), 3);
  assertEquals(changeResponse(zstdClient, { capabilities, zstdLevel: 22 }).at(-1), 22);
});

Deno.test("changeResponse() keeps bytes that no text can hold, filler and unknown trailing bytes", () => {
  const flags = Capability.CLIENT_CONNECT_WITH_DB | Capability.CLIENT_PLUGIN_AUTH | Capability.CLIENT_CONNECT_ATTRS;
  const fields = "ff80fe00 70fc00 06 02fc62 02c328";
  const before = latin1(flags, `${fields} 99 98`);
  const bits = capabilitiesOf(before);
  assertEquals(
    changeResponse(before, { capabilities: bits | ZSTD, zstdLevel: 4 }),
    latin1(flags | ZSTD, `${fields} 04 99 98`),
  );
  const withAuth = changeResponse(before, { capabilities: bits, authResponse: hex("010203") });
  assertEquals(withAuth.subarray(39, 43), hex("03010203"));
  assertEquals(withAuth.subarray(43), before.subarray(42));
  assertEquals(withAuth.subarray(0, 39), before.subarray(0, 39));
});

Deno.test("changeResponse() leaves trailing fields missing unless one must come behind them", () => {
  const flags = Capability.CLIENT_CONNECT_WITH_DB | Capability.CLIENT_PLUGIN_AUTH | Capability.CLIENT_CONNECT_ATTRS;
  const bare = latin1(flags, "");
  const bits = capabilitiesOf(bare);
  assertEquals(changeResponse(bare, { capabilities: bits | CLIENT_SSL }), latin1(flags | CLIENT_SSL, ""));
  assertEquals(changeResponse(bare, { capabilities: bits | ZSTD }), latin1(flags | ZSTD, "00 00 00 03"));
  const unterminated = latin1(flags, "6462");
  assertEquals(changeResponse(unterminated, { capabilities: bits | CLIENT_SSL }), latin1(flags | CLIENT_SSL, "6462"));
  assertEquals(changeResponse(unterminated, { capabilities: bits | ZSTD }), latin1(flags | ZSTD, "6462 00 00 00 03"));
});

Deno.test("changeResponse() removes a field with its capability and adds a new one empty", () => {
  const { CLIENT_CONNECT_WITH_DB: db, CLIENT_CONNECT_ATTRS: attributes, CLIENT_PLUGIN_AUTH: plugin } = Capability;
  const all = latin1(db | plugin | attributes, "6400 7000 00");
  const bits = capabilitiesOf(all);
  assertEquals(changeResponse(all, { capabilities: bits & ~attributes }), latin1(db | plugin, "6400 7000"));
  assertEquals(changeResponse(all, { capabilities: bits & ~db }), latin1(plugin | attributes, "7000 00"));
  const noDb = latin1(plugin, "7000");
  assertEquals(changeResponse(noDb, { capabilities: bits & ~attributes }), latin1(db | plugin, "00 7000"));
});

Deno.test("changeResponse() changes the form of the authentication data with its capabilities", () => {
  const lenenc = Capability.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA;
  const before = latin1(0n, "");
  const long = new Uint8Array(300).fill(7);
  const capabilities = capabilitiesOf(before) | lenenc;
  const after = changeResponse(before, { capabilities, authResponse: long });
  assertEquals(after.subarray(39, 42), hex("fc2c01"));
  assertEquals(changeResponse(after, { capabilities, authResponse: hex("aabb") }), latin1(lenenc, ""));
  const nul = changeResponse(before, { capabilities: capabilitiesOf(before) & ~Capability.CLIENT_SECURE_CONNECTION });
  assertEquals(nul.subarray(39), hex("aabb00"));
  const tooLong = () => changeResponse(before, { capabilities: capabilitiesOf(before), authResponse: long });
  assertEquals(assertThrows(tooLong, ProtocolError).code, "out-of-range");
});

Deno.test("changeResponse() writes and clears MariaDB's extended capabilities", () => {
  const bits = capabilitiesOf(mariadbClient);
  const less = changeResponse(mariadbClient, { capabilities: bits & ~Capability.MARIADB_CLIENT_CACHE_METADATA });
  assertEquals([...less.keys()].filter((i) => less[i] !== mariadbClient[i]), [28]);
  const mysql = changeResponse(mariadbClient, { capabilities: bits & 0xffffffffn | Capability.CLIENT_LONG_PASSWORD });
  assertEquals(mysql.subarray(28, 32), hex("00000000"));
  assertEquals(mysql.subarray(32), mariadbClient.subarray(32));
  const both = () => changeResponse(mariadbClient, { capabilities: bits | Capability.CLIENT_LONG_PASSWORD });
  assertEquals(assertThrows(both, ProtocolError).code, "out-of-range");
});

Deno.test("changeResponse() takes SSL requests and clients before 4.1", () => {
  const capabilities = capabilitiesOf(sslRequest) | CLIENT_COMPRESS;
  assertEquals(changeResponse(sslRequest, { capabilities, authResponse: hex("01") }).length, 32);
  assertEquals(capabilitiesOf(changeResponse(sslRequest, { capabilities })), capabilities);
  const old = hex("0d24 000040 61fc00 5a5a 00 73ff00 07");
  const compressed = changeResponse(old, { capabilities: 0x242dn, authResponse: hex("5b") });
  assertEquals(compressed, hex("2d24 000040 61fc00 5b 00 73ff00 07"));
  assertEquals(changeResponse(hex("0524 000040 6100 5a5a"), { capabilities: 0x2405n }), hex("0524 000040 6100 5a5a"));
});

Deno.test("changeResponse() refuses to change the form and lengths that lead over the end", () => {
  const code = (payload: Uint8Array, capabilities: bigint) =>
    assertThrows(() => changeResponse(payload, { capabilities }), ProtocolError).code;
  assertEquals(code(mysqlClient, 0n), "out-of-range");
  assertEquals(code(hex("0d24 000040 6100"), Capability.CLIENT_PROTOCOL_41), "out-of-range");
  for (const end of [1, 31, 32 + 4 + 20, mysqlClient.length - 1]) {
    assertEquals(code(mysqlClient.subarray(0, end), capabilitiesOf(mysqlClient)), "truncated");
  }
});

Deno.test("changeResponse() and back gives the payload again, whatever its bytes are", () => {
  const flags = fc.bigInt(0n, (1n << 32n) - 1n).map((bits) =>
    bits & ~ZSTD & ~CLIENT_SSL | Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_LONG_PASSWORD
  );
  fc.assert(fc.property(flags, fc.uint8Array({ maxLength: 80 }), (bits, rest) => {
    const payload = latin1(0n, "").slice(0, 32 + rest.length);
    const bytes = new Uint8Array(32 + rest.length);
    bytes.set(payload);
    new DataView(bytes.buffer).setUint32(0, Number(bits), true);
    bytes.set(rest, 32);
    const change = (from: Uint8Array, capabilities: bigint) => changeResponse(from, { capabilities });
    try {
      parseHandshakeResponse(bytes);
    } catch {
      return;
    }
    assertEquals(change(bytes, bits), bytes);
    assertEquals(change(change(bytes, bits | CLIENT_COMPRESS), bits), bytes);
    const again = change(change(bytes, bits | ZSTD), bits);
    assertEquals(capabilitiesOf(again), bits);
    // Fields that were left out are written before the level, and stay.
    assertEquals(again.subarray(0, bytes.length), bytes);
  }));
});

Deno.test("sslRequestFor() gives the request that the client would have sent", () => {
  for (const payload of Object.values(captures)) {
    const request = sslRequestFor(payload, capabilitiesOf(payload) | CLIENT_SSL);
    const response = parseHandshakeResponse(payload);
    assertKind(response, "response41");
    const { maxPacketSize, charset } = response;
    const capabilities = response.capabilities | CLIENT_SSL;
    assertEquals(request, encodeHandshakeResponse({ kind: "ssl-request", capabilities, maxPacketSize, charset }));
    assertEquals(request.subarray(4), payload.subarray(4, 32));
  }
  assertEquals(sslRequestFor(hex("0d24 000040 6100 5a"), 0x2c0dn), hex("0d2c 000040"));
  assertEquals(hasCapability(capabilitiesOf(sslRequestFor(sslRequest, capabilitiesOf(sslRequest))), CLIENT_SSL), true);
});
