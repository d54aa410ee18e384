import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { generateKeyPairSync } from "node:crypto";
import { makePasswordKeys } from "../../lib/net/password_keys.ts";
import { decryptPassword, encryptPassword, ProtocolError } from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

/** One key of 1024 bits, made by openssl for these tests alone, in the four forms that it has. */
const PUBLIC_SPKI = `-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC5fKO+bJclKJKmNtbErcaanvaG
hi0E0gorzWyPzbAldkzOvkvDonqte8vEdzcCp6jxGVdmqJbqmO89T2Ngfe/QxAH2
u4j+iA62rRWkgYLj5W9JW14qrGLU2pRkCYoiDXIaxXiHl33tKAT4JLLV9DTMXfGf
fWO8pyWL2sTvvMr98QIDAQAB
-----END PUBLIC KEY-----
`;
const PUBLIC_PKCS1 = `-----BEGIN RSA PUBLIC KEY-----
MIGJAoGBALl8o75slyUokqY21sStxpqe9oaGLQTSCivNbI/NsCV2TM6+S8Oieq17
y8R3NwKnqPEZV2aoluqY7z1PY2B979DEAfa7iP6IDratFaSBguPlb0lbXiqsYtTa
lGQJiiINchrFeIeXfe0oBPgkstX0NMxd8Z99Y7ynJYvaxO+8yv3xAgMBAAE=
-----END RSA PUBLIC KEY-----
`;
const PRIVATE_PKCS1 = `-----BEGIN RSA PRIVATE KEY-----
MIICXAIBAAKBgQC5fKO+bJclKJKmNtbErcaanvaGhi0E0gorzWyPzbAldkzOvkvD
onqte8vEdzcCp6jxGVdmqJbqmO89T2Ngfe/QxAH2u4j+iA62rRWkgYLj5W9JW14q
rGLU2pRkCYoiDXIaxXiHl33tKAT4JLLV9DTMXfGffWO8pyWL2sTvvMr98QIDAQAB
AoGAFpAWyv8ik56P2DArh9kro3tauZpwt3llS1a9sfBvUN9HEI8NYErPaXL5onht
9KC4aDuQ6ifv07GuyGJz0DUBispb8v+mSRxcbuM5GvuFzoVX4kYr97G84Y+LZIof
T/xT9Rjt+ta34Z5azCmrNmodpJHTH7YjT8NgsUbTyRY7eFECQQDseL+tD28hGblV
oQWj9+zfhq+hM5ZXcPqMrJfYe1z/UnyQq6aHpYyxI4HhAm4WQ/OKyDhMcNRVpbwW
1BUwEd6TAkEAyM4FOyJRiG7IsDbk2an77nQb6Li2krXjqt9RN3wkHpEfJCGpzmCF
xXp+Npt3PP3c0uooFPpsyr20CSQbm9y/6wJBAJtIf7YJWJSH6+iLIMUX3Xi7XUGi
OquZCS6vd9c0y1DuvdXSojyZPdZk1rkHe3srjBYqfK3Vudm0R9tF0dQLJ/kCQGSK
sxfOsSAsyBNjCObrM5dLT4YQpmmC5QFzW0j6wWMEqqD+sfUBYzljgbp50RQaz+xT
DcqjMMG6hmBlUeWSfA0CQG6H89Z+ui5ThqcFVkZHWPfFgiybSG4OtGLLYpIdq0jJ
niGHxgLSqdv0gt2cU9HDpOmZNSQg3wXZa/WtoFAFG84=
-----END RSA PRIVATE KEY-----
`;
const PRIVATE_PKCS8 = `-----BEGIN PRIVATE KEY-----
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBALl8o75slyUokqY2
1sStxpqe9oaGLQTSCivNbI/NsCV2TM6+S8Oieq17y8R3NwKnqPEZV2aoluqY7z1P
Y2B979DEAfa7iP6IDratFaSBguPlb0lbXiqsYtTalGQJiiINchrFeIeXfe0oBPgk
stX0NMxd8Z99Y7ynJYvaxO+8yv3xAgMBAAECgYAWkBbK/yKTno/YMCuH2Suje1q5
mnC3eWVLVr2x8G9Q30cQjw1gSs9pcvmieG30oLhoO5DqJ+/Tsa7IYnPQNQGKylvy
/6ZJHFxu4zka+4XOhVfiRiv3sbzhj4tkih9P/FP1GO361rfhnlrMKas2ah2kkdMf
tiNPw2CxRtPJFjt4UQJBAOx4v60PbyEZuVWhBaP37N+Gr6Ezlldw+oysl9h7XP9S
fJCrpoeljLEjgeECbhZD84rIOExw1FWlvBbUFTAR3pMCQQDIzgU7IlGIbsiwNuTZ
qfvudBvouLaSteOq31E3fCQekR8kIanOYIXFen42m3c8/dzS6igU+mzKvbQJJBub
3L/rAkEAm0h/tglYlIfr6IsgxRfdeLtdQaI6q5kJLq931zTLUO691dKiPJk91mTW
uQd7eyuMFip8rdW52bRH20XR1Asn+QJAZIqzF86xICzIE2MI5uszl0tPhhCmaYLl
AXNbSPrBYwSqoP6x9QFjOWOBunnRFBrP7FMNyqMwwbqGYGVR5ZJ8DQJAbofz1n66
LlOGpwVWRkdY98WCLJtIbg60Ystikh2rSMmeIYfGAtKp2/SC3ZxT0cOk6Zk1JCDf
Bdlr9a2gUAUbzg==
-----END PRIVATE KEY-----
`;

const nonce = hex("0102030405060708090a0b0c0d0e0f1011121314");
const password = new TextEncoder().encode("a password longer than the nonce\0");

/** The password XOR the nonce, encrypted by `openssl pkeyutl -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha1`. */
const opensslCipher = hex(`
  5e7165ad804a38fb499ad712d9db0804c59b3e3988b57e90379a79a6292e34afd4d296054518533568b4d434acdae65a9faa
  ac27be78e124b22dc95412bd625239a67871dcf7dd512022d3b7437385533730e22b12e2ed582c9988a30daeec31d13981f2
  8bf02a0b5f97eab13d4c5090650ee6a94723ca342033df0438c19ed9`);

function der(pem: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(pem.replace(/-----.*?-----|\s/g, "")), (char) => char.charCodeAt(0));
}

for (const [name, pem] of Object.entries({ PRIVATE_PKCS1, PRIVATE_PKCS8 })) {
  Deno.test(`decryptPassword() takes off what openssl put on, with ${name}`, () => {
    assertEquals(decryptPassword(opensslCipher, nonce, pem), password);
    assertEquals(decryptPassword(opensslCipher, Uint8Array.of(...nonce, 0), pem), password);
  });
}

for (const [name, pem] of Object.entries({ PUBLIC_SPKI, PUBLIC_PKCS1 })) {
  Deno.test(`encryptPassword() makes what decryptPassword() takes off, with ${name}`, () => {
    const cipher = encryptPassword(password, nonce, pem);
    assertEquals(cipher.length, 128);
    assertEquals(decryptPassword(cipher, nonce, PRIVATE_PKCS8), password);
    assertEquals(
      decryptPassword(encryptPassword(Uint8Array.of(0), nonce, pem), nonce, PRIVATE_PKCS8),
      Uint8Array.of(0),
    );
  });
}

Deno.test("encryptPassword() makes RSA-OAEP with SHA-1 that WebCrypto decrypts", async () => {
  const algorithm = { name: "RSA-OAEP", hash: "SHA-1" };
  const key = await crypto.subtle.importKey("pkcs8", der(PRIVATE_PKCS8), algorithm, false, ["decrypt"]);
  const cipher = encryptPassword(password, Uint8Array.of(...nonce, 0), PUBLIC_SPKI);
  const obfuscated = new Uint8Array(await crypto.subtle.decrypt(algorithm, key, cipher.slice()));
  assertEquals(obfuscated.map((byte, i) => byte ^ nonce[i % 20]!), password);
});

Deno.test("decryptPassword() has nothing for another key, another nonce and other bytes", async () => {
  const other = await makePasswordKeys();
  assertEquals(decryptPassword(opensslCipher, nonce, other.privateKey), undefined);
  assertEquals(decryptPassword(opensslCipher, hex("ff"), PRIVATE_PKCS8), undefined);
  assertEquals(decryptPassword(opensslCipher.subarray(1), nonce, PRIVATE_PKCS8), undefined);
  assertEquals(decryptPassword(new Uint8Array(), nonce, PRIVATE_PKCS8), undefined);
  assertEquals(decryptPassword(new Uint8Array(128).fill(255), nonce, PRIVATE_PKCS8), undefined);
  const withoutNul = encryptPassword(hex("6162"), nonce, PUBLIC_SPKI);
  assertEquals(decryptPassword(withoutNul, nonce, PRIVATE_PKCS8), undefined);
});

Deno.test("encryptPassword() takes passwords up to the key's length less 42", () => {
  const longest = new Uint8Array(86);
  assertEquals(decryptPassword(encryptPassword(longest, nonce, PUBLIC_SPKI), nonce, PRIVATE_PKCS8), longest);
  const error = assertThrows(() => encryptPassword(new Uint8Array(87), nonce, PUBLIC_SPKI), ProtocolError);
  assertEquals(error.code, "out-of-range");
  assertStringIncludes(error.message, "use TLS");
});

Deno.test("encryptPassword() and decryptPassword() refuse what is no RSA key, and an empty nonce", () => {
  const ed25519 = generateKeyPairSync("ed25519", {
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const code = (run: () => unknown) => assertThrows(run, ProtocolError).code;
  for (
    const pem of ["", "nonsense", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", ed25519.publicKey]
  ) {
    assertEquals(code(() => encryptPassword(password, nonce, pem)), "malformed");
  }
  for (const pem of ["", "nonsense", PUBLIC_SPKI, ed25519.privateKey]) {
    assertEquals(code(() => decryptPassword(opensslCipher, nonce, pem)), "malformed");
  }
  assertEquals(code(() => encryptPassword(password, new Uint8Array(), PUBLIC_SPKI)), "out-of-range");
  assertEquals(code(() => decryptPassword(opensslCipher, new Uint8Array(), PRIVATE_PKCS8)), "out-of-range");
});
