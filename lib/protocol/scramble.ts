/**
 * Password scrambles of mysql_native_password and caching_sha2_password, and how a server checks them.
 *
 * Sources: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods_native_password_authentication.html
 * and https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { ProtocolError } from "./error.ts";
import { encodeText } from "./text.ts";

/** Plugin names. */
export const NATIVE_PASSWORD = "mysql_native_password";
export const CACHING_SHA2_PASSWORD = "caching_sha2_password";
export const SHA256_PASSWORD = "sha256_password";
export const CLEAR_PASSWORD = "mysql_clear_password";

/** The length of a nonce. */
export const NONCE_LENGTH = 20;

function hash(algorithm: "sha1" | "sha256", ...parts: readonly Uint8Array[]): Uint8Array {
  const hasher = createHash(algorithm);
  for (const part of parts) hasher.update(part);
  return new Uint8Array(hasher.digest());
}

/**
 * The bytes XOR the key, which is repeated as often as needed; the same again takes it off.
 *
 * @throws {ProtocolError} `out-of-range` if the key is empty.
 */
export function xorRepeated(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  if (key.length === 0) throw new ProtocolError("out-of-range", "Cannot obfuscate a password with an empty nonce");
  return bytes.map((byte, i) => byte ^ (key[i % key.length] ?? 0));
}

/** The nonce in the data of a handshake or an auth switch request, where a NUL byte usually follows it. */
export function nonceOf(data: Uint8Array): Uint8Array {
  return data.length === NONCE_LENGTH + 1 && data.at(-1) === 0 ? data.subarray(0, NONCE_LENGTH) : data;
}

/** What a server stores for mysql_native_password: SHA1(SHA1(password)), 20 bytes. */
export function nativePasswordHash(password: string): Uint8Array {
  return hash("sha1", hash("sha1", encodeText(password)));
}

/** The client's answer: SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))); empty for the empty password. */
export function scrambleNativePassword(password: string, nonce: Uint8Array): Uint8Array {
  if (password === "") return new Uint8Array();
  const stage1 = hash("sha1", encodeText(password));
  return xorRepeated(stage1, hash("sha1", nonce, hash("sha1", stage1)));
}

/** Whether an answer proves the password whose {@linkcode nativePasswordHash} is given. */
export function verifyNativePassword(response: Uint8Array, nonce: Uint8Array, storedHash: Uint8Array): boolean {
  if (response.length === 0) return timingSafeEqual(storedHash, nativePasswordHash(""));
  if (response.length !== 20) return false;
  const stage1 = xorRepeated(response, hash("sha1", nonce, storedHash));
  return timingSafeEqual(hash("sha1", stage1), storedHash);
}

/** What a server keeps in its cache for caching_sha2_password: SHA256(SHA256(password)), 32 bytes. */
export function cachingSha2Hash(password: string): Uint8Array {
  return hash("sha256", hash("sha256", encodeText(password)));
}

/** The client's answer: SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce); empty for the empty password. */
export function scrambleCachingSha2(password: string, nonce: Uint8Array): Uint8Array {
  if (password === "") return new Uint8Array();
  const stage1 = hash("sha256", encodeText(password));
  return xorRepeated(stage1, hash("sha256", hash("sha256", stage1), nonce));
}

/** Whether an answer proves the password whose {@linkcode cachingSha2Hash} is given. */
export function verifyCachingSha2(response: Uint8Array, nonce: Uint8Array, storedHash: Uint8Array): boolean {
  if (response.length === 0) return timingSafeEqual(storedHash, cachingSha2Hash(""));
  if (response.length !== 32) return false;
  const stage1 = xorRepeated(response, hash("sha256", storedHash, nonce));
  return timingSafeEqual(hash("sha256", stage1), storedHash);
}

/**
 * The password with its NUL, XORed with the repeated nonce: what full caching_sha2_password authentication encrypts with
 * the server's RSA key. The same again takes it off.
 *
 * @throws {ProtocolError} `out-of-range` if the nonce is empty.
 */
export function obfuscatePassword(password: string, nonce: Uint8Array): Uint8Array {
  return xorRepeated(encodeText(`${password}\0`), nonce);
}
