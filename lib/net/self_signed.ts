/**
 * Makes the certificate that the program shows when it was given none.
 *
 * It signs itself and is no CA, so that one file is both what the server shows and what a client names to trust it.
 * There is no KeyUsage extension: without `keyCertSign` in it, OpenSSL before 3.0 does not take a certificate for
 * self-signed and then misses its issuer, and with it a certificate that is no CA breaks RFC 5280, section 4.2.1.3.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** A certificate and its private key, each as PEM. */
export interface SelfSigned {
  readonly cert: string;
  /** PKCS #8. */
  readonly key: string;
}

/** The common name of subject and issuer; MySQL calls its own ones like this. */
export const COMMON_NAME = "MySQL_Proxy_Auto_Generated_Server_Certificate";

const YEARS = 10;
const DAY = 24 * 60 * 60 * 1000;
/** ecdsa-with-SHA256, RFC 5758, section 3.2. */
const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
/** id-at-commonName, RFC 5280, appendix A.1. */
const ID_COMMON_NAME = "2.5.4.3";
const VERSION_3 = 2;

/** Makes an ECDSA P-256 key and a certificate for it, valid for ten years from the day before `now`. */
export async function makeSelfSigned(now: Date = new Date()): Promise<SelfSigned> {
  // Only the main thread of a program that has no certificate yet pays for these.
  const { AsnConvert, OctetString } = await import("@peculiar/asn1-schema");
  const x509 = await import("@peculiar/asn1-x509");
  const { publicKey, privateKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });

  const name = new x509.Name([
    new x509.RelativeDistinguishedName([
      new x509.AttributeTypeAndValue({
        type: ID_COMMON_NAME,
        value: new x509.AttributeValue({ utf8String: COMMON_NAME }),
      }),
    ]),
  ]);
  const extension = (extnID: string, critical: boolean, value: object) => {
    return new x509.Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
  };
  const names = [...hostNames().map((dNSName) => ({ dNSName })), { iPAddress: "127.0.0.1" }, { iPAddress: "::1" }];
  const notBefore = new Date(now.getTime() - DAY);
  const notAfter = new Date(notBefore);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + YEARS);
  const signatureAlgorithm = new x509.AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 });
  const subjectPublicKeyInfo = AsnConvert.parse(new Uint8Array(publicKey), x509.SubjectPublicKeyInfo);
  const keyIdentifier = createHash("sha1").update(new Uint8Array(subjectPublicKeyInfo.subjectPublicKey)).digest();

  const tbsCertificate = new x509.TBSCertificate({
    version: VERSION_3,
    serialNumber: serialNumber(),
    signature: signatureAlgorithm,
    issuer: name,
    validity: new x509.Validity({ notBefore, notAfter }),
    subject: name,
    subjectPublicKeyInfo,
    extensions: new x509.Extensions([
      extension(x509.id_ce_basicConstraints, true, new x509.BasicConstraints({ cA: false })),
      extension(x509.id_ce_extKeyUsage, false, new x509.ExtendedKeyUsage([x509.id_kp_serverAuth])),
      extension(
        x509.id_ce_subjectAltName,
        false,
        new x509.SubjectAlternativeName(names.map((one) => new x509.GeneralName(one))),
      ),
      extension(
        x509.id_ce_subjectKeyIdentifier,
        false,
        new x509.SubjectKeyIdentifier(new Uint8Array(keyIdentifier).buffer),
      ),
    ]),
  });
  const signature = sign("sha256", new Uint8Array(AsnConvert.serialize(tbsCertificate)), privateKey);
  const certificate = new x509.Certificate({
    tbsCertificate,
    signatureAlgorithm,
    signatureValue: new Uint8Array(signature).buffer,
  });
  return { cert: toPem("CERTIFICATE", AsnConvert.serialize(certificate)), key: privateKey };
}

/** The names of this machine, as far as they can be had without asking for a permission. */
function hostNames(): string[] {
  const allowed = Deno.permissions.querySync({ name: "sys", kind: "hostname" }).state === "granted";
  const names = ["localhost", ...(allowed ? [Deno.hostname()] : [])];
  // What is no host name by RFC 1123 would make the whole certificate unreadable to some clients.
  return [...new Set(names)].filter((name) => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(name));
}

/** A random positive integer of 16 bytes; RFC 5280, section 4.1.2.2 allows 20. */
function serialNumber(): ArrayBuffer {
  const bytes = new Uint8Array(randomBytes(16));
  // Neither negative nor with a leading zero, which DER would not allow.
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.buffer;
}

function toPem(label: string, der: ArrayBuffer): string {
  const lines = Buffer.from(der).toString("base64").replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
