/**
 * TLS for the clients of the demo servers, with the certificate of the program.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { type ServerTlsContext, serverTlsContext, type ServerTlsOptions } from "../../lib/net/tls_context.ts";

/** What a connection needs for TLS. */
export interface DemoTls {
  readonly context: ServerTlsContext;
  /** The SHA256 of the certificate in DER form. */
  readonly fingerprint: Uint8Array;
}

/** @throws {NetError} `bad-certificate` if certificate and key are none, or do not fit. */
export function newDemoTls(options: ServerTlsOptions): DemoTls {
  const context = serverTlsContext(options);
  const digits = new X509Certificate(options.cert).fingerprint256.replaceAll(":", "");
  return { context, fingerprint: Uint8Array.from(digits.match(/../g) ?? [], (byte) => parseInt(byte, 16)) };
}
