import { assertEquals, assertThrows } from "@std/assert";
import {
  Capability,
  changeUserWithResponse,
  encodeChangeUser,
  parseChangeUser,
  ProtocolError,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

const MODERN = Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_SECURE_CONNECTION | Capability.CLIENT_PLUGIN_AUTH |
  Capability.CLIENT_CONNECT_ATTRS;

Deno.test("parseChangeUser() reads mysql2's packet", () => {
  // mysql2 3.24.6 to MySQL 9.7.4.
  const payload = hex(`
    11 61707000 14 4b1946ea8c74864e452cc90de75eef93234f861b 73686f7000 e000
    6d7973716c5f6e61746976655f70617373776f726400 00`);
  const change = parseChangeUser(payload, MODERN);
  assertEquals(change, {
    username: "app",
    authResponse: hex("4b1946ea8c74864e452cc90de75eef93234f861b"),
    database: "shop",
    charset: 224,
    authPluginName: "mysql_native_password",
    attributes: new Map(),
  });
  assertEquals(encodeChangeUser(change, MODERN), payload);
});

Deno.test("parseChangeUser() reads attributes whose length takes three bytes", () => {
  // mariadb 3.5.4 to MariaDB 10.11.19.
  const payload = hex(`
    11 61707000 14 d5df637b949150632be13831991698cbf36c53ce 73686f7000 2d00
    6d7973716c5f6e61746976655f70617373776f726400 fc4f00
    0c5f636c69656e745f6e616d65 164d61726961444220636f6e6e6563746f722f4e6f6465
    0f5f636c69656e745f76657273696f6e 05332e352e34 0d5f6e6f64655f76657273696f6e 0632362e332e30`);
  const { attributes } = parseChangeUser(payload, MODERN);
  assertEquals(attributes?.get("_client_name"), "MariaDB connector/Node");
  assertEquals(attributes?.size, 3);
});

Deno.test("parseChangeUser() accepts missing trailing fields", () => {
  const short = hex("11 6100 00 00");
  const change = parseChangeUser(short, MODERN);
  assertEquals(change, { username: "a", authResponse: new Uint8Array(), database: "" });
  assertEquals(encodeChangeUser(change, MODERN), short);
});

Deno.test("parseChangeUser() reads NUL-terminated authentication data", () => {
  const change = { username: "a", authResponse: hex("5a5a"), database: "d", charset: 8 };
  assertEquals(parseChangeUser(encodeChangeUser(change, 0n), 0n), change);
});

Deno.test("parseChangeUser() refuses lengths that lead over the end", () => {
  for (const literal of ["11 61", "11 6100 14 00", "11 6100 00 00 0800 00 05"]) {
    assertEquals(assertThrows(() => parseChangeUser(hex(literal), MODERN), ProtocolError).code, "truncated");
  }
});

Deno.test("changeUserWithResponse() changes nothing but the authentication data", () => {
  const cases: [string, bigint, string, string][] = [
    // A name in Latin-1, an unknown field behind the attributes.
    ["11 fc6200 02 aabb 6400 0800 6e00 00 77", MODERN, "01020304", "11 fc6200 04 01020304 6400 0800 6e00 00 77"],
    ["11 fc6200 02 aabb 6400", MODERN, "", "11 fc6200 00 6400"],
    ["11 fc6200 00 00", MODERN, "0100", "11 fc6200 02 0100 00"],
    ["11 fc6200 aabb00 6400 0800", 0n, "cc", "11 fc6200 cc00 6400 0800"],
  ];
  for (const [before, capabilities, response, after] of cases) {
    assertEquals(changeUserWithResponse(hex(before), capabilities, hex(response)), hex(after));
  }
});

Deno.test("changeUserWithResponse() refuses what it cannot read or write", () => {
  const code = (literal: string, capabilities: bigint, response: Uint8Array) =>
    assertThrows(() => changeUserWithResponse(hex(literal), capabilities, response), ProtocolError).code;
  assertEquals(code("11 6100 14 00", MODERN, hex("01")), "truncated");
  assertEquals(code("03 6100 00 00", MODERN, hex("01")), "malformed");
  assertEquals(code("11 6100 00 00", MODERN, new Uint8Array(256)), "out-of-range");
  assertEquals(code("11 6100 00 00", 0n, hex("0100")), "out-of-range");
});
