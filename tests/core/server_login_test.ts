import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { newCredentials, newNonce } from "../../lib/core/server_credentials.ts";
import { ServerLogin } from "../../lib/core/server_login.ts";
import type { LoggedIn, ServerLoginStep } from "../../lib/core/server_login_step.ts";
import type { ServerLoginOptions } from "../../lib/core/server_offer.ts";
import {
  Capability,
  encodeChangeUser,
  encodeHandshakeResponse,
  encodePacket,
  type HandshakeResponse41,
  parseErr,
  parseHandshake,
  scrambleCachingSha2,
  scrambleNativePassword,
} from "../../lib/protocol/mod.ts";
import { assertKind, hex } from "../protocol/hex.ts";

/** The nonce, the certificate and the proof of a login on MariaDB 11.8.9, recorded with this password. */
const NONCE = hex("2a6c642f5b5d43733d734c6229455c2335224825");
const FINGERPRINT = hex("459f0cbd70a1d9e785e0230543b197a5bd62d6d6adf407d564f27d83fae5fb34");
const PROOF = "\x011DED13B81456AA014DC65E022B3A9C7171650F71D6BB9A902589C2772625AF56";
const PASSWORD = "s3cret";

const BASE = Capability.CLIENT_LONG_PASSWORD | Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_SECURE_CONNECTION |
  Capability.CLIENT_PLUGIN_AUTH | Capability.CLIENT_CONNECT_WITH_DB | Capability.CLIENT_CONNECT_ATTRS;

const TLS = { required: false, fingerprint: FINGERPRINT };

function newLogin(options: Partial<ServerLoginOptions> = {}): ServerLogin {
  const root = newCredentials(PASSWORD);
  const empty = newCredentials("");
  return new ServerLogin({
    serverVersion: "9.0.0-test",
    connectionId: 7,
    capabilities: BASE,
    charset: 0xff,
    status: 2,
    credentials: (user) => user === "root" ? root : user === "empty" ? empty : undefined,
    tls: undefined,
    compression: [],
    nonce: NONCE,
    ...options,
  });
}

const SHA2 = { authPluginName: "caching_sha2_password", authResponse: scrambleCachingSha2(PASSWORD, NONCE) };
const NATIVE = { authPluginName: "mysql_native_password", authResponse: scrambleNativePassword(PASSWORD, NONCE) };
const CLIENT = { attributes: new Map([["_client_name", "x"]]) };

function response(fields: Partial<HandshakeResponse41> = {}, sequenceId = 1): Uint8Array {
  const payload = encodeHandshakeResponse({
    kind: "response41",
    capabilities: BASE,
    maxPacketSize: 1 << 24,
    charset: 255,
    username: "root",
    ...SHA2,
    ...fields,
  });
  return encodePacket(payload, sequenceId);
}

function tlsRequest(capabilities = BASE | Capability.CLIENT_SSL, sequenceId = 1): Uint8Array {
  const request = encodeHandshakeResponse({ kind: "ssl-request", capabilities, maxPacketSize: 1 << 24, charset: 255 });
  return encodePacket(request, sequenceId);
}

function accepted(step: ServerLoginStep): { client: LoggedIn; write: Uint8Array; sequenceId: number } {
  assertKind(step, "accepted");
  return step;
}

/** Number, SQL state, text and sequence id of the ERR packet that a refusal is. */
function refusal(step: ServerLoginStep): [number, string | undefined, string, number] {
  assertKind(step, "refused");
  const { errorNumber, sqlState, message } = parseErr(step.write.subarray(4));
  return [errorNumber, sqlState, message, step.write[3] ?? -1];
}

const DENIED = "Access denied for user 'root'@'localhost' (using password: YES)";

Deno.test("ServerLogin.greeting() offers TLS and compression only where they can be had", () => {
  assertEquals(
    newLogin().greeting(),
    hex(`4e000000 0a 392e302e302d7465737400 07000000 2a6c642f5b5d4373 00 0982 ff 0200 1800 15 00000000000000000000
      3d734c6229455c233522482500 63616368696e675f736861325f70617373776f726400`),
  );
  const { capabilities } = parseHandshake(
    newLogin({ tls: TLS, compression: ["zlib", "zstd"] }).greeting().subarray(4),
  );
  const more = Capability.CLIENT_SSL | Capability.CLIENT_COMPRESS | Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM;
  assertEquals(capabilities, BASE | more);
});

Deno.test("ServerLogin.receive() lets the password in by caching_sha2_password, in chunks of any size", () => {
  const bytes = new Uint8Array([...response({ database: "shop" }), 1, 0, 0, 0, 0x0e]);
  for (const size of [1, 3, bytes.length]) {
    const login = newLogin();
    let step: ServerLoginStep = { kind: "more", write: hex(""), rest: hex("") };
    let at = 0;
    for (; step.kind === "more" && at < bytes.length; at += size) step = login.receive(bytes.subarray(at, at + size));
    const { client, write, sequenceId } = accepted(step);
    // "Fast authentication succeeded", and then the caller's OK.
    assertEquals([write, sequenceId], [hex("02000002 0103"), 3]);
    assertEquals(client, {
      username: "root",
      database: "shop",
      capabilities: BASE,
      attributes: new Map(),
      plugin: "caching_sha2_password",
      compression: undefined,
      zstdLevel: undefined,
      info: "",
    });
    // What a client sends without waiting is not lost.
    assertEquals([...step.rest, ...bytes.subarray(at)], [1, 0, 0, 0, 0x0e].slice(0, step.rest.length + 5));
  }
});

Deno.test("ServerLogin.receive() lets the password in by mysql_native_password, named or not", () => {
  const named = accepted(newLogin().receive(response(NATIVE)));
  assertEquals([named.write.length, named.sequenceId, named.client.plugin], [0, 2, "mysql_native_password"]);
  // A client of MySQL 5.1 knows of no plugins.
  const old = { capabilities: BASE & ~Capability.CLIENT_PLUGIN_AUTH, authResponse: NATIVE.authResponse };
  assertEquals(accepted(newLogin().receive(response(old))).client.plugin, "mysql_native_password");
});

Deno.test("ServerLogin.receive() asks for another plugin with the same nonce", () => {
  const cases: readonly (readonly [first: Partial<HandshakeResponse41>, asked: string, answer: Uint8Array])[] = [
    [
      { authPluginName: "client_ed25519", authResponse: new Uint8Array(64) },
      "caching_sha2_password",
      SHA2.authResponse,
    ],
    // Told to use the native plugin, libmysqlclient sends nothing until it has a nonce that is meant for it.
    [{ authPluginName: "mysql_native_password", authResponse: hex("") }, "mysql_native_password", NATIVE.authResponse],
  ];
  for (const [first, asked, answer] of cases) {
    const login = newLogin();
    const step = login.receive(response(first));
    assertKind(step, "more");
    const data = [0xfe, ...new TextEncoder().encode(`${asked}\0`), ...NONCE, 0];
    assertEquals(step.write, encodePacket(Uint8Array.from(data), 2));
    const { client, sequenceId } = accepted(login.receive(encodePacket(answer, 3)));
    assertEquals([client.plugin, sequenceId], [asked, asked === "caching_sha2_password" ? 5 : 4]);
  }
  const native = newLogin({ defaultPlugin: "mysql_native_password" });
  assertEquals(parseHandshake(native.greeting().subarray(4)).authPluginName, "mysql_native_password");
  assertKind(native.receive(response({ authResponse: hex("") })), "more");
  assertEquals(accepted(native.receive(encodePacket(SHA2.authResponse, 3))).client.plugin, "caching_sha2_password");
  const wrong = newLogin();
  wrong.receive(response({ authPluginName: "dialog" }));
  assertEquals(refusal(wrong.receive(encodePacket(NATIVE.authResponse, 3))), [1045, "28000", DENIED, 4]);
});

Deno.test("ServerLogin.receive() knows no difference between a wrong password and an unknown user", () => {
  const nobody = DENIED.replace("root", "nobody");
  for (const plugin of [SHA2, NATIVE]) {
    const authResponse = plugin.authResponse.with(0, (plugin.authResponse[0] ?? 0) ^ 1);
    const wrong = { ...plugin, authResponse };
    assertEquals(refusal(newLogin().receive(response(wrong))), [1045, "28000", DENIED, 2]);
    const unknown = { ...plugin, username: "nobody" };
    assertEquals(refusal(newLogin().receive(response(unknown))), [1045, "28000", nobody, 2]);
    const short = { ...plugin, authResponse: plugin.authResponse.subarray(1) };
    assertEquals(refusal(newLogin().receive(response(short)))[0], 1045);
  }
  const none = { authResponse: hex("") };
  assertEquals(refusal(newLogin().receive(response(none)))[2], DENIED.replace("YES", "NO"));
  assertEquals(refusal(newLogin().receive(response({ ...none, username: "nobody" })))[2], nobody.replace("YES", "NO"));
  const native = { ...NATIVE, ...none };
  assertEquals(newLogin().receive(response(native)), newLogin().receive(response({ ...native, username: "nobody" })));
  assertEquals(
    refusal(newLogin({ host: "10.0.0.9" }).receive(response(none)))[2],
    "Access denied for user 'root'@'10.0.0.9' (using password: NO)",
  );
});

Deno.test("ServerLogin.receive() takes an empty password, also one that is ended by a NUL", () => {
  for (const authResponse of [hex(""), hex("00")]) {
    for (const { authPluginName } of [SHA2, NATIVE]) {
      const step = newLogin().receive(response({ username: "empty", authPluginName, authResponse }));
      assertEquals([accepted(step).write.length, accepted(step).sequenceId], [0, 2]);
    }
  }
  assertEquals(refusal(newLogin().receive(response({ username: "empty" })))[0], 1045);
});

Deno.test("ServerLogin.receive() goes on with TLS where that is offered, and hands out the bytes behind the request", () => {
  const login = newLogin({ tls: TLS });
  const hello = hex("16030100");
  const step = login.receive(new Uint8Array([...tlsRequest(), ...hello]));
  assertKind(step, "secure");
  assertEquals([step.rest, step.write.length, login.secure], [hello, 0, true]);
  const { client, sequenceId } = accepted(login.receive(response({ capabilities: BASE | Capability.CLIENT_SSL }, 2)));
  assertEquals([client.capabilities, sequenceId], [BASE | Capability.CLIENT_SSL, 4]);

  const [number, state] = refusal(newLogin().receive(tlsRequest()));
  assertEquals([number, state], [1043, "08S01"]);
  const twice = newLogin({ tls: TLS });
  twice.receive(tlsRequest());
  assertEquals(refusal(twice.receive(tlsRequest(undefined, 2)))[0], 1043);
});

Deno.test("ServerLogin.receive() refuses a client without TLS where it is required, whatever the password", () => {
  const tls = { ...TLS, required: true };
  for (const authResponse of [SHA2.authResponse, hex("")]) {
    assertEquals(refusal(newLogin({ tls }).receive(response({ authResponse }))), [
      3159,
      "HY000",
      "Connections using insecure transport are prohibited while --require_secure_transport=ON.",
      2,
    ]);
  }
  const login = newLogin({ tls });
  login.receive(tlsRequest());
  accepted(login.receive(response({}, 2)));
});

Deno.test("ServerLogin.receive() proves its certificate to MariaDB's clients as MariaDB 11.8.9 did", () => {
  const login = newLogin({ tls: TLS });
  login.receive(tlsRequest());
  const { client } = accepted(login.receive(response(NATIVE, 2)));
  assertEquals([client.info.length, client.info], [65, PROOF]);

  const plain = newLogin({ tls: TLS }).receive(response(NATIVE));
  assertEquals(accepted(plain).client.info, "");
  const empty = newLogin({ tls: TLS });
  empty.receive(tlsRequest());
  const nothing = { ...NATIVE, username: "empty", authResponse: hex("") };
  assertEquals(accepted(empty.receive(response(nothing, 2))).client.info, "");
  const sha2 = newLogin({ tls: TLS });
  sha2.receive(tlsRequest());
  assertEquals(accepted(sha2.receive(response({}, 2))).client.info, "");
});

Deno.test("ServerLogin.receive() agrees on a compression that is offered, zlib first", () => {
  const { CLIENT_COMPRESS: zlib, CLIENT_ZSTD_COMPRESSION_ALGORITHM: zstd } = Capability;
  const agreed = (flags: bigint, zstdLevel = 9) => {
    const login = newLogin({ compression: ["zstd", "zlib"] });
    const { client } = accepted(login.receive(response({ capabilities: BASE | flags, zstdLevel })));
    return [client.compression, client.zstdLevel];
  };
  assertEquals([0n, zlib, zstd, zlib | zstd].map((flags) => agreed(flags)), [
    [undefined, undefined],
    ["zlib", undefined],
    ["zstd", 9],
    ["zlib", undefined],
  ]);
  assertEquals([0, 1, 22, 23, 255].map((level) => agreed(zstd, level)[1]), [undefined, 1, 22, undefined, undefined]);
  const refused = newLogin({ compression: ["zlib"] }).receive(response({ capabilities: BASE | zstd }));
  assertEquals(refusal(refused)[0], 1043);
});

Deno.test("ServerLogin.receive() refuses old clients, wrong numbers and garbage", () => {
  const old = encodeHandshakeResponse({
    kind: "response320",
    capabilities: Capability.CLIENT_LONG_PASSWORD,
    maxPacketSize: 0,
    username: "root",
    authResponse: hex("0102030405060708"),
  });
  const noPlugin = { capabilities: BASE & ~Capability.CLIENT_PLUGIN_AUTH };
  const cases: readonly (readonly [string, Uint8Array, [number, string, number]])[] = [
    ["3.23", encodePacket(old, 1), [1251, "08004", 2]],
    ["no plugins, no 4.1 scramble", response(noPlugin), [1045, "28000", 2]],
    ["wrong number", response({}, 0), [1156, "08S01", 1]],
    ["wrong number at the end", response({}, 255), [1156, "08S01", 0]],
    ["empty", encodePacket(hex(""), 1), [1043, "08S01", 2]],
    ["short", encodePacket(hex("010203"), 1), [1043, "08S01", 2]],
    ["cut in the user name's answer", response().with(0, 60).subarray(0, 64), [1043, "08S01", 2]],
    ["an HTTP request", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), [1153, "08S01", 1]],
  ];
  for (const [what, bytes, expected] of cases) {
    const [number, state, , sequenceId] = refusal(newLogin().receive(bytes));
    assertEquals([number, state, sequenceId], expected, what);
  }
});

/** The first byte of the last packet: an auth switch may come before a refusal. */
function lastHeader(packets: Uint8Array): number | undefined {
  let header: number | undefined;
  for (let at = 0; at + 4 < packets.length;) {
    header = packets[at + 4];
    at += 4 + (packets[at]! | packets[at + 1]! << 8 | packets[at + 2]! << 16);
  }
  return header;
}

Deno.test("ServerLogin.receive() answers whatever comes with a step, never with an error of its own", () => {
  const chunk = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.uint8Array({ maxLength: 80 }).map((payload) => encodePacket(payload, 1)),
    fc.uint8Array({ maxLength: 80 }).map((payload) => encodePacket(payload, 3)),
    fc.tuple(fc.nat(60), fc.nat(255)).map(([at, byte]) => response({ database: "d" }).with(at, byte)),
    fc.constant(response({ authPluginName: "dialog" })),
  );
  fc.assert(fc.property(fc.array(chunk, { maxLength: 4 }), (chunks) => {
    const login = newLogin({ tls: TLS, compression: ["zlib"] });
    for (const bytes of chunks) {
      const step = login.receive(bytes);
      assert(step.kind !== "refused" || lastHeader(step.write) === 0xff);
      if (step.kind !== "more") break;
    }
  }));
});

Deno.test("ServerLogin.changeUser() verifies the new user, with a switch if need be", () => {
  const login = newLogin({ compression: ["zlib"] });
  const capabilities = BASE | Capability.CLIENT_COMPRESS;
  const { client } = accepted(login.receive(response({ capabilities, ...CLIENT })));
  const change = (fields: Partial<Parameters<typeof encodeChangeUser>[0]>) => {
    const change = { username: "root", database: "", charset: 255, ...SHA2, ...CLIENT, ...fields };
    return { payload: encodeChangeUser(change, capabilities), sequenceId: 0, lastSequenceId: 0 };
  };
  const same = accepted(login.changeUser(change({ database: "shop" }), client));
  assertEquals([same.client, same.sequenceId], [{ ...client, database: "shop" }, 2]);
  const step = login.changeUser(change({ ...NATIVE, authResponse: hex("") }), client);
  assertKind(step, "more");
  const answer = { payload: NATIVE.authResponse, sequenceId: 2, lastSequenceId: 2 };
  const switched = accepted(login.take(answer));
  assertEquals([switched.client.plugin, switched.sequenceId], ["mysql_native_password", 3]);
  assertEquals(refusal(login.changeUser(change({ authResponse: hex("") }), client))[0], 1045);
  const cut = { payload: hex("11 726f6f74"), sequenceId: 0, lastSequenceId: 0 };
  assertEquals(refusal(newLogin().changeUser(cut, client)), [1835, "HY000", "Malformed communication packet", 1]);
  assertThrows(() => login.take(answer), TypeError);
});

Deno.test("newNonce() makes printable bytes, others each time", () => {
  const [a, b] = [newNonce(), newNonce()];
  assertEquals(a.length, 20);
  assert(a.every((byte) => byte >= 33 && byte < 127));
  assert(a.join() !== b.join());
});
