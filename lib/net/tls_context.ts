/**
 * What TLS needs to know besides the bytes: certificates, keys, and whom to trust.
 *
 * @module
 */
/** How closely a server's certificate is looked at; the names are those of MySQL's `--ssl-mode`. */
export type Verification = "none" | "ca" | "identity";

/** What both sides may have; all PEM. */
interface Credentials {
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Whom to trust; for a client that has none it is whom browsers trust. */
  readonly ca: string | undefined;
}

/** The side that has been asked for TLS. */
export interface ServerTlsContext extends Credentials {
  readonly role: "server";
  /** Whether clients are asked for a certificate; one that is shown must be good. */
  readonly asksForCertificate: boolean;
  /** Whether they must show one. */
  readonly requiresCertificate: boolean;
}

/** The side that asks for TLS. */
export interface ClientTlsContext extends Credentials {
  readonly role: "client";
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

/** The context of a server. Its certificate is not looked at, see `checkTlsContext`. */
export function serverTlsContext(options: ServerTlsOptions): ServerTlsContext {
  const { cert, key, ca } = options;
  return {
    role: "server",
    cert,
    key,
    ca,
    asksForCertificate: ca !== undefined,
    requiresCertificate: options.requireClientCert ?? false,
  };
}

/** The context of a client. Its certificates are not looked at, see `checkTlsContext`. */
export function clientTlsContext(options: ClientTlsOptions): ClientTlsContext {
  const { ca, cert, key, verification, serverName } = options;
  return { role: "client", cert, key, ca, verification, serverName };
}
