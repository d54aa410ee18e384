/**
 * The system's OpenSSL, called through Deno's foreign function interface.
 *
 * TLS through it costs half of what it costs through `node:tls`: its functions take and fill buffers of ours, where those
 * of the runtime make a new one for each record, and they are called without a detour. It is used on Linux where OpenSSL 3
 * is installed and the program may load it; everywhere else `node:tls` does the same.
 *
 * Source: the manual pages of OpenSSL 3.0, section 3; the numbers of `ctrl` commands are from its `ssl.h` and part of its
 * stable binary interface.
 *
 * @module
 */

const NAMES = { ssl: "libssl.so.3", crypto: "libcrypto.so.3" } as const;

const SSL_FUNCTIONS = {
  TLS_server_method: { parameters: [], result: "pointer" },
  TLS_client_method: { parameters: [], result: "pointer" },
  SSL_CTX_new: { parameters: ["pointer"], result: "pointer" },
  SSL_CTX_free: { parameters: ["pointer"], result: "void" },
  SSL_CTX_ctrl: { parameters: ["pointer", "i32", "isize", "pointer"], result: "isize" },
  SSL_CTX_set_options: { parameters: ["pointer", "u64"], result: "u64" },
  SSL_CTX_use_certificate: { parameters: ["pointer", "pointer"], result: "i32" },
  SSL_CTX_use_PrivateKey: { parameters: ["pointer", "pointer"], result: "i32" },
  SSL_CTX_check_private_key: { parameters: ["pointer"], result: "i32" },
  SSL_CTX_get_cert_store: { parameters: ["pointer"], result: "pointer" },
  SSL_new: { parameters: ["pointer"], result: "pointer" },
  SSL_free: { parameters: ["pointer"], result: "void" },
  SSL_ctrl: { parameters: ["pointer", "i32", "isize", "buffer"], result: "isize" },
  SSL_get0_param: { parameters: ["pointer"], result: "pointer" },
  SSL_set_bio: { parameters: ["pointer", "pointer", "pointer"], result: "void" },
  SSL_set_accept_state: { parameters: ["pointer"], result: "void" },
  SSL_set_connect_state: { parameters: ["pointer"], result: "void" },
  SSL_do_handshake: { parameters: ["pointer"], result: "i32" },
  SSL_is_init_finished: { parameters: ["pointer"], result: "i32" },
  SSL_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_has_pending: { parameters: ["pointer"], result: "i32" },
  SSL_shutdown: { parameters: ["pointer"], result: "i32" },
  SSL_get_error: { parameters: ["pointer", "i32"], result: "i32" },
  SSL_get_verify_result: { parameters: ["pointer"], result: "isize" },
  SSL_get1_peer_certificate: { parameters: ["pointer"], result: "pointer" },
  SSL_get_version: { parameters: ["pointer"], result: "pointer" },
  SSL_get_current_cipher: { parameters: ["pointer"], result: "pointer" },
  SSL_CIPHER_get_name: { parameters: ["pointer"], result: "pointer" },
} as const;

const CRYPTO_FUNCTIONS = {
  BIO_new: { parameters: ["pointer"], result: "pointer" },
  BIO_s_mem: { parameters: [], result: "pointer" },
  BIO_free: { parameters: ["pointer"], result: "i32" },
  BIO_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  BIO_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  BIO_ctrl_pending: { parameters: ["pointer"], result: "usize" },
  PEM_read_bio_X509: { parameters: ["pointer", "pointer", "pointer", "pointer"], result: "pointer" },
  PEM_read_bio_PrivateKey: { parameters: ["pointer", "pointer", "pointer", "pointer"], result: "pointer" },
  EVP_PKEY_free: { parameters: ["pointer"], result: "void" },
  EVP_sha256: { parameters: [], result: "pointer" },
  X509_digest: { parameters: ["pointer", "pointer", "buffer", "buffer"], result: "i32" },
  X509_free: { parameters: ["pointer"], result: "void" },
  X509_STORE_add_cert: { parameters: ["pointer", "pointer"], result: "i32" },
  X509_VERIFY_PARAM_set1_host: { parameters: ["pointer", "buffer", "usize"], result: "i32" },
  X509_VERIFY_PARAM_set1_ip_asc: { parameters: ["pointer", "buffer"], result: "i32" },
  X509_verify_cert_error_string: { parameters: ["isize"], result: "pointer" },
  OPENSSL_init_crypto: { parameters: ["u64", "pointer"], result: "i32" },
  ERR_get_error: { parameters: [], result: "usize" },
  ERR_clear_error: { parameters: [], result: "void" },
  ERR_reason_error_string: { parameters: ["usize"], result: "pointer" },
} as const;

/** The functions of both libraries. */
export type OpenSsl =
  & Deno.StaticForeignLibraryInterface<typeof SSL_FUNCTIONS>
  & Deno.StaticForeignLibraryInterface<typeof CRYPTO_FUNCTIONS>;

/** Numbers of `ssl.h`. */
export const OpenSslNumber = {
  SSL_CTRL_EXTRA_CHAIN_CERT: 14,
  SSL_CTRL_MODE: 33,
  SSL_CTRL_SET_SESS_CACHE_MODE: 44,
  SSL_CTRL_SET_TLSEXT_HOSTNAME: 55,
  SSL_CTRL_SET_MIN_PROTO_VERSION: 123,
  /** Give a connection's buffers back while it is idle. */
  SSL_MODE_RELEASE_BUFFERS: 0x10,
  SSL_OP_NO_RENEGOTIATION: 1n << 30n,
  OPENSSL_INIT_NO_ATEXIT: 0x00080000n,
  TLS1_2_VERSION: 0x0303,
  SSL_ERROR_WANT_READ: 2,
  SSL_ERROR_ZERO_RETURN: 6,
  X509_V_OK: 0,
} as const;

let loaded: OpenSsl | null | undefined;

/** OpenSSL 3, or `undefined` if it is not there or the program may not load it. Never asks the user. */
export function openSsl(): OpenSsl | undefined {
  if (loaded === undefined) loaded = load() ?? null;
  return loaded ?? undefined;
}

function load(): OpenSsl | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    for (const path of Object.values(NAMES)) {
      if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") return undefined;
    }
    const { symbols: crypto } = Deno.dlopen(NAMES.crypto, CRYPTO_FUNCTIONS);
    // Before anything else: threads that end while the program does would free what its cleanup frees.
    crypto.OPENSSL_init_crypto(OpenSslNumber.OPENSSL_INIT_NO_ATEXIT, null);
    const { symbols: ssl } = Deno.dlopen(NAMES.ssl, SSL_FUNCTIONS);
    return { ...crypto, ...ssl };
  } catch {
    return undefined;
  }
}

/** A text as C wants it. */
export function cText(text: string): BufferSource {
  return new TextEncoder().encode(`${text}\0`);
}

/** A text that C gave. */
export function textOf(pointer: Deno.PointerValue): string {
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}

/** What OpenSSL last complained of in this thread; forgets it. */
export function lastError(ssl: OpenSsl): string {
  const code = ssl.ERR_get_error();
  const reason = textOf(ssl.ERR_reason_error_string(code));
  ssl.ERR_clear_error();
  return reason === "" ? `OpenSSL error ${code}` : reason;
}
