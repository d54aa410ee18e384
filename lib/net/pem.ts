/**
 * Certificates and private keys in PEM files: read, checked, and cut down to what a TLS library has to see.
 *
 * No key is ever part of an error.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Log } from "../plugin/mod.ts";
import { NetError } from "./net_error.ts";

/** A certificate with its private key. */
export interface KeyPair {
  /** PEM: the certificate itself, then those between it and its CA, if there are any. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
  /** SHA-256 of the certificate itself, as `AB:CD:…`. */
  readonly fingerprint: string;
  readonly validFrom: Date;
  readonly validTo: Date;
}

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----[\s\S]*?-----END \1-----/;
/** The permission bit by which everybody may read. */
const OTHERS_READ = 0o004;

function bad(message: string, cause?: unknown): NetError {
  return new NetError("bad-certificate", message, { cause });
}

/**
 * Reads the file at `path`.
 *
 * @param what what should be in it, e.g. `the certificate`.
 * @throws {NetError} `bad-certificate` if it cannot be read.
 */
export async function readPemFile(path: string, what: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw bad(`Cannot read ${what} in "${path}": ${whyUnreadable(cause)}`, cause);
  }
}

/** Certificates as they stand in a file, without what stands around them, such as a private key. */
export interface Certificates {
  readonly pem: string;
  readonly first: X509Certificate;
}

/**
 * The certificates in the text of a file.
 *
 * @param path names the file in errors.
 * @throws {NetError} `bad-certificate` if there is none, or one is damaged.
 */
export function parseCertificates(text: string, path: string): Certificates {
  const blocks = text.match(CERTIFICATES) ?? [];
  const [first] = blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw bad(`A certificate in "${path}" is damaged`, cause);
    }
  });
  if (first === undefined) {
    throw bad(`There is no certificate in "${path}": expected PEM, with a line "-----BEGIN CERTIFICATE-----"`);
  }
  return { pem: blocks.map((block) => `${block}\n`).join(""), first };
}

/**
 * The private key in the text of a file: PKCS #8, PKCS #1 or SEC 1.
 *
 * @param path names the file in errors.
 * @throws {NetError} `bad-certificate` if there is none, or it is damaged or encrypted.
 */
export function parsePrivateKey(text: string, path: string): KeyObject {
  const [block, label] = PRIVATE_KEY.exec(text) ?? [];
  if (block === undefined) {
    throw bad(`There is no private key in "${path}": expected PEM, with a line "-----BEGIN PRIVATE KEY-----"`);
  }
  if (label === "ENCRYPTED PRIVATE KEY" || block.includes("Proc-Type: 4,ENCRYPTED")) {
    throw bad(
      `The private key in "${path}" is encrypted: take its password away with "openssl pkey -in ${path} -out FILE"`,
    );
  }
  try {
    return createPrivateKey(block);
  } catch (cause) {
    throw bad(`The private key in "${path}" is damaged, or of a kind that is not supported`, cause);
  }
}

/** Warns when everybody on the machine may read the private key at `path`. */
export async function checkKeyMode(path: string, log: Log): Promise<void> {
  // Whether it can be read at all is the reader's matter.
  const mode = await Deno.stat(path).then((info) => info.mode, () => null);
  if (mode !== null && (mode & OTHERS_READ) !== 0) {
    log.write("warning", `Everybody may read the private key in "${path}": run "chmod 600 ${path}"`);
  }
}

/** A private key as PEM, PKCS #8. */
export function privateKeyToPem(key: KeyObject): string {
  return String(key.export({ type: "pkcs8", format: "pem" }));
}

/** The public half of a private key as PEM, SubjectPublicKeyInfo. */
export function publicKeyToPem(key: KeyObject): string {
  return String(createPublicKey(key).export({ type: "spki", format: "pem" }));
}

/**
 * A certificate and the key that belongs to it, from the texts of two files.
 *
 * @param paths name the files in errors.
 * @throws {NetError} `bad-certificate` if one of them is missing or damaged, or they do not fit.
 */
export function parseKeyPair(
  texts: { readonly cert: string; readonly key: string },
  paths: { readonly cert: string; readonly key: string },
): KeyPair {
  const { pem, first: own } = parseCertificates(texts.cert, paths.cert);
  const key = parsePrivateKey(texts.key, paths.key);
  if (!belongsTo(key, own)) {
    throw bad(
      `The private key in "${paths.key}" does not belong to the first certificate in "${paths.cert}": ` +
        "give the files of one pair, with the server's own certificate before those of its CA",
    );
  }
  return {
    cert: pem,
    key: privateKeyToPem(key),
    fingerprint: own.fingerprint256,
    validFrom: new Date(own.validFrom),
    validTo: new Date(own.validTo),
  };
}

function belongsTo(key: KeyObject, certificate: X509Certificate): boolean {
  let certified: string;
  try {
    certified = String(certificate.publicKey.export({ type: "spki", format: "pem" }));
  } catch {
    // Deno 2.4 cannot tell the key of an Ed25519 certificate, nor has it checkPrivateKey(); TLS will notice.
    return true;
  }
  return certified === publicKeyToPem(key);
}

function whyUnreadable(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return error instanceof Error ? error.message : String(error);
}
