/**
 * What TLS needs to know besides the bytes: certificates, keys, and whom to trust.
 *
 * @module
 */
import { createSecureContext, type SecureContext } from "node:tls";
import { NetError } from "./net_error.ts";

/** How closely a server's certificate is looked at; the names are those of MySQL's `--ssl-mode`. */
export type Verification = "none" | "ca" | "identity";

/** The side that has been asked for TLS. */
export interface ServerTlsContext {
  readonly role: "server";
  readonly secureContext: SecureContext;
  /** Whether clients are asked for a certificate; one that is shown must be good. */
  readonly asksForCertificate: boolean;
  /** Whether they must show one. */
  readonly requiresCertificate: boolean;
}

/** The side that asks for TLS. */
export interface ClientTlsContext {
  readonly role: "client";
  readonly secureContext: SecureContext;
  readonly verification: Verification;
  /** The name that the certificate must be for, and the name that the server is told (SNI) unless it is an address. */
  readonly serverName: string | undefined;
}

/** Either side. Made once, used for every connection. */
export type TlsContext = ServerTlsContext | ClientTlsContext;

/** Options of {@linkcode serverTlsContext}; all but the flag are PEM. */
export interface ServerTlsOptions {
  readonly cert: string;
  readonly key: string;
  /** Ask clients for a certificate that one of these has signed. */
  readonly ca?: string;
  readonly requireClientCert?: boolean;
}

/** Options of {@linkcode clientTlsContext}; certificates and key are PEM. */
export interface ClientTlsOptions {
  readonly verification: Verification;
  readonly serverName?: string;
  /** Whom to trust; without it the certificate authorities that browsers trust. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * The context of a server.
 *
 * @throws {NetError} `bad-certificate` if certificate and key are none, or do not fit.
 */
export function serverTlsContext(options: ServerTlsOptions): ServerTlsContext {
  const { cert, key, ca } = options;
  return {
    role: "server",
    secureContext: contextOf({ cert, key, ...(ca === undefined ? {} : { ca }) }),
    asksForCertificate: ca !== undefined,
    requiresCertificate: options.requireClientCert ?? false,
  };
}

/**
 * The context of a client.
 *
 * @throws {NetError} `bad-certificate` if a certificate or key is none, or they do not fit.
 */
export function clientTlsContext(options: ClientTlsOptions): ClientTlsContext {
  const { ca, cert, key } = options;
  return {
    role: "client",
    secureContext: contextOf({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    }),
    verification: options.verification,
    serverName: options.serverName,
  };
}

function contextOf(options: { readonly ca?: string; readonly cert?: string; readonly key?: string }): SecureContext {
  try {
    return createSecureContext(options);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new NetError("bad-certificate", `Cannot use this certificate and key: ${reason}`, { cause });
  }
}
