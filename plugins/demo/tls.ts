/**
 * TLS for the clients of the demo servers, with the certificate of the program.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { loadServerTls } from "../../lib/net/server_certificate.ts";
import { type ServerTlsContext, serverTlsContext, type ServerTlsOptions } from "../../lib/net/tls_context.ts";
import { tlsAvailable } from "../../lib/net/tls_provider.ts";
import type { TlsValues } from "../../lib/net/tls_options.ts";
import type { Log } from "../../lib/plugin/mod.ts";

/** What a connection needs for TLS. */
export interface DemoTls {
  readonly context: ServerTlsContext;
  /** The SHA256 of the certificate in DER form. */
  readonly fingerprint: Uint8Array;
}

/**
 * TLS with the certificate that the proxy's clients see, so that the same one is trusted everywhere. Nobody has to use
 * it, or to show a certificate: the servers are for trying things out.
 *
 * @returns undefined where the user, or the runtime, does without TLS.
 * @throws {NetError} as {@linkcode loadServerTls}.
 */
export async function loadDemoTls(values: TlsValues, log: Log): Promise<DemoTls | undefined> {
  const loaded = tlsAvailable() ? await loadServerTls(values, log) : undefined;
  return loaded === undefined ? undefined : newDemoTls({ cert: loaded.cert, key: loaded.key });
}

/** @throws {NetError} `bad-certificate` if certificate and key are none, or do not fit. */
export function newDemoTls(options: Pick<ServerTlsOptions, "cert" | "key">): DemoTls {
  const context = serverTlsContext(options);
  const digits = new X509Certificate(options.cert).fingerprint256.replaceAll(":", "");
  return { context, fingerprint: Uint8Array.from(digits.match(/../g) ?? [], (byte) => parseInt(byte, 16)) };
}
