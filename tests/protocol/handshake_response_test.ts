import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Capability,
  encodeHandshakeResponse,
  hasCapability,
  isSslRequest,
  parseHandshakeResponse,
  ProtocolError,
  responseWithoutCapabilities,
} from "../../lib/protocol/mod.ts";
import { assertKind, hex } from "./hex.ts";

/** `mysql` 9.7.4, user app, database shop, --ssl-mode=DISABLED. */
const mysqlClient = hex(`
  8da2bf19 00000001 ff 0000000000000000000000000000000000000000000000 61707000
  20 51c564885c8c3d2cc91aff3906bf20bfbe1f34998a135c4c039b9101c117bd30 73686f7000
  63616368696e675f736861325f70617373776f726400 72
  045f706964053137333030 095f706c6174666f726d067838365f3634 035f6f73054c696e7578
  0c5f636c69656e745f6e616d65086c69626d7973716c 076f735f7573657204726f6f74
  0f5f636c69656e745f76657273696f6e05392e372e34 0c70726f6772616d5f6e616d65056d7973716c`);

/** `mysql` 9.7.4 --compression-algorithms=zstd --zstd-compression-level=7. */
const zstdClient = hex(`
  85a2bf1d 00000001 ff 0000000000000000000000000000000000000000000000 61707000
  20 1bd7c73dfca1445c17c702946a9877b8a7157b4b3348219e08134aa59070187b 63616368696e675f736861325f70617373776f726400 72
  045f706964053231363137 095f706c6174666f726d067838365f3634 035f6f73054c696e7578
  0c5f636c69656e745f6e616d65086c69626d7973716c 076f735f7573657204726f6f74
  0f5f636c69656e745f76657273696f6e05392e372e34 0c70726f6772616d5f6e616d65056d7973716c 07`);

/** `mariadb` of 10.11.19 (Connector/C 3.3.20), user app, database shop, --skip-ssl. */
const mariadbClient = hex(`
  8ca2bf00 00000010 21 00000000000000000000000000000000000000 1d000000
  61707000 14 94e6853b97721d127e1f188b941c6b4a2b548799 73686f7000 6d7973716c5f6e61746976655f70617373776f726400 7f
  035f6f73054c696e7578 0c5f636c69656e745f6e616d650a6c69626d617269616462 045f706964053137333033
  0f5f636c69656e745f76657273696f6e06332e332e3230 095f706c6174666f726d067838365f3634
  0c70726f6772616d5f6e616d65056d7973716c 0c5f7365727665725f686f7374093132372e302e302e31`);

/** `mysql` 9.7.4 --ssl-mode=REQUIRED: the packet before the TLS hello. */
const sslRequest = hex("85aabf19 00000001 ff 0000000000000000000000000000000000000000000000");

Deno.test("parseHandshakeResponse() reads the mysql client", () => {
  const response = parseHandshakeResponse(mysqlClient);
  assertKind(response, "response41");
  assertEquals(response.capabilities, 0x19bfa28dn);
  assertEquals(response.maxPacketSize, 1 << 24);
  assertEquals(response.charset, 0xff);
  assertEquals(response.username, "app");
  assertEquals(response.authResponse.length, 32);
  assertEquals(response.database, "shop");
  assertEquals(response.authPluginName, "caching_sha2_password");
  assertEquals(response.attributes?.get("program_name"), "mysql");
  assertEquals(response.attributes?.size, 7);
  assertEquals(response.zstdLevel, undefined);
  assertEquals(encodeHandshakeResponse(response), mysqlClient);
});

Deno.test("parseHandshakeResponse() reads the compression level", () => {
  const response = parseHandshakeResponse(zstdClient);
  assertKind(response, "response41");
  assertEquals(response.zstdLevel, 7);
  assertEquals(response.database, undefined);
  assertEquals(encodeHandshakeResponse(response), zstdClient);
});

Deno.test("parseHandshakeResponse() reads the mariadb client with extended capabilities", () => {
  const response = parseHandshakeResponse(mariadbClient);
  assertKind(response, "response41");
  assertEquals(response.capabilities, 0x1d00bfa28cn);
  assertEquals(response.authResponse.length, 20);
  assertEquals(response.attributes?.get("_server_host"), "127.0.0.1");
  assertEquals(encodeHandshakeResponse(response), mariadbClient);
});

Deno.test("parseHandshakeResponse() tells an SSL request from a response", () => {
  assertEquals(parseHandshakeResponse(sslRequest), {
    kind: "ssl-request",
    capabilities: 0x19bfaa85n,
    maxPacketSize: 1 << 24,
    charset: 0xff,
  });
  assertEquals(encodeHandshakeResponse(parseHandshakeResponse(sslRequest)), sslRequest);
  assertEquals(isSslRequest(sslRequest), true);
  assertEquals(isSslRequest(mysqlClient), false);
});

Deno.test("parseHandshakeResponse() reads all three forms of the authentication data", () => {
  const fixed = "00000001 21 0000000000000000000000000000000000000000000000 6100";
  const cases: [string, bigint, string][] = [
    ["02 aabb", Capability.CLIENT_SECURE_CONNECTION, "aabb"],
    ["02 aabb", Capability.CLIENT_SECURE_CONNECTION | Capability.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA, "aabb"],
    ["aabb 00", 0n, "aabb"],
    ["aabb", 0n, "aabb"],
    ["", Capability.CLIENT_SECURE_CONNECTION, ""],
  ];
  for (const [literal, flags, expected] of cases) {
    const capabilities = Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_LONG_PASSWORD | flags;
    const head = capabilities.toString(16).padStart(8, "0").match(/../g)!.reverse().join("");
    const response = parseHandshakeResponse(hex(head + fixed + literal));
    assertKind(response, "response41");
    assertEquals(response.authResponse, hex(expected));
  }
});

Deno.test("parseHandshakeResponse() reads clients before 4.1", () => {
  const payload = hex("0d24 000040 61707000 5a5a5a5a5a5a5a5a 00 73686f7000");
  const response = parseHandshakeResponse(payload);
  assertEquals(response, {
    kind: "response320",
    capabilities: 0x240dn,
    maxPacketSize: 0x400000,
    username: "app",
    authResponse: hex("5a5a5a5a5a5a5a5a"),
    database: "shop",
  });
  assertEquals(encodeHandshakeResponse(response), payload);
});

Deno.test("parseHandshakeResponse() accepts missing trailing fields", () => {
  const response = parseHandshakeResponse(mysqlClient.subarray(0, 32 + 4 + 33));
  assertKind(response, "response41");
  assertEquals([response.database, response.authPluginName, response.attributes], [undefined, undefined, undefined]);
  const unterminated = parseHandshakeResponse(mysqlClient.subarray(0, 32 + 4 + 33 + 4));
  assertKind(unterminated, "response41");
  assertEquals(unterminated.database, "shop");
});

Deno.test("parseHandshakeResponse() refuses lengths that lead over the end", () => {
  const cases = [
    mysqlClient.subarray(0, 31),
    mysqlClient.subarray(0, 32 + 4 + 20),
    mysqlClient.subarray(0, -1),
    hex("8d"),
  ];
  for (const payload of cases) {
    assertEquals(assertThrows(() => parseHandshakeResponse(payload), ProtocolError).code, "truncated");
  }
});

Deno.test("responseWithoutCapabilities() clears exactly the given bits in place", () => {
  const remove = Capability.CLIENT_DEPRECATE_EOF | Capability.MARIADB_CLIENT_CACHE_METADATA;
  for (const [payload, offsets] of [[mysqlClient, [3]], [mariadbClient, [28]]] as const) {
    const after = responseWithoutCapabilities(payload, remove);
    assertEquals([...after.keys()].filter((i) => after[i] !== payload[i]), [...offsets]);
    assertEquals(
      parseHandshakeResponse(after).capabilities,
      parseHandshakeResponse(payload).capabilities & ~remove,
    );
  }
});

Deno.test("responseWithoutCapabilities() handles the forms that are shorter", () => {
  assertEquals(responseWithoutCapabilities(sslRequest, Capability.CLIENT_SSL).subarray(0, 4), hex("85a2bf19"));
  assertEquals(responseWithoutCapabilities(hex("0d24 000040 6100"), Capability.CLIENT_CONNECT_WITH_DB)[0], 0x05);
});

const text = fc.string({ maxLength: 20 }).filter((s) => !s.includes("\0"));

Deno.test("encodeHandshakeResponse() and parseHandshakeResponse() round trip", () => {
  const fields = fc.record({
    bits: fc.bigInt(0n, (1n << 38n) - 1n),
    maxPacketSize: fc.nat(0xffffffff),
    charset: fc.nat(255),
    username: text,
    authResponse: fc.uint8Array({ maxLength: 255 }).map((bytes) => bytes.map((byte) => byte || 1)),
    database: text,
    authPluginName: text,
    attributes: fc.array(fc.tuple(text, text), { maxLength: 5 }).map((pairs) => new Map(pairs)),
    zstdLevel: fc.nat(22),
  });
  fc.assert(fc.property(fields, ({ bits, database, authPluginName, attributes, zstdLevel, ...rest }) => {
    let capabilities = bits | Capability.CLIENT_PROTOCOL_41;
    if (hasCapability(capabilities, Capability.CLIENT_LONG_PASSWORD)) capabilities &= 0xffffffffn;
    const has = (flag: bigint) => hasCapability(capabilities, flag);
    const response = {
      kind: "response41" as const,
      capabilities,
      ...rest,
      ...(has(Capability.CLIENT_CONNECT_WITH_DB) ? { database } : {}),
      ...(has(Capability.CLIENT_PLUGIN_AUTH) ? { authPluginName } : {}),
      ...(has(Capability.CLIENT_CONNECT_ATTRS) ? { attributes } : {}),
      ...(has(Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM) ? { zstdLevel } : {}),
    };
    assertEquals(parseHandshakeResponse(encodeHandshakeResponse(response)), response);
  }));
});
