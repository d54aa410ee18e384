/**
 * Who does TLS here: the system's OpenSSL where it can be loaded, since it costs half as much CPU, else the runtime's
 * `node:tls`.
 *
 * @module
 */
import { nodeTlsAvailable, NodeTlsEngine, secureContextOf } from "./node_tls_engine.ts";
import { NetError } from "./net_error.ts";
import { openSsl } from "./openssl.ts";
import { nativeContext, OpenSslEngine } from "./openssl_engine.ts";
import type { TlsContext } from "./tls_context.ts";
import type { TlsEngine, TlsEvents } from "./tls_engine.ts";

/** OpenSSL aborts the handshake of a client whose certificate is bad; only the other one lets us tell the client why. */
function usesOpenSsl(context: TlsContext): boolean {
  return openSsl() !== undefined && (context.role === "client" || !context.asksForCertificate);
}

/** @throws {TypeError} where {@linkcode tlsAvailable} is false. */
export function openTlsEngine(context: TlsContext, events: TlsEvents): TlsEngine {
  const lib = usesOpenSsl(context) ? openSsl() : undefined;
  return lib === undefined ? new NodeTlsEngine(context, events) : new OpenSslEngine(lib, context, events);
}

/**
 * Looks at the certificates and keys of a context, so that the first connection need not find out.
 *
 * @throws {NetError} `bad-certificate`; `bad-option` if clients are to show certificates and this runtime cannot ask them.
 */
export function checkTlsContext(context: TlsContext): void {
  const lib = usesOpenSsl(context) ? openSsl() : undefined;
  if (lib !== undefined) {
    nativeContext(lib, context);
  } else if (nodeTlsAvailable()) {
    secureContextOf(context);
  } else {
    const why = `This runtime (Deno ${Deno.version.deno}) cannot ask clients for certificates`;
    throw new NetError("bad-option", `${why}, "--ssl-ca" needs Deno 2.9 or later`);
  }
}

/** Whether TLS can be done here, in both roles. */
export function tlsAvailable(): boolean {
  return openSsl() !== undefined || nodeTlsAvailable();
}
