/**
 * How a server whose certificate nobody has signed proves to a client that it is the one that knows the password.
 *
 * MariaDB's clients verify certificates by default since 11.4, unless the server is on their own machine. With a
 * self-signed one they go on with the login if the greeting names a plugin of theirs, and then take the server for
 * genuine if the final OK packet proves that the server knows what the password is verified with and has sent this very
 * certificate. Who stands between the two and shows a certificate of their own cannot make that proof.
 *
 * Sources: https://mariadb.com/docs/server/security/encryption/data-in-transit-encryption/zero-configuration-tls for the
 * idea; the bytes are what MariaDB 11.8.9 sends (the test repeats a login that was recorded from it).
 *
 * @module
 */
import { createHash } from "node:crypto";

/** The byte in front of the digits; more kinds of proof may come. */
const SHA256_PROOF = "\x01";

/**
 * The info of an OK packet that proves the server: 0x01 and 64 digits, the SHA256 of what the server keeps of the
 * password, the nonce, and the certificate's fingerprint.
 *
 * @param kept SHA1(SHA1(password)) for mysql_native_password.
 * @param nonce 20 bytes, those that the client made its answer with.
 * @param fingerprint The SHA256 of the certificate in DER form.
 */
export function certificateProof(kept: Uint8Array, nonce: Uint8Array, fingerprint: Uint8Array): string {
  const digest = createHash("sha256").update(kept).update(nonce).update(fingerprint).digest("hex");
  return `${SHA256_PROOF}${digest.toUpperCase()}`;
}
