/**
 * What the operator has decided about logins: who must use TLS, and who may compress.
 *
 * @module
 */
import type { CompressionAlgorithm } from "../protocol/mod.ts";

/** `preferred` takes it when it is to be had. */
export type ClientTls = "disabled" | "preferred" | "required";

/** `as-client` takes it exactly when the client has it. */
export type BackendTls = "disabled" | "preferred" | "required" | "as-client";

/** An RSA key pair as PEM: for clients that encrypt their password with it, since they have no TLS. */
export interface PasswordKeys {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** What is decided for one backend. */
export interface BackendPolicy {
  readonly tls: BackendTls;
  /** It is reached through a Unix socket, which nobody can listen to. */
  readonly socket: boolean;
  /** What to use if the backend offers it, the best first. */
  readonly compression: readonly CompressionAlgorithm[];
}

/** What is decided for all logins of a thread. Plain data. */
export interface LoginPolicy {
  readonly clientTls: ClientTls;
  /** What clients are offered. */
  readonly clientCompression: readonly CompressionAlgorithm[];
  readonly passwordKeys: PasswordKeys;
  /** By the backend's index. */
  readonly backends: readonly BackendPolicy[];
  /**
   * A script looks at what goes by: nothing is agreed on that it would not understand, or that other connections of the
   * pool may not have.
   */
  readonly scripted?: boolean;
  /** A pooled connection is given to a client that proves to be its last user, without asking the server (spec 6.4). */
  readonly poolWithoutChangeUser?: boolean;
}
