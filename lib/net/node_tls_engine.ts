/**
 * TLS by the runtime's `node:tls`.
 *
 * Its streams cost more than the cipher, so the engine inside of a `TLSSocket` is driven by its own calls, which are
 * synchronous. They are not a public interface: their presence is checked once, and where they are missing or do not work
 * (Deno 2.4) this engine is not used, which {@linkcode nodeTlsAvailable} says.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { Duplex } from "node:stream";
import {
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  TLSSocket,
} from "node:tls";
import { NetError } from "./net_error.ts";
import { clientTlsContext, type TlsContext } from "./tls_context.ts";
import type { TlsEngine, TlsEvents, TlsPeer } from "./tls_engine.ts";

/** So many bytes are given to the engine at once: it silently drops what goes beyond its buffer of 64 KB. */
const PIECE = 32 * 1024;

const EMPTY = new Uint8Array(0);

/** The engine inside of a `TLSSocket` that stands on a stream. */
interface TlsHandle {
  start(): number;
  readStart(): number;
  /** Takes encrypted bytes, copies them, and calls `onread` and the others at once. */
  readBuffer(encrypted: Uint8Array): void;
  writeBuffer(request: object, plain: Uint8Array): number;
  /** Says that nothing more will be written. */
  shutdown(request: object): number;
  /** The encrypted bytes that are to be sent. */
  drainEncOut(): Uint8Array;
  isEstablished(): boolean;
  /** Why the peer's certificate is not to be trusted, or nothing. */
  verifyError(): string | null | undefined;
  getPeerCertificate(detailed: boolean): unknown;
  getProtocol(out: object): number;
  getCipher(out: object): number;
  onread: (plain: ArrayBuffer | undefined) => void;
  onhandshakedone: () => void;
  onerror: (error: unknown) => void;
}

const METHODS = [
  "start",
  "readStart",
  "readBuffer",
  "writeBuffer",
  "shutdown",
  "drainEncOut",
  "isEstablished",
  "verifyError",
  "getPeerCertificate",
  "getProtocol",
  "getCipher",
] as const;

function isTlsHandle(value: unknown): value is TlsHandle {
  return typeof value === "object" && value !== null &&
    METHODS.every((name) => typeof Reflect.get(value, name) === "function");
}

/** One side of one TLS connection. */
export class NodeTlsEngine implements TlsEngine {
  readonly #context: TlsContext;
  readonly #events: TlsEvents;
  readonly #socket: TLSSocket;
  readonly #handle: TlsHandle;
  readonly #request = { oncomplete: () => {} };
  // Methods of the same name on the handle itself would drain it later once more, into the stream that is not there.
  readonly #writeBuffer: (request: object, plain: Uint8Array) => number;
  readonly #shutdown: (request: object) => number;
  #over = false;
  #established = false;
  /** What the call under way has brought: told when it is done, since the engine must not be called from inside. */
  #one: Uint8Array | undefined;
  #more: Uint8Array[] = [];
  #ended = false;
  #failure: string | undefined;

  /** @throws {TypeError} where {@linkcode nodeTlsAvailable} is false. */
  constructor(context: TlsContext, events: TlsEvents) {
    this.#context = context;
    this.#events = events;
    this.#socket = openSocket(context);
    this.#handle = takeHandle(this.#socket);
    const native: unknown = Object.getPrototypeOf(this.#handle);
    const source = isTlsHandle(native) ? native : this.#handle;
    this.#writeBuffer = source.writeBuffer;
    this.#shutdown = source.shutdown;
    this.#handle.onread = (plain) => {
      if (plain === undefined) this.#ended = true;
      else if (plain.byteLength === 0) return;
      else if (this.#one === undefined) this.#one = new Uint8Array(plain);
      else this.#more.push(new Uint8Array(plain));
    };
    this.#handle.onhandshakedone = () => {};
    const fail = (error: unknown) => this.#failure ??= error instanceof Error ? error.message : String(error);
    this.#handle.onerror = fail;
    this.#socket.on("error", fail);
  }

  /** Begins the handshake. */
  start(): void {
    this.#handle.start();
    this.#handle.readStart();
    this.#tell();
  }

  /** Whether the handshake is done and plain bytes may be sent. */
  get established(): boolean {
    return this.#established && !this.#over;
  }

  /** Takes bytes of the peer; `encrypted` is free after the call. */
  receive(encrypted: Uint8Array): void {
    if (this.#over) return;
    this.#handle.readBuffer(encrypted);
    this.#tell();
  }

  /** Encrypts `plain`, which is free after the call. */
  seal(plain: Uint8Array, _reuse: boolean): Uint8Array {
    if (!this.established) return EMPTY;
    if (plain.length <= PIECE) {
      this.#writeBuffer.call(this.#handle, this.#request, plain);
      return this.#handle.drainEncOut();
    }
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < plain.length; at += PIECE) {
      this.#writeBuffer.call(this.#handle, this.#request, plain.subarray(at, at + PIECE));
      pieces.push(this.#handle.drainEncOut());
    }
    return Buffer.concat(pieces);
  }

  /** What tells the peer that nothing more will come. */
  sealEnd(): Uint8Array {
    if (!this.established) return EMPTY;
    this.#shutdown.call(this.#handle, this.#request);
    return this.#handle.drainEncOut();
  }

  /** Who is at the other end; once the handshake is done. */
  get peer(): TlsPeer {
    const out: { protocol?: unknown; name?: unknown } = {};
    this.#handle.getProtocol(out);
    this.#handle.getCipher(out);
    const certificate = this.#certificate;
    return {
      protocol: String(out.protocol ?? "TLS"),
      cipher: String(out.name ?? ""),
      fingerprint: certificate?.fingerprint256,
    };
  }

  /** Why the peer is not to be trusted, by what the context demands; `undefined` if it is. */
  get distrust(): string | undefined {
    const context = this.#context;
    if (context.role === "server") {
      if (!context.asksForCertificate) return undefined;
      if (this.#certificate === undefined) {
        return context.requiresCertificate ? "the client has shown no certificate" : undefined;
      }
      const error = this.#handle.verifyError();
      return error ? `the client's certificate is not trusted (${error})` : undefined;
    }
    if (context.verification === "none") return undefined;
    const error = this.#handle.verifyError();
    if (error) return `the server's certificate is not trusted (${error})`;
    if (context.verification === "ca") return undefined;
    const certificate = this.#certificate;
    if (certificate === undefined) return "the server has shown no certificate";
    return checkServerIdentity(context.serverName ?? "", certificate)?.message;
  }

  /** Gives everything free. */
  destroy(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  get #certificate(): PeerCertificate | undefined {
    const certificate = this.#handle.getPeerCertificate(true);
    return isCertificate(certificate) ? certificate : undefined;
  }

  /** Passes on what the last call has brought, in the order in which it matters. */
  #tell(): void {
    const one = this.#one;
    // Most of the time it is data, and then there is nothing to send. What there may be all the same goes with the answer.
    if (!this.#established || one === undefined || this.#failure !== undefined) this.#drain();
    if (one !== undefined) {
      this.#one = undefined;
      this.#events.plain(one);
      if (this.#more.length > 0) this.#tellMore();
    }
    if (this.#over) return;
    if (this.#failure !== undefined) {
      this.#over = true;
      this.#events.failed(this.#failure);
    } else if (this.#ended) {
      this.#over = true;
      this.#events.ended();
    }
  }

  #drain(): void {
    const encrypted = this.#handle.drainEncOut();
    if (encrypted.length > 0) this.#events.send(encrypted);
    if (this.#established || !this.#handle.isEstablished()) return;
    this.#established = true;
    this.#events.secured();
  }

  #tellMore(): void {
    const more = this.#more;
    this.#more = [];
    for (const bytes of more) this.#events.plain(bytes);
  }
}

function isCertificate(value: unknown): value is PeerCertificate {
  return typeof value === "object" && value !== null && "subject" in value && "fingerprint256" in value;
}

const secureContexts = new WeakMap<TlsContext, SecureContext>();

/**
 * The runtime's context for a context of ours.
 *
 * @throws {NetError} `bad-certificate`
 */
export function secureContextOf(context: TlsContext): SecureContext {
  const known = secureContexts.get(context);
  if (known !== undefined) return known;
  const { cert, key, ca } = context;
  try {
    const made = createSecureContext({
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(ca === undefined ? {} : { ca }),
    });
    secureContexts.set(context, made);
    return made;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new NetError("bad-certificate", `Cannot use this certificate and key: ${reason}`, { cause });
  }
}

function openSocket(context: TlsContext): TLSSocket {
  // Nothing ever goes through it: it makes the socket take an engine that does no input or output itself.
  const nowhere = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const serverName = context.role === "client" ? context.serverName : undefined;
  // A numeric address may not be told as a name; verification is done here, after the handshake.
  const servername = serverName !== undefined && isIP(serverName) === 0 ? { servername: serverName } : {};
  return new TLSSocket(nowhere, {
    isServer: context.role === "server",
    secureContext: secureContextOf(context),
    requestCert: context.role === "client" || context.asksForCertificate,
    rejectUnauthorized: false,
    ...servername,
  });
}

function takeHandle(socket: TLSSocket): TlsHandle {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (!isTlsHandle(handle)) throw new TypeError("This runtime's node:tls has no engine that can be driven by hand");
  // The socket itself would start the engine later and send what it has to say to nowhere.
  Reflect.set(socket, "_start", () => {});
  Reflect.set(handle, "_flushEncOut", () => {});
  return handle;
}

let available: boolean | undefined;

/** Whether this runtime has the engine. Tried once: an engine must begin a handshake. */
export function nodeTlsAvailable(): boolean {
  return available ??= tryEngine();
}

function tryEngine(): boolean {
  try {
    const socket = openSocket(clientTlsContext({ verification: "none" }));
    socket.on("error", () => {});
    const handle = takeHandle(socket);
    handle.start();
    const hello = handle.drainEncOut();
    socket.destroy();
    return hello instanceof Uint8Array && hello[0] === 0x16;
  } catch {
    return false;
  }
}
