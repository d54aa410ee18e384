import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { generateKeyPairSync } from "node:crypto";
import { ClientLogin, type ClientLoginOptions, type ClientLoginStep } from "../../lib/core/client_login.ts";
import { newCredentials } from "../../lib/core/server_credentials.ts";
import { ServerLogin } from "../../lib/core/server_login.ts";
import type { ServerLoginOptions } from "../../lib/core/server_offer.ts";
import {
  Capability,
  decryptPassword,
  encodeAuthMoreData,
  encodeAuthSwitchRequest,
  encodeError,
  encodeHandshake,
  encodeOk,
  encodePacket,
  encodeText,
  parseHandshakeResponse,
  scrambleCachingSha2,
  scrambleNativePassword,
} from "../../lib/protocol/mod.ts";
import { assertKind } from "../protocol/hex.ts";

const NONCE = encodeText("0123456789abcdefghij");
const OTHER_NONCE = encodeText("ABCDEFGHIJ0123456789");
const PASSWORD = "s3cret-ü";

/** What MySQL 9 offers, as far as it matters here. */
const OFFERED = Capability.CLIENT_LONG_PASSWORD | Capability.CLIENT_PROTOCOL_41 |
  Capability.CLIENT_SECURE_CONNECTION | Capability.CLIENT_PLUGIN_AUTH | Capability.CLIENT_CONNECT_WITH_DB |
  Capability.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA | Capability.CLIENT_CONNECT_ATTRS | Capability.CLIENT_SSL |
  Capability.CLIENT_MULTI_STATEMENTS | Capability.CLIENT_LOCAL_FILES | Capability.CLIENT_DEPRECATE_EOF;

function newLogin(options: Partial<ClientLoginOptions> = {}): ClientLogin {
  return new ClientLogin({ user: "root", password: PASSWORD, tls: "disabled", socket: false, ...options });
}

function greeting(authPluginName: string, capabilities = OFFERED): Uint8Array {
  return encodePacket(
    encodeHandshake({
      serverVersion: "9.0.0",
      connectionId: 77,
      authData: NONCE,
      capabilities,
      charset: 255,
      status: 2,
      authPluginName,
    }),
    0,
  );
}

function written(step: ClientLoginStep): Uint8Array {
  assertKind(step, "more");
  return step.write;
}

/** Payload and number of the one packet that was written. */
function packet(step: ClientLoginStep): [Uint8Array, number] {
  const write = written(step);
  assertEquals(write.length, 4 + (write[0] ?? 0) + (write[1] ?? 0) * 256);
  return [write.subarray(4), write[3] ?? -1];
}

function reason(step: ClientLoginStep): string {
  assertKind(step, "failed");
  return step.reason;
}

/** How the two sides of this program get on; the client gets its bytes in pieces of `size`. */
function meet(
  client: Partial<ClientLoginOptions>,
  server: Partial<ServerLoginOptions> = {},
  size = Infinity,
): { readonly end: ClientLoginStep; readonly secured: boolean; readonly server: ReturnType<ServerLogin["receive"]> } {
  const known = newCredentials(PASSWORD);
  const empty = newCredentials("");
  const serverLogin = new ServerLogin({
    serverVersion: "9.0.0-test",
    connectionId: 7,
    capabilities: OFFERED & ~Capability.CLIENT_SSL,
    charset: 255,
    status: 2,
    credentials: (user) => user === "root" ? known : user === "empty" ? empty : undefined,
    tls: undefined,
    compression: [],
    nonce: NONCE,
    ...server,
  });
  const login = newLogin(client);
  let secured = false;
  let bytes = serverLogin.greeting();
  for (;;) {
    let answer: Uint8Array = new Uint8Array(0);
    for (let at = 0; at < bytes.length; at += size) {
      const step = login.receive(bytes.subarray(at, at + Math.min(size, bytes.length)));
      if (step.kind !== "more" && step.kind !== "secure") {
        return { end: step, secured, server: { kind: "more", write: answer, rest: answer } };
      }
      answer = step.write;
      if (step.kind === "secure") {
        assertEquals(serverLogin.receive(answer).kind, "secure");
        secured = true;
        answer = written(login.secured());
      }
    }
    const step = serverLogin.receive(answer);
    if (step.kind === "accepted") {
      const ok = encodePacket(encodeOk({ status: 2 }, OFFERED), step.sequenceId);
      return { end: login.receive(Uint8Array.of(...step.write, ...ok)), secured, server: step };
    }
    bytes = step.write;
  }
}

Deno.test("ClientLogin logs in to this program's own servers, in TLS and without", () => {
  const tls = { required: true, fingerprint: new Uint8Array(32) };
  for (const defaultPlugin of ["caching_sha2_password", "mysql_native_password"] as const) {
    for (const size of [Infinity, 1]) {
      const plain = meet({ database: "shop", attributes: new Map([["program_name", "x"]]) }, { defaultPlugin }, size);
      assertKind(plain.end, "in");
      assertEquals(plain.end.session.connectionId, 7);
      assertEquals(plain.end.session.serverVersion, "9.0.0-test");
      assertKind(plain.server, "accepted");
      assertEquals(plain.server.client.database, "shop");
      assertEquals(plain.server.client.attributes.get("program_name"), "x");
      assertEquals(plain.server.client.plugin, defaultPlugin);

      const encrypted = meet({ tls: "preferred" }, { defaultPlugin, tls }, size);
      assertEquals([encrypted.end.kind, encrypted.secured], ["in", true]);
    }
    assertEquals(meet({ user: "empty", password: "" }, { defaultPlugin }).end.kind, "in");
    const { end } = meet({ password: "wrong" }, { defaultPlugin });
    assertKind(end, "refused");
    assertEquals(end.err.errorNumber, 1045);
  }
});

Deno.test("ClientLogin asks for neither multi-statements nor local files", () => {
  const [payload, sequenceId] = packet(newLogin().receive(greeting("caching_sha2_password")));
  const response = parseHandshakeResponse(payload);
  assertKind(response, "response41");
  assertEquals(sequenceId, 1);
  assertEquals(response.capabilities & (Capability.CLIENT_MULTI_STATEMENTS | Capability.CLIENT_LOCAL_FILES), 0n);
  assertEquals(response.authResponse, scrambleCachingSha2(PASSWORD, NONCE));
  assertEquals(response.database, undefined);
});

Deno.test("ClientLogin follows the backend's terms for TLS", () => {
  const secure = (tls: ClientLoginOptions["tls"], socket: boolean) =>
    newLogin({ tls, socket }).receive(greeting("caching_sha2_password")).kind === "secure";
  assertEquals(secure("disabled", false), false);
  for (const tls of ["preferred", "as-client"] as const) {
    assert(secure(tls, false));
    assertEquals(secure(tls, true), false);
  }
  assert(secure("required", false));
  assert(secure("required", true));
  const without = newLogin({ tls: "required" }).receive(greeting("x", OFFERED & ~Capability.CLIENT_SSL));
  assertStringIncludes(reason(without), "offers no TLS");
});

Deno.test("ClientLogin gives what comes with the greeting to TLS, and trusts nothing of it", () => {
  const login = newLogin({ tls: "required" });
  const step = login.receive(Uint8Array.of(...greeting("caching_sha2_password"), 1, 2, 3));
  assertKind(step, "secure");
  assertEquals(step.rest, Uint8Array.of(1, 2, 3));
  const again = newLogin({ tls: "required" });
  again.receive(greeting("caching_sha2_password"));
  const second = greeting("caching_sha2_password");
  second[3] = 2;
  assertStringIncludes(reason(again.receive(second)), "second greeting");
});

const { publicKey, privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

Deno.test("ClientLogin proves a password that is new to the server, encrypted where somebody could listen", () => {
  const fullAuthentication = encodePacket(encodeAuthMoreData(Uint8Array.of(4)), 2);
  const login = newLogin();
  login.receive(greeting("caching_sha2_password"));
  assertEquals(packet(login.receive(fullAuthentication)), [Uint8Array.of(2), 3]);
  const [cipher, sequenceId] = packet(login.receive(encodePacket(encodeAuthMoreData(encodeText(publicKey)), 4)));
  assertEquals(sequenceId, 5);
  assertEquals(decryptPassword(cipher, NONCE, privateKey), encodeText(`${PASSWORD}\0`));
  assertEquals(login.receive(encodePacket(encodeOk({}, OFFERED), 6)).kind, "in");

  const local = newLogin({ socket: true });
  local.receive(greeting("caching_sha2_password"));
  assertEquals(packet(local.receive(fullAuthentication)), [encodeText(`${PASSWORD}\0`), 3]);

  const encrypted = newLogin({ tls: "required" });
  encrypted.receive(greeting("caching_sha2_password"));
  assertEquals(written(encrypted.secured())[3], 2);
  const request = fullAuthentication.slice();
  request[3] = 3;
  assertEquals(packet(encrypted.receive(request)), [encodeText(`${PASSWORD}\0`), 4]);
});

Deno.test("ClientLogin follows a switch to another plugin, with the nonce that comes with it", () => {
  const request = (pluginName: string) =>
    encodePacket(
      encodeAuthSwitchRequest({ kind: "plugin", pluginName, data: Uint8Array.of(...OTHER_NONCE, 0) }),
      2,
    );
  const login = newLogin();
  login.receive(greeting("caching_sha2_password"));
  assertEquals(packet(login.receive(request("mysql_native_password"))), [
    scrambleNativePassword(PASSWORD, OTHER_NONCE),
    3,
  ]);

  const sha256 = newLogin({ socket: true });
  sha256.receive(greeting("caching_sha2_password"));
  assertEquals(packet(sha256.receive(request("sha256_password"))), [Uint8Array.of(1), 3]);
  const [cipher] = packet(sha256.receive(encodePacket(encodeAuthMoreData(encodeText(publicKey)), 4)));
  assertEquals(decryptPassword(cipher, OTHER_NONCE, privateKey), encodeText(`${PASSWORD}\0`));

  const empty = newLogin({ password: "" });
  empty.receive(greeting("caching_sha2_password"));
  assertEquals(packet(empty.receive(request("sha256_password"))), [Uint8Array.of(0), 3]);

  const unknown = newLogin();
  unknown.receive(greeting("client_ed25519"));
  assertStringIncludes(reason(unknown.receive(request("client_ed25519"))), `logs in by "client_ed25519"`);

  const clear = newLogin({ tls: "required" });
  clear.receive(greeting("caching_sha2_password"));
  clear.secured();
  const late = request("mysql_clear_password");
  late[3] = 3;
  assertStringIncludes(reason(clear.receive(late)), `logs in by "mysql_clear_password"`);
});

Deno.test("ClientLogin begins with a plugin of its own where the greeting names a foreign one", () => {
  const [payload] = packet(newLogin().receive(greeting("authentication_ldap_sasl_client")));
  const response = parseHandshakeResponse(payload);
  assertKind(response, "response41");
  assertEquals(response.authPluginName, "caching_sha2_password");
});

Deno.test("ClientLogin fails with a reason on what is no login", () => {
  const greeted = () => {
    const login = newLogin();
    login.receive(greeting("caching_sha2_password"));
    return login;
  };
  const err = newLogin().receive(encodePacket(encodeError(1040, "Too many connections"), 0));
  assertKind(err, "refused");
  assertEquals(err.err, { errorNumber: 1040, sqlState: "08004", message: "Too many connections" });
  assertStringIncludes(reason(newLogin().receive(encodePacket(encodeText("HTTP/1.1"), 0))), "handshake");
  assertStringIncludes(reason(newLogin().receive(encodeText("HTTP/1.1 400 Bad Request"))), "exceeds");
  assertStringIncludes(reason(greeted().receive(encodePacket(encodeOk({}, OFFERED), 9))), "number 9");
  assertStringIncludes(reason(greeted().receive(encodePacket(Uint8Array.of(0xfe), 2))), "before MySQL 4.1");
  assertStringIncludes(reason(greeted().receive(encodePacket(Uint8Array.of(1, 9), 2))), "must not");
  assertStringIncludes(reason(greeted().receive(encodePacket(Uint8Array.of(5), 2))), "Expected a packet of a login");
  const old = greeting("", Capability.CLIENT_LONG_PASSWORD);
  assertStringIncludes(reason(newLogin().receive(old)), "older than");

  const asking = greeted();
  asking.receive(encodePacket(encodeAuthMoreData(Uint8Array.of(4)), 2));
  const noKey = asking.receive(encodePacket(encodeAuthMoreData(encodeText("no key")), 4));
  assertStringIncludes(reason(noKey), "it cannot be read");
});

Deno.test("ClientLogin never throws, whatever a server says", () => {
  const packets = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 4 });
  const begins = fc.constantFrom(0x00, 0x01, 0x02, 0xfe, 0xff);
  fc.assert(fc.property(packets, begins, fc.boolean(), (payloads, begin, greeted) => {
    const login = newLogin();
    if (greeted) login.receive(greeting("sha256_password"));
    for (const [i, payload] of payloads.entries()) {
      payload[0] = begin;
      login.receive(encodePacket(payload, greeted ? 2 + 2 * i : i));
    }
  }));
});
