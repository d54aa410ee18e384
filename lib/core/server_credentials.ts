/**
 * What a server keeps of passwords.
 *
 * @module
 */
import { cachingSha2Hash, nativePasswordHash, NONCE_LENGTH } from "../protocol/mod.ts";

/** What is kept of one user's password: enough to verify it, not enough to log in with. */
export interface Credentials {
  /** SHA256(SHA256(password)), 32 bytes: with it, the fast way of caching_sha2_password always succeeds. */
  readonly cachingSha2: Uint8Array;
  /** SHA1(SHA1(password)), 20 bytes. */
  readonly native: Uint8Array;
}

/** Finds a user; undefined if there is none of that name. */
export type CredentialsOf = (username: string) => Credentials | undefined;

/** What to keep of a password. */
export function newCredentials(password: string): Credentials {
  return { cachingSha2: cachingSha2Hash(password), native: nativePasswordHash(password) };
}

/**
 * What the answers of unknown users are verified with, so that it takes as long as with known ones: hashes of nothing
 * that anybody knows.
 */
export function unknownCredentials(): Credentials {
  return { cachingSha2: random(32), native: random(20) };
}

/** A nonce as servers make it: printable, so that it has no NUL and survives old clients. */
export function newNonce(): Uint8Array {
  return random(NONCE_LENGTH).map((byte) => 33 + byte % 94);
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
