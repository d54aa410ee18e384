/**
 * What a client computes of a password, for every authentication plugin, written down after the plugins' documentation and
 * checked by the servers themselves. It shares no code with the proxy.
 *
 * @module
 */

import { ed25519 } from "@noble/curves/ed25519";
import { Buffer } from "node:buffer";
import crypto from "node:crypto";
import { bytes } from "./raw_client.ts";

function digest(algorithm: string, ...parts: Uint8Array[]): Uint8Array {
  const hash = crypto.createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function xor(left: Uint8Array, right: Uint8Array): Uint8Array {
  return left.map((byte, index) => byte ^ (right[index % right.length] ?? 0));
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** mysql_native_password: SHA1(password) XOR SHA1(nonce, SHA1(SHA1(password))). */
export function nativeScramble(password: string, nonce: Uint8Array): Uint8Array {
  if (password === "") return new Uint8Array(0);
  const once = digest("sha1", utf8(password));
  return xor(once, digest("sha1", nonce, digest("sha1", once)));
}

/** caching_sha2_password, the fast way: SHA256(password) XOR SHA256(SHA256(SHA256(password)), nonce). */
export function sha2Scramble(password: string, nonce: Uint8Array): Uint8Array {
  if (password === "") return new Uint8Array(0);
  const once = digest("sha256", utf8(password));
  return xor(once, digest("sha256", digest("sha256", once), nonce));
}

/** A password for a server's RSA key (PEM), as caching_sha2_password and sha256_password want it without TLS. */
export function rsaPassword(password: string, nonce: Uint8Array, key: string): Uint8Array {
  const padding = crypto.constants.RSA_PKCS1_OAEP_PADDING;
  return crypto.publicEncrypt({ key, padding }, Buffer.from(xor(bytes(password, 0), nonce)));
}

function numberOf(data: Uint8Array): bigint {
  return data.reduceRight((value, byte) => value << 8n | BigInt(byte), 0n);
}

/** MariaDB's ed25519: a signature of the nonce, whose secret key is a password of any length instead of 32 bytes. */
export function ed25519Signature(password: string, nonce: Uint8Array): Uint8Array {
  const order = ed25519.Point.Fn.ORDER;
  const expanded = digest("sha512", utf8(password));
  const scalar = Uint8Array.from(expanded.subarray(0, 32));
  scalar[0] = (scalar[0] ?? 0) & 0xf8;
  scalar[31] = (scalar[31] ?? 0) & 0x3f | 0x40;
  const secret = numberOf(scalar);
  const point = (factor: bigint) => ed25519.Point.BASE.multiply(factor % order).toBytes();
  const random = numberOf(digest("sha512", expanded.subarray(32), nonce)) % order;
  const commitment = point(random);
  const challenge = numberOf(digest("sha512", commitment, point(secret), nonce));
  const response = (random + challenge * secret) % order;
  return bytes(
    commitment,
    Uint8Array.from({ length: 32 }, (_, index) => Number(response >> BigInt(8 * index) & 0xffn)),
  );
}

/**
 * MariaDB's PARSEC: a nonce of the client's own and an Ed25519 signature of both nonces, with a key derived from the
 * password.
 *
 * @param salt What the server sends after its nonce: `P`, the binary logarithm of the rounds / 1024, and the salt.
 */
export function parsecSignature(password: string, nonce: Uint8Array, salt: Uint8Array): Uint8Array {
  if (salt[0] !== 0x50) throw new Error(`The server wants another way to derive a key: ${salt[0]}`);
  const seed = crypto.pbkdf2Sync(password, salt.subarray(2), 1024 << (salt[1] ?? 0), 32, "sha512");
  const own = crypto.getRandomValues(new Uint8Array(32));
  return bytes(own, ed25519.sign(bytes(nonce, own), seed));
}
