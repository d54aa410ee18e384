import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  CACHING_SHA2_PASSWORD,
  CachingSha2,
  cachingSha2Hash,
  encodeAuthMoreData,
  encodeAuthNextFactor,
  encodeAuthSwitchRequest,
  nativePasswordHash,
  nonceOf,
  obfuscatePassword,
  parseAuthMoreData,
  parseAuthNextFactor,
  parseAuthSwitchRequest,
  ProtocolError,
  scrambleCachingSha2,
  scrambleNativePassword,
  verifyCachingSha2,
  verifyNativePassword,
} from "../../lib/protocol/mod.ts";
import { assertKind, hex } from "./hex.ts";

Deno.test("parseAuthSwitchRequest() reads what MySQL 9.7.4 answers to COM_CHANGE_USER", () => {
  const payload = hex(
    "fe 63616368696e675f736861325f70617373776f726400 74055f13331c102a362735132f1f667d174b3954 00",
  );
  const request = parseAuthSwitchRequest(payload);
  assertKind(request, "plugin");
  assertEquals(request.pluginName, CACHING_SHA2_PASSWORD);
  assertEquals(nonceOf(request.data), hex("74055f13331c102a362735132f1f667d174b3954"));
  assertEquals(encodeAuthSwitchRequest(request), payload);
});

Deno.test("parseAuthSwitchRequest() reads the form of one byte", () => {
  assertEquals(parseAuthSwitchRequest(hex("fe")), { kind: "old-password" });
  assertEquals(encodeAuthSwitchRequest({ kind: "old-password" }), hex("fe"));
});

Deno.test("parseAuthSwitchRequest() refuses other packets", () => {
  assertEquals(assertThrows(() => parseAuthSwitchRequest(hex("00")), ProtocolError).code, "malformed");
});

Deno.test("parseAuthMoreData() reads caching_sha2_password's answers", () => {
  // MySQL 9.7.4: the second login (cached), and the first (not cached).
  assertEquals(parseAuthMoreData(hex("0103")), Uint8Array.of(CachingSha2.FAST_AUTH_SUCCESS));
  assertEquals(parseAuthMoreData(hex("0104")), Uint8Array.of(CachingSha2.PERFORM_FULL_AUTHENTICATION));
  assertEquals(encodeAuthMoreData(hex("03")), hex("0103"));
});

Deno.test("parseAuthNextFactor() reads the plugin and its data, which may be missing", () => {
  // Made by the layout in the protocol documentation.
  const cases: [string, string, string][] = [
    ["02 6d7973716c5f636c6561725f70617373776f726400", "mysql_clear_password", ""],
    ["02 6d7973716c5f636c6561725f70617373776f726400 00ff00", "mysql_clear_password", "00ff00"],
    ["02 00", "", ""],
  ];
  for (const [literal, pluginName, data] of cases) {
    const factor = { pluginName, data: hex(data) };
    assertEquals(parseAuthNextFactor(hex(literal)), factor);
    assertEquals(encodeAuthNextFactor(factor), hex(literal));
  }
  assertEquals(assertThrows(() => parseAuthNextFactor(hex("01 6100")), ProtocolError).code, "malformed");
});

Deno.test("parseAuthNextFactor() and encodeAuthNextFactor() round trip", () => {
  const factor = { pluginName: "authentication_webauthn_client", data: hex("010203") };
  assertEquals(parseAuthNextFactor(encodeAuthNextFactor(factor)), factor);
});

Deno.test("scrambleCachingSha2() answers as the mysql 9.7.4 client does", () => {
  // The nonces of the handshakes and the answers in the responses of two logins with the password "secret".
  const logins: [string, string][] = [
    [
      "3c787c36301f4f29 526e282005424c20676c410c",
      "51c564885c8c3d2cc91aff3906bf20bfbe1f34998a135c4c039b9101c117bd30",
    ],
    [
      "7167266d7c52013f 297262217657330c35177550",
      "37eca47b1642511245ef27046818764da1efb1bf3109f79b27e8eaa9feb57238",
    ],
  ];
  for (const [nonce, answer] of logins) assertEquals(scrambleCachingSha2("secret", hex(nonce)), hex(answer));
});

Deno.test("scrambleNativePassword() answers as the mariadb 10.11.19 client does", () => {
  const nonce = hex("43357e3d546f5433 43382e7c4830594f617a6155");
  assertEquals(scrambleNativePassword("secret", nonce), hex("94e6853b97721d127e1f188b941c6b4a2b548799"));
});

Deno.test("scrambles of the empty password are empty", () => {
  const nonce = new Uint8Array(20).fill(1);
  assertEquals(scrambleNativePassword("", nonce), new Uint8Array());
  assertEquals(scrambleCachingSha2("", nonce), new Uint8Array());
  assert(verifyNativePassword(new Uint8Array(), nonce, nativePasswordHash("")));
  assert(verifyCachingSha2(new Uint8Array(), nonce, cachingSha2Hash("")));
  assert(!verifyNativePassword(new Uint8Array(), nonce, nativePasswordHash("x")));
  assert(!verifyCachingSha2(new Uint8Array(), nonce, cachingSha2Hash("x")));
});

Deno.test("verify functions accept the right password and no other", () => {
  const nonces = fc.uint8Array({ minLength: 20, maxLength: 20 });
  fc.assert(fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), nonces, (right, other, nonce) => {
    const same = right === other;
    const native = scrambleNativePassword(right, nonce);
    assert(verifyNativePassword(native, nonce, nativePasswordHash(right)));
    assertEquals(verifyNativePassword(native, nonce, nativePasswordHash(other)), same);
    const sha2 = scrambleCachingSha2(right, nonce);
    assert(verifyCachingSha2(sha2, nonce, cachingSha2Hash(right)));
    assertEquals(verifyCachingSha2(sha2, nonce, cachingSha2Hash(other)), same);
    assert(!verifyCachingSha2(native, nonce, cachingSha2Hash(right)));
  }));
});

Deno.test("obfuscatePassword() takes itself off", () => {
  const nonce = hex("0102030405060708090a0b0c0d0e0f1011121314");
  const obfuscated = obfuscatePassword("a password longer than the nonce", nonce);
  const plain = obfuscated.map((byte, i) => byte ^ nonce[i % 20]!);
  assertEquals(new TextDecoder().decode(plain), "a password longer than the nonce\0");
});
