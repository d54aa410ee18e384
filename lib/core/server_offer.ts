/**
 * What a server inside this program offers its clients.
 *
 * @module
 */
import type { CompressionAlgorithm } from "../protocol/compression.ts";
import type { ServerPlugin } from "./server_authentication.ts";
import type { CredentialsOf } from "./server_credentials.ts";

/** TLS as a server offers it. */
export interface TlsOffer {
  /** Whether nobody gets in without. */
  readonly required: boolean;
  /** The SHA256 of the certificate in DER form, for {@linkcode certificateProof}. */
  readonly fingerprint?: Uint8Array;
}

/** What a server offers, and whom it lets in. */
export interface ServerLoginOptions {
  readonly serverVersion: string;
  readonly connectionId: number;
  /** Bits of {@linkcode Capability} without those of TLS and compression, which follow from the rest. */
  readonly capabilities: bigint;
  /**
   * The plugin that the greeting names; clients may use the other one all the same. Default: `caching_sha2_password`.
   * MariaDB's clients that verify certificates turn a self-signed one down unless it is `mysql_native_password`: the
   * plugins that they trust to check {@linkcode certificateProof} are their own ones.
   */
  readonly defaultPlugin?: ServerPlugin;
  /** The low byte of the default collation. */
  readonly charset: number;
  /** Bits of `ServerStatus`. */
  readonly status: number;
  readonly credentials: CredentialsOf;
  /** Undefined where TLS cannot be had. */
  readonly tls: TlsOffer | undefined;
  readonly compression: readonly CompressionAlgorithm[];
  /** Where clients come from, for the text of error 1045. Default: `localhost`. */
  readonly host?: string;
  /** 20 bytes without a NUL; new ones by default. */
  readonly nonce?: Uint8Array;
}
