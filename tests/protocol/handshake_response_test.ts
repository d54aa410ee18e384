import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Capability,
  encodeHandshakeResponse,
  hasCapability,
  isSslRequest,
  parseHandshakeResponse,
  ProtocolError,
} from "../../lib/protocol/mod.ts";
import { assertKind, hex } from "./hex.ts";
import { mariadbClient, mysqlClient, sslRequest, zstdClient } from "./responses.ts";

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
