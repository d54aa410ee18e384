/**
 * TLS without a socket: encrypted bytes in, plain bytes out, and the other way round.
 *
 * Two implementations do it, see `tls_provider.ts`.
 *
 * @module
 */

/** What an engine tells: before the call that caused it returns, and when the engine may be called again. */
export interface TlsEvents {
  /** Encrypted bytes are to be sent. */
  send(encrypted: Uint8Array): void;
  /** The handshake is done. */
  secured(): void;
  /** Plain bytes have come. They are valid until the engine is given more. */
  plain(bytes: Uint8Array): void;
  /** The peer will send nothing more. */
  ended(): void;
  /** The peer's bytes are not TLS, or it refused the handshake. Nothing more can be read. */
  failed(reason: string): void;
}

/** Who is at the other end. */
export interface TlsPeer {
  /** Such as `TLSv1.3`. */
  readonly protocol: string;
  readonly cipher: string;
  /** SHA-256 of its certificate as hexadecimal digits with colons, if it has shown one. */
  readonly fingerprint: string | undefined;
}

/** One side of one TLS connection. */
export interface TlsEngine {
  /** Begins the handshake. */
  start(): void;
  /** Whether the handshake is done and plain bytes may be sent. */
  readonly established: boolean;
  /** Takes bytes of the peer; `encrypted` is free after the call. */
  receive(encrypted: Uint8Array): void;
  /**
   * Encrypts `plain`, which is free after the call.
   *
   * @param reuse what the last call has returned is not needed any more.
   */
  seal(plain: Uint8Array, reuse: boolean): Uint8Array;
  /** What tells the peer that nothing more will come. */
  sealEnd(): Uint8Array;
  /** Who is at the other end; once the handshake is done. */
  readonly peer: TlsPeer;
  /** Why the peer is not to be trusted, by what the context demands; `undefined` if it is. */
  readonly distrust: string | undefined;
  /** Gives everything free. */
  destroy(): void;
}
