/**
 * TLS by the system's OpenSSL, see `openssl.ts`.
 *
 * Bytes go through two memory buffers of OpenSSL ("BIOs"), one each way. What it decrypts and encrypts is written into
 * buffers that belong to the connection and are used again, so that a query allocates nothing.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { rootCertificates } from "node:tls";
import { NetError } from "./net_error.ts";
import { cText, lastError, type OpenSsl, OpenSslNumber, textOf } from "./openssl.ts";
import type { TlsContext } from "./tls_context.ts";
import type { TlsEngine, TlsEvents, TlsPeer } from "./tls_engine.ts";

/** The smallest buffers, and the largest that a connection keeps. */
const SMALL = 512;
const LARGEST_KEPT = 32 * 1024;
/** What a record may add to what is in it: header, padding and tag. */
const RECORD_OVERHEAD = 256;
const RECORD = 16 * 1024;
const RECORD_HEADER = 5;
const APPLICATION_DATA = 23;

const EMPTY = new Uint8Array(0);

/** For what does not fit into a connection's own buffer; nothing stays in it between two calls. */
const scratch = new Uint8Array(RECORD);

/** One side of one TLS connection. */
export class OpenSslEngine implements TlsEngine {
  readonly #lib: OpenSsl;
  readonly #context: TlsContext;
  readonly #events: TlsEvents;
  readonly #ssl: Deno.PointerValue;
  readonly #incoming: Deno.PointerValue;
  readonly #outgoing: Deno.PointerValue;
  #plain = new Uint8Array(SMALL);
  #sealed = new Uint8Array(SMALL);
  #established = false;
  /** All that came has been read: the next byte is the first of a record. */
  #aligned = false;
  /** Nothing can be read any more. */
  #over = false;
  #freed = false;

  constructor(lib: OpenSsl, context: TlsContext, events: TlsEvents) {
    this.#lib = lib;
    this.#context = context;
    this.#events = events;
    this.#ssl = lib.SSL_new(nativeContext(lib, context));
    this.#incoming = lib.BIO_new(lib.BIO_s_mem());
    this.#outgoing = lib.BIO_new(lib.BIO_s_mem());
    // From here on both belong to the connection and are freed with it.
    lib.SSL_set_bio(this.#ssl, this.#incoming, this.#outgoing);
    if (context.role === "server") lib.SSL_set_accept_state(this.#ssl);
    else this.#beClient(context);
  }

  #beClient(context: TlsContext & { role: "client" }): void {
    const lib = this.#lib;
    lib.SSL_set_connect_state(this.#ssl);
    const { serverName, verification } = context;
    if (serverName === undefined) return;
    const isAddress = isIP(serverName) !== 0;
    // A numeric address may not be told as a name.
    if (!isAddress) {
      lib.SSL_ctrl(this.#ssl, OpenSslNumber.SSL_CTRL_SET_TLSEXT_HOSTNAME, 0n, cText(serverName));
    }
    if (verification !== "identity") return;
    const parameters = lib.SSL_get0_param(this.#ssl);
    if (isAddress) lib.X509_VERIFY_PARAM_set1_ip_asc(parameters, cText(serverName));
    else lib.X509_VERIFY_PARAM_set1_host(parameters, cText(serverName), 0n);
  }

  start(): void {
    this.#shakeHands();
  }

  get established(): boolean {
    return this.#established && !this.#freed;
  }

  receive(encrypted: Uint8Array): void {
    if (this.#over) return;
    const lib = this.#lib;
    lib.BIO_write(this.#incoming, encrypted, encrypted.length);
    if (!this.#established && !this.#shakeHands()) return;
    if (this.#aligned && isOneRecord(encrypted)) {
      if (this.#plain.length < encrypted.length) this.#plain = new Uint8Array(encrypted.length);
      const read = lib.SSL_read(this.#ssl, this.#plain, this.#plain.length);
      // The most frequent case by far: it is data, and there is nothing behind it.
      if (read > 0) return this.#events.plain(this.#plain.subarray(0, read));
    }
    this.#readAll(encrypted.length);
    // Whoever took the bytes may have had enough.
    if (this.#freed) return;
    this.#aligned = Number(lib.BIO_ctrl_pending(this.#incoming)) === 0 && lib.SSL_has_pending(this.#ssl) === 0;
  }

  #readAll(length: number): void {
    const lib = this.#lib;
    // Never more than came in, so that all of it fits but for what an earlier call has left in the middle of a record.
    if (this.#plain.length < length) this.#plain = new Uint8Array(length);
    let filled = 0;
    for (;;) {
      const space = this.#plain.length - filled;
      const into = filled === 0 ? this.#plain : this.#plain.subarray(filled);
      const read = space === 0 ? lib.SSL_read(this.#ssl, scratch, RECORD) : lib.SSL_read(this.#ssl, into, space);
      if (read <= 0) {
        this.#finish(read, filled);
        break;
      }
      if (space === 0) {
        const grown = new Uint8Array(filled + RECORD);
        grown.set(this.#plain);
        grown.set(scratch.subarray(0, read), filled);
        this.#plain = grown;
      }
      filled += read;
    }
    if (this.#plain.length > LARGEST_KEPT) this.#plain = new Uint8Array(SMALL);
  }

  /** No more can be read for now: passes on what was, and looks why. */
  #finish(result: number, filled: number): void {
    const why = this.#lib.SSL_get_error(this.#ssl, result);
    if (filled > 0) this.#events.plain(this.#plain.subarray(0, filled));
    if (why === OpenSslNumber.SSL_ERROR_WANT_READ) {
      // Nothing but the protocol's own: it may want an answer.
      if (filled === 0) this.#flush();
    } else if (why === OpenSslNumber.SSL_ERROR_ZERO_RETURN) {
      this.#over = true;
      this.#events.ended();
    } else {
      this.#fail();
    }
  }

  seal(plain: Uint8Array, reuse: boolean): Uint8Array {
    if (!this.established || plain.length === 0) return EMPTY;
    const lib = this.#lib;
    if (lib.SSL_write(this.#ssl, plain, plain.length) !== plain.length) {
      lib.ERR_clear_error();
      return EMPTY;
    }
    const most = plain.length + RECORD_OVERHEAD * (1 + Math.ceil(plain.length / RECORD));
    let buffer = this.#sealed;
    if (!reuse || buffer.length < most) {
      buffer = new Uint8Array(most);
      if (reuse && most <= LARGEST_KEPT) this.#sealed = buffer;
    }
    const length = lib.BIO_read(this.#outgoing, buffer, buffer.length);
    return length === buffer.length ? this.#drain(buffer) : buffer.subarray(0, Math.max(0, length));
  }

  /** More was waiting than this call has made: what the protocol itself had to say went first. */
  #drain(first: Uint8Array): Uint8Array {
    const parts = [first];
    for (;;) {
      const pending = Number(this.#lib.BIO_ctrl_pending(this.#outgoing));
      if (pending === 0) break;
      const part = new Uint8Array(pending);
      this.#lib.BIO_read(this.#outgoing, part, pending);
      parts.push(part);
    }
    return parts.length === 1 ? first : Buffer.concat(parts);
  }

  sealEnd(): Uint8Array {
    if (!this.established) return EMPTY;
    this.#lib.SSL_shutdown(this.#ssl);
    this.#lib.ERR_clear_error();
    return this.#drain(EMPTY);
  }

  get peer(): TlsPeer {
    const lib = this.#lib;
    return {
      protocol: textOf(lib.SSL_get_version(this.#ssl)),
      cipher: textOf(lib.SSL_CIPHER_get_name(lib.SSL_get_current_cipher(this.#ssl))),
      fingerprint: this.#fingerprint(),
    };
  }

  #fingerprint(): string | undefined {
    const lib = this.#lib;
    const certificate = lib.SSL_get1_peer_certificate(this.#ssl);
    if (certificate === null) return undefined;
    const digest = new Uint8Array(64);
    const length = new Uint8Array(4);
    lib.X509_digest(certificate, lib.EVP_sha256(), digest, length);
    lib.X509_free(certificate);
    return Array.from(digest.subarray(0, length[0]), (byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join(
      ":",
    );
  }

  get distrust(): string | undefined {
    const context = this.#context;
    if (context.role === "server" || context.verification === "none") return undefined;
    const result = this.#lib.SSL_get_verify_result(this.#ssl);
    if (Number(result) === OpenSslNumber.X509_V_OK) return undefined;
    const why = textOf(this.#lib.X509_verify_cert_error_string(result));
    const name = context.verification === "identity" ? ` for "${context.serverName ?? ""}"` : "";
    return `the server's certificate is not trusted${name} (${why})`;
  }

  destroy(): void {
    this.#over = true;
    if (this.#freed) return;
    this.#freed = true;
    this.#lib.SSL_free(this.#ssl);
  }

  /** @returns whether the handshake is done. */
  #shakeHands(): boolean {
    const lib = this.#lib;
    const result = lib.SSL_do_handshake(this.#ssl);
    if (result === 1) {
      this.#flush();
      this.#established = true;
      this.#events.secured();
      return !this.#over;
    }
    if (lib.SSL_get_error(this.#ssl, result) === OpenSslNumber.SSL_ERROR_WANT_READ) this.#flush();
    else this.#fail();
    return false;
  }

  #flush(): void {
    const sealed = this.#drain(EMPTY);
    if (sealed.length > 0) this.#events.send(sealed);
  }

  #fail(): void {
    const reason = lastError(this.#lib);
    // The alert that tells the peer why.
    this.#flush();
    this.#over = true;
    this.#events.failed(reason);
  }
}

/** Whether `bytes` are a record of application data, from its first byte to its last. */
function isOneRecord(bytes: Uint8Array): boolean {
  return bytes.length > RECORD_HEADER && bytes[0] === APPLICATION_DATA &&
    bytes.length === RECORD_HEADER + (bytes[3]! << 8 | bytes[4]!);
}

/** Native contexts live as long as the program: there are a handful, and one more when a certificate is renewed. */
const contexts = new WeakMap<TlsContext, Deno.PointerValue>();

/**
 * OpenSSL's context for a context of ours.
 *
 * @throws {NetError} `bad-certificate`
 */
export function nativeContext(lib: OpenSsl, context: TlsContext): Deno.PointerValue {
  const known = contexts.get(context);
  if (known !== undefined) return known;
  const native = lib.SSL_CTX_new(context.role === "server" ? lib.TLS_server_method() : lib.TLS_client_method());
  try {
    configure(lib, native, context);
  } catch (error) {
    lib.SSL_CTX_free(native);
    throw error;
  }
  contexts.set(context, native);
  return native;
}

function configure(lib: OpenSsl, native: Deno.PointerValue, context: TlsContext): void {
  const number = OpenSslNumber;
  lib.SSL_CTX_ctrl(native, number.SSL_CTRL_SET_MIN_PROTO_VERSION, BigInt(number.TLS1_2_VERSION), null);
  lib.SSL_CTX_ctrl(native, number.SSL_CTRL_MODE, BigInt(number.SSL_MODE_RELEASE_BUFFERS), null);
  lib.SSL_CTX_ctrl(native, number.SSL_CTRL_SET_SESS_CACHE_MODE, 0n, null);
  lib.SSL_CTX_set_options(native, number.SSL_OP_NO_RENEGOTIATION);
  const { cert, key, ca } = context;
  if (cert !== undefined) {
    const [own, ...chain] = readCertificates(lib, cert);
    if (own === undefined || lib.SSL_CTX_use_certificate(native, own) !== 1) throw bad(lib, "certificate");
    lib.X509_free(own);
    // The context takes these over.
    for (const one of chain) lib.SSL_CTX_ctrl(native, number.SSL_CTRL_EXTRA_CHAIN_CERT, 0n, one);
  }
  if (key !== undefined) {
    const own = readPem(lib, key, (bio) => lib.PEM_read_bio_PrivateKey(bio, null, null, null));
    if (own === null || lib.SSL_CTX_use_PrivateKey(native, own) !== 1) throw bad(lib, "private key");
    lib.EVP_PKEY_free(own);
    if (lib.SSL_CTX_check_private_key(native) !== 1) throw bad(lib, "private key");
  }
  if (context.role === "server" || context.verification === "none") return;
  const store = lib.SSL_CTX_get_cert_store(native);
  const trusted = readCertificates(lib, ca ?? rootCertificates.join("\n"));
  if (trusted.length === 0) throw bad(lib, "CA certificate");
  for (const one of trusted) {
    lib.X509_STORE_add_cert(store, one);
    lib.X509_free(one);
  }
  lib.ERR_clear_error();
}

function bad(lib: OpenSsl, what: string): NetError {
  return new NetError("bad-certificate", `Cannot use this ${what}: ${lastError(lib)}`);
}

function readPem(
  lib: OpenSsl,
  pem: string,
  read: (bio: Deno.PointerValue) => Deno.PointerValue,
): Deno.PointerValue {
  const bytes = new TextEncoder().encode(pem);
  const bio = lib.BIO_new(lib.BIO_s_mem());
  lib.BIO_write(bio, bytes, bytes.length);
  const value = read(bio);
  lib.BIO_free(bio);
  return value;
}

function readCertificates(lib: OpenSsl, pem: string): Deno.PointerValue[] {
  const certificates: Deno.PointerValue[] = [];
  readPem(lib, pem, (bio) => {
    for (;;) {
      const one = lib.PEM_read_bio_X509(bio, null, null, null);
      if (one === null) return null;
      certificates.push(one);
    }
  });
  // That there are no more is an error to OpenSSL.
  if (certificates.length > 0) lib.ERR_clear_error();
  return certificates;
}
