import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Capability,
  capabilityNames,
  changeCapabilities,
  encodeHandshake,
  type Handshake,
  hasCapability,
  parseHandshake,
  ProtocolError,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

/** MySQL 9.7.4, default configuration (TLS, caching_sha2_password). */
const mysql9 = hex(`
  0a 392e372e342d3200 0a000000 3c787c36301f4f29 00 ffff ff 0200 ffdf 15 00000000000000000000
  526e282005424c20676c410c00 63616368696e675f736861325f70617373776f726400`);

/** MariaDB 10.11.19 as Debian ships it, without TLS. */
const mariadb = hex(`
  0a 352e352e352d31302e31312e31392d4d6172696144422d302b646562313275312d6c6f6700 05000000 43357e3d546f5433 00 fef7 08
  0200 ff81 15 000000000000 1d000000 43382e7c4830594f617a615500 6d7973716c5f6e61746976655f70617373776f726400`);

/** Without CLIENT_PLUGIN_AUTH, as servers before 5.5.7 send it; built by the documentation. */
const noPlugin = hex(`
  0a 352e302e393600 01000000 6162636465666768 00 2ca2 08 0200 0000 00 00000000000000000000
  696a6b6c6d6e6f7071727374 00`);

Deno.test("parseHandshake() reads MySQL 9", () => {
  const handshake = parseHandshake(mysql9);
  assertEquals(handshake, {
    serverVersion: "9.7.4-2",
    connectionId: 10,
    authData: hex("3c787c36301f4f29 526e282005424c20676c410c"),
    capabilities: 0xdfffffffn,
    charset: 0xff,
    status: 2,
    authPluginName: "caching_sha2_password",
  });
  assertEquals(capabilityNames(handshake.capabilities).length, 31);
  assertEquals(encodeHandshake(handshake), mysql9);
});

Deno.test("parseHandshake() reads MariaDB with its extended capabilities", () => {
  const handshake = parseHandshake(mariadb);
  assertEquals(handshake.serverVersion, "5.5.5-10.11.19-MariaDB-0+deb12u1-log");
  assertEquals(handshake.authPluginName, "mysql_native_password");
  assertEquals(handshake.authData, hex("43357e3d546f5433 43382e7c4830594f617a6155"));
  assertEquals(handshake.capabilities, 0x1d81fff7fen);
  assertEquals(capabilityNames(handshake.capabilities >> 32n << 32n), [
    "MARIADB_CLIENT_PROGRESS",
    "MARIADB_CLIENT_STMT_BULK_OPERATIONS",
    "MARIADB_CLIENT_EXTENDED_METADATA",
    "MARIADB_CLIENT_CACHE_METADATA",
  ]);
  assertEquals(encodeHandshake(handshake), mariadb);
});

Deno.test("parseHandshake() ignores the reserved bytes of a server with CLIENT_LONG_PASSWORD", () => {
  const payload = mysql9.slice();
  payload.fill(0xff, payload.indexOf(0x15) + 1 + 6, payload.indexOf(0x15) + 1 + 10);
  assertEquals(parseHandshake(payload).capabilities, 0xdfffffffn);
});

Deno.test("parseHandshake() reads servers without CLIENT_PLUGIN_AUTH", () => {
  const handshake = parseHandshake(noPlugin);
  assertEquals(handshake.authPluginName, undefined);
  assertEquals(handshake.authData.length, 20);
  assertEquals(encodeHandshake(handshake), noPlugin);
});

Deno.test("parseHandshake() reads the short form of servers before 4.1", () => {
  const handshake = parseHandshake(hex("0a 332e32332e353800 01000000 6162636465666768 00 2c00"));
  assertEquals(handshake.authData, hex("6162636465666768"));
  assertEquals(handshake.capabilities, 0x2cn);
});

Deno.test("parseHandshake() takes a plugin name without its NUL", () => {
  assertEquals(parseHandshake(mysql9.subarray(0, -1)).authPluginName, "caching_sha2_password");
});

Deno.test("parseHandshake() refuses other packets", () => {
  const cases: [string, string][] = [
    ["", "truncated"],
    ["09 332e32312e3000 01000000", "unsupported"],
    // MariaDB 10.11.19 with max_connections reached: an ERR packet before the handshake.
    ["ff1004546f6f206d616e7920636f6e6e656374696f6e73", "malformed"],
    ["0a 392e37", "truncated"],
  ];
  for (const [literal, code] of cases) {
    assertEquals(assertThrows(() => parseHandshake(hex(literal)), ProtocolError).code, code);
  }
});

Deno.test("parseHandshake() throws nothing but ProtocolError, however it is cut", () => {
  for (const payload of [mysql9, mariadb]) {
    for (let length = 0; length < payload.length; length++) {
      try {
        parseHandshake(payload.subarray(0, length));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
  }
});

Deno.test("encodeHandshake() refuses extended capabilities together with CLIENT_LONG_PASSWORD", () => {
  const handshake = parseHandshake(mariadb);
  const capabilities = handshake.capabilities | Capability.CLIENT_LONG_PASSWORD;
  const error = assertThrows(() => encodeHandshake({ ...handshake, capabilities }), ProtocolError);
  assertEquals(error.code, "out-of-range");
});

Deno.test("changeCapabilities() clears exactly the given bits in place", () => {
  const remove = Capability.CLIENT_SSL | Capability.CLIENT_COMPRESS | Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM;
  const before = mysql9.slice();
  const after = changeCapabilities(mysql9, remove, 0n);
  assertEquals(mysql9, before);
  const different = [...after.keys()].filter((i) => after[i] !== mysql9[i]);
  // The low half is at 22 (COMPRESS in its first byte, SSL in its second), the high half at 27.
  assertEquals(different, [22, 23, 28]);
  assertEquals(parseHandshake(after).capabilities, 0xdfffffffn & ~remove);
});

Deno.test("changeCapabilities() clears MariaDB's extended bits", () => {
  const remove = Capability.MARIADB_CLIENT_PROGRESS | Capability.CLIENT_COMPRESS;
  const after = changeCapabilities(mariadb, remove, 0n);
  assertEquals(parseHandshake(after), {
    ...parseHandshake(mariadb),
    capabilities: 0x1d81fff7fen & ~remove,
  });
  assertEquals([...after.keys()].filter((i) => after[i] !== mariadb[i]).length, 2);
});

Deno.test("changeCapabilities() leaves the reserved bytes of MySQL alone", () => {
  assertEquals(changeCapabilities(mysql9, 0xffffffffn << 32n, 0n), mysql9);
});

const handshakes: fc.Arbitrary<Handshake> = fc.record({
  serverVersion: fc.stringMatching(/^[0-9a-zA-Z.+-]{1,30}$/),
  connectionId: fc.nat(0xffffffff),
  // A server's nonce has no NUL in it.
  authData: fc.uint8Array({ minLength: 20, maxLength: 40 }).map((bytes) => bytes.map((byte) => byte || 1)),
  capabilities: fc.bigInt(0n, (1n << 64n) - 1n),
  charset: fc.nat(255),
  status: fc.nat(0xffff),
  authPluginName: fc.stringMatching(/^[a-z0-9_]{1,30}$/),
}).map(({ authPluginName, ...rest }) => {
  let { capabilities, authData } = rest;
  if (hasCapability(capabilities, Capability.CLIENT_LONG_PASSWORD)) capabilities &= 0xffffffffn;
  const withPlugin = hasCapability(capabilities, Capability.CLIENT_PLUGIN_AUTH);
  if (!withPlugin) authData = authData.slice(0, 20);
  if (!hasCapability(capabilities, Capability.CLIENT_SECURE_CONNECTION)) authData = authData.slice(0, 8);
  return { ...rest, capabilities, authData, ...(withPlugin ? { authPluginName } : {}) };
});

Deno.test("encodeHandshake() and parseHandshake() round trip", () => {
  fc.assert(fc.property(handshakes, (handshake) => {
    assertEquals(parseHandshake(encodeHandshake(handshake)), handshake);
  }));
});

Deno.test("changeCapabilities() equals encoding with fewer capabilities, for flags without fields", () => {
  const fieldless = (1n << 64n) - 1n & ~Capability.CLIENT_PLUGIN_AUTH & ~Capability.CLIENT_SECURE_CONNECTION &
    ~Capability.CLIENT_LONG_PASSWORD;
  fc.assert(fc.property(handshakes, fc.bigInt(0n, (1n << 64n) - 1n), (handshake, bits) => {
    const remove = bits & fieldless;
    assertEquals(
      changeCapabilities(encodeHandshake(handshake), remove, 0n),
      encodeHandshake({ ...handshake, capabilities: handshake.capabilities & ~remove }),
    );
  }));
});

Deno.test("changeCapabilities() sets bits in either half and leaves all other bytes alone", () => {
  const add = Capability.CLIENT_SSL | Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM;
  const { capabilities } = parseHandshake(mysql9);
  const without = changeCapabilities(mysql9, add, 0n);
  assertEquals(parseHandshake(without).capabilities, capabilities & ~add);
  assertEquals(changeCapabilities(without, 0n, capabilities & add), mysql9);
  assertEquals(parseHandshake(changeCapabilities(mysql9, 0n, add)).capabilities, capabilities | add);
});
