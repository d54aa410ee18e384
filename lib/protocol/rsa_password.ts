/**
 * Passwords under a server's RSA key: full authentication of caching_sha2_password, and sha256_password, where there is no
 * TLS. The client asks for the public key, XORs the password with the nonce and encrypts that by RSA-OAEP with SHA-1.
 *
 * Sources: https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html and
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods_sha256_password_authentication.html
 *
 * @module
 */
import { constants, createPrivateKey, createPublicKey, privateDecrypt, publicEncrypt } from "node:crypto";
import { ProtocolError } from "./error.ts";
import { nonceOf, xorRepeated } from "./scramble.ts";

/** What sha256_password sends to ask for the public key; caching_sha2_password sends `CachingSha2.REQUEST_PUBLIC_KEY`. */
export const SHA256_REQUEST_PUBLIC_KEY = 0x01;

/** What OAEP with SHA-1 takes of the key's length: two hashes and two bytes. */
const OAEP_OVERHEAD = 42;

/** The padding's hash is SHA-1 where none is named. */
const PADDING = constants.RSA_PKCS1_OAEP_PADDING;

function badKey(which: "public" | "private", why: string, cause?: unknown): ProtocolError {
  const message =
    `Cannot use the ${which} key for passwords: ${why}; expected an RSA key in PEM, as "openssl genrsa" makes`;
  return new ProtocolError("malformed", message, cause === undefined ? {} : { cause });
}

/** The key in the form that every runtime takes, and its length in bytes where the runtime tells it. */
function readKey(which: "public" | "private", pem: string): { readonly pem: string; readonly length?: number } {
  try {
    const key = which === "public" ? createPublicKey(pem) : createPrivateKey(pem);
    if (key.asymmetricKeyType !== "rsa") throw badKey(which, `it is of the type "${key.asymmetricKeyType}"`);
    const exported = key.export({ type: which === "public" ? "spki" : "pkcs8", format: "pem" }).toString();
    const bits = key.asymmetricKeyDetails?.modulusLength;
    return { pem: exported, ...(bits === undefined ? {} : { length: Math.ceil(bits / 8) }) };
  } catch (cause) {
    throw cause instanceof ProtocolError ? cause : badKey(which, "it cannot be read", cause);
  }
}

/**
 * Encrypts a password for the server that sent the key.
 *
 * @param password The password in clear with the NUL behind it.
 * @param nonce The 20 bytes of the handshake or the auth switch; a NUL behind them is left out.
 * @param publicKeyPem SPKI or PKCS#1.
 * @returns as many bytes as the key has.
 * @throws {ProtocolError} `malformed` if the key is no RSA key, `out-of-range` if the password is too long for it or the
 * nonce is empty.
 */
export function encryptPassword(password: Uint8Array, nonce: Uint8Array, publicKeyPem: string): Uint8Array {
  const key = readKey("public", publicKeyPem);
  const obfuscated = xorRepeated(password, nonceOf(nonce));
  if (key.length !== undefined && password.length > key.length - OAEP_OVERHEAD) {
    throw tooLong(password.length, `takes ${key.length - OAEP_OVERHEAD}`);
  }
  try {
    return new Uint8Array(publicEncrypt({ key: key.pem, padding: PADDING }, obfuscated));
  } catch (cause) {
    throw tooLong(password.length, "cannot take as many", cause);
  }
}

function tooLong(length: number, why: string, cause?: unknown): ProtocolError {
  return new ProtocolError(
    "out-of-range",
    `Cannot encrypt a password of ${length} bytes: the server's RSA key ${why}, use TLS to the server or a longer key`,
    cause === undefined ? {} : { cause },
  );
}

/**
 * Decrypts what {@linkcode encryptPassword} or a client made.
 *
 * @param privateKeyPem PKCS#8 or PKCS#1.
 * @returns the password in clear with the NUL behind it; undefined if it was not encrypted with the key's public half, or
 * no NUL comes out at the end, as with another nonce.
 * @throws {ProtocolError} `malformed` if the key is no RSA key, `out-of-range` if the nonce is empty.
 */
export function decryptPassword(cipher: Uint8Array, nonce: Uint8Array, privateKeyPem: string): Uint8Array | undefined {
  const key = readKey("private", privateKeyPem);
  let obfuscated: Uint8Array;
  try {
    obfuscated = privateDecrypt({ key: key.pem, padding: PADDING }, cipher);
  } catch {
    return undefined;
  }
  const password = xorRepeated(new Uint8Array(obfuscated), nonceOf(nonce));
  return password.at(-1) === 0 ? password : undefined;
}
