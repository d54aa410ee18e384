import { assert, assertEquals, assertFalse, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { NetError } from "../../lib/net/net_error.ts";
import {
  parseCertificates,
  parseKeyPair,
  parsePrivateKey,
  privateKeyToPem,
  publicKeyToPem,
  readPemFile,
} from "../../lib/net/pem.ts";
import { makeSelfSigned } from "../../lib/net/self_signed.ts";
import { run } from "../servers/run_program.ts";

const PATHS = { cert: "/c.pem", key: "/k.pem" };
const own = await makeSelfSigned(new Date("2026-05-06T07:08:09Z"));
const other = await makeSelfSigned();

Deno.test("parseKeyPair() takes a chain with text around it, and leaves the text out", () => {
  const texts = { cert: `# mine\n${own.cert}\n# theirs\n${other.cert}# end`, key: `# key\n${own.key}` };
  const pair = parseKeyPair(texts, PATHS);
  assertEquals(pair.cert.match(/BEGIN CERTIFICATE/g)?.length, 2);
  assertFalse(pair.cert.includes("#"));
  assertFalse(pair.key.includes("#"));
  assertEquals(pair.fingerprint, new X509Certificate(own.cert).fingerprint256);
  assertEquals(pair.validFrom.toISOString(), "2026-05-05T07:08:09.000Z");
  assertEquals(pair.validTo.toISOString(), "2036-05-05T07:08:09.000Z");
  assertEquals(parseKeyPair(pair, PATHS), pair);
});

Deno.test("parseKeyPair() keeps a key that stands beside the certificate out of it", () => {
  assertFalse(parseKeyPair({ cert: own.key + own.cert, key: own.key }, PATHS).cert.includes("PRIVATE"));
});

const damaged = own.cert.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA");
const BAD_PAIRS: readonly [string, { cert: string; key: string }, string][] = [
  ["no certificate", { cert: own.key, key: own.key }, 'There is no certificate in "/c.pem"'],
  ["an empty certificate", { cert: "", key: own.key }, 'There is no certificate in "/c.pem"'],
  ["a damaged certificate", { cert: damaged, key: own.key }, 'A certificate in "/c.pem" is damaged'],
  ["no key", { cert: own.cert, key: own.cert }, 'There is no private key in "/k.pem"'],
  ["the key of another", { cert: own.cert, key: other.key }, 'The private key in "/k.pem" does not belong to'],
  [
    "a chain in the wrong order",
    { cert: other.cert + own.cert, key: own.key },
    "with the server's own certificate before",
  ],
];

for (const [what, texts, message] of BAD_PAIRS) {
  Deno.test(`parseKeyPair() refuses ${what}`, () => {
    const error = assertThrows(() => parseKeyPair(texts, PATHS), NetError);
    assertEquals(error.code, "bad-certificate");
    assert(error.message.includes(message), error.message);
  });
}

const openssl = await run(["openssl", "version"]).then(({ code }) => code === 0, () => false);

Deno.test({
  name: `parsePrivateKey() reads the formats of openssl${openssl ? "" : " [skipped: there is no openssl]"}`,
  ignore: !openssl,
  async fn() {
    const make = async (...args: string[]) => (await run(["openssl", ...args])).stdout;
    const rsa = await make("genrsa", "-traditional", "2048");
    assertMatch(rsa, /BEGIN RSA PRIVATE KEY/);
    const ec = await make("ecparam", "-genkey", "-name", "prime256v1");
    assertMatch(ec, /BEGIN EC PARAMETERS[\s\S]*BEGIN EC PRIVATE KEY/);
    const ed25519 = await make("genpkey", "-algorithm", "ed25519");
    assertMatch(ed25519, /BEGIN PRIVATE KEY/);
    for (const text of [rsa, ec, ed25519]) {
      const key = parsePrivateKey(text, "/k.pem");
      const { stdout } = await run(["openssl", "pkey", "-pubout"], { stdin: text });
      assertEquals(publicKeyToPem(key), stdout);
      assertEquals(publicKeyToPem(parsePrivateKey(privateKeyToPem(key), "/k.pem")), stdout);
    }
  },
});

const SECRET = "bm90IHJlYWxseSBhIGtleQ==";
const BAD_KEYS: readonly [string, string, string][] = [
  ["PRIVATE KEY", SECRET, 'The private key in "/k.pem" is damaged, or of a kind that is not supported'],
  ["ENCRYPTED PRIVATE KEY", SECRET, 'is encrypted: take its password away with "openssl pkey -in /k.pem -out FILE"'],
  ["RSA PRIVATE KEY", `Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n${SECRET}`, "is encrypted"],
];

for (const [label, body, message] of BAD_KEYS) {
  Deno.test(`parsePrivateKey() refuses ${label} ${body.split("\n")[0]} without telling it`, () => {
    const text = `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
    const error = assertThrows(() => parsePrivateKey(text, "/k.pem"), NetError);
    assert(error.message.includes(message), error.message);
    assertFalse(Deno.inspect(error).includes(SECRET));
  });
}

Deno.test("parseCertificates() reads all of them", () => {
  const { pem, first } = parseCertificates(`${own.cert}\n${own.key}\n${other.cert}`, "/ca.pem");
  assertEquals(pem, own.cert + other.cert);
  assertEquals(first.serialNumber, new X509Certificate(own.cert).serialNumber);
});

Deno.test("readPemFile() says what is missing, and where", async () => {
  const error = await assertRejects(() => readPemFile("/no/such.pem", "the certificate"), NetError);
  assertEquals(error.message, 'Cannot read the certificate in "/no/such.pem": there is no such file');
});
