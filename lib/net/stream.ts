/**
 * A connected socket as the rest of the program sees it.
 *
 * Data comes in as a view of a buffer that is used again after the handler; a write takes a view and says when the
 * other side may go on. That is what `Deno.Conn` does best today and what an event loop of our own could do as well.
 *
 * @module
 */
import { formatAddress } from "./address.ts";
import { type SocketHandle, type SocketIo, socketIo } from "./socket_io.ts";
import type { TlsContext } from "./tls_context.ts";
import type { TlsEngine, TlsPeer } from "./tls_engine.ts";
import { openTlsEngine } from "./tls_provider.ts";
import { turn } from "./turn.ts";
import { writeAfterTurn } from "./write_turn.ts";

/** What a stream does with the bytes it reads. */
export interface StreamHandler {
  /**
   * Takes bytes; `view` is valid until the returned promise has settled, or until the call has returned if there is
   * none. Nothing more is read before.
   */
  data(view: Uint8Array): Promise<void> | undefined;
  /** Whether more bytes are likely to follow at once: then they are read into a large buffer. */
  busy(): boolean;
  /** A write has failed: the peer takes nothing any more. It may still be read from. */
  broken(reason: string): void;
}

/** How a stream came to its end. */
export type StreamEnd =
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly reason: string };

/** What came of a TLS handshake. */
export type TlsOutcome =
  | { readonly kind: "secured"; readonly peer: TlsPeer }
  /** It is encrypted, but the peer is not who it should be. */
  | { readonly kind: "distrusted"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** The smallest read buffer: an idle connection holds one, on either side. */
const SMALL = 512;
/** The largest read buffer of a connection that waits. */
const LARGEST_IDLE = 16 * 1024;
/** The read buffer in the middle of a large transfer, shared between the streams of a thread. */
const BULK = 64 * 1024;
/** How many bulk buffers a thread keeps for later. */
const SPARE_LIMIT = 32;
/** After so many bytes the other connections get a turn; a read counts as {@linkcode READ_WEIGHT} bytes at least. */
const TURN_BYTES = 256 * 1024;
const READ_WEIGHT = 1024;
/** How long a closed stream still takes the peer's bytes, so that a reset does not destroy our last packet. */
const LINGER_MS = 2000;
/** How long a peer that nobody waits for any more has to take what is still to be written to it. */
const FLUSH_MS = 3000;

const EMPTY = new Uint8Array(0);

const spare: Uint8Array<ArrayBuffer>[] = [];

/** One socket. */
export class Stream {
  readonly #conn: Deno.Conn;
  readonly #io: SocketIo;
  readonly #handle: SocketHandle;
  #buffer = new Uint8Array(SMALL);
  /** Reads in a row that filled less than a quarter of the buffer. */
  #sparse = 0;
  #writing = 0;
  /** What the write under way was given. */
  #view: Uint8Array = EMPTY;
  /** The write under way has not begun yet. */
  #unbegun = false;
  #settle: () => void = () => {};
  #lastWrite: Promise<void> = Promise.resolve();
  #state: "open" | "ending" | "closed" = "open";
  #writeFailed: string | undefined;
  #handler: StreamHandler | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #tls: TlsEngine | undefined;
  /** Inside of TLS the peer has come to its end, although the socket is open. */
  #tlsEnd: StreamEnd | undefined;
  /** What the handlers of the plain bytes of one read wait for. */
  #plainWait: Promise<void> | undefined;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    ({ io: this.#io, handle: this.#handle } = socketIo(conn));
    // Without it small packets wait 40 ms for an acknowledgement (measured).
    if (isTcp(conn)) conn.setNoDelay(true);
  }

  /** Asks the system to notice a peer that vanished. */
  keepAlive(): void {
    if (isTcp(this.#conn)) this.#conn.setKeepAlive(true);
  }

  /** The peer's address, `unix` for a nameless Unix socket. */
  get remote(): string {
    return name(this.#conn.remoteAddr);
  }

  /** The addresses of both ends. */
  get addresses(): { readonly local: Deno.Addr; readonly remote: Deno.Addr } {
    return { local: this.#conn.localAddr, remote: this.#conn.remoteAddr };
  }

  /** Whether it is a Unix socket. */
  get isUnix(): boolean {
    return !isTcp(this.#conn);
  }

  get local(): string {
    return name(this.#conn.localAddr);
  }

  /** Whether bytes are waiting to be written. */
  get writing(): boolean {
    return this.#writing > 0;
  }

  /**
   * Reads until the peer closes, the stream fails, or it is ended from this side and the peer has followed. The socket
   * stays open for writing until {@linkcode destroy}.
   *
   * @returns how it ended; rejects only with what the handler throws.
   */
  async run(handler: StreamHandler): Promise<StreamEnd> {
    this.#handler = handler;
    let sinceTurn = 0;
    let view: Uint8Array = EMPTY;
    let viewed: Uint8Array = EMPTY;
    let end: StreamEnd = { kind: "closed" };
    // A read that did not fill its buffer left nothing behind.
    let full = false;
    for (;;) {
      const bulk: Uint8Array<ArrayBuffer> | undefined = full && handler.busy()
        ? spare.pop() ?? new Uint8Array(BULK)
        : undefined;
      const buffer: Uint8Array<ArrayBuffer> = bulk ?? this.#buffer;
      let read: number;
      try {
        read = await this.#io.read(this.#handle, buffer);
      } catch (error) {
        if (this.#state === "open") end = { kind: "failed", reason: reasonOf(error) };
        break;
      }
      if (read === 0) break;
      full = read === buffer.length;
      // Packets of one kind tend to have one length, and a new view costs more than the comparison.
      if (viewed !== buffer || view.length !== read) {
        view = buffer.subarray(0, read);
        viewed = buffer;
      }
      if (this.#state === "open") {
        const wait = this.#tls === undefined ? handler.data(view) : this.#receiveSealed(this.#tls, view);
        if (wait !== undefined) await wait;
        if (this.#tlsEnd !== undefined) {
          end = this.#tlsEnd;
          break;
        }
      }
      if (bulk === undefined) {
        if (full || buffer.length > SMALL) this.#adapt(read);
      } else {
        // Nothing of an idle connection may hold on to a bulk buffer.
        view = viewed = EMPTY;
        if (spare.length < SPARE_LIMIT) spare.push(bulk);
      }
      sinceTurn += read < READ_WEIGHT ? READ_WEIGHT : read;
      if (sinceTurn >= TURN_BYTES) {
        sinceTurn = 0;
        await turn();
      }
    }
    if (this.#state === "ending") await this.#lastWrite;
    return end;
  }

  /**
   * Writes all of `view`. A failure goes to the handler's `broken`, once.
   *
   * @returns when `view` may be used again; never rejects.
   */
  write(view: Uint8Array): Promise<void> {
    if (this.#state !== "open" || this.#writeFailed !== undefined) return this.#lastWrite;
    return this.#writeRaw(this.#tls === undefined ? view : this.#tls.seal(view, this.#writing === 0));
  }

  #writeRaw(view: Uint8Array): Promise<void> {
    if (view.length === 0) return this.#lastWrite;
    if (this.#writing === 0) {
      this.#writing = 1;
      this.#view = view;
      this.#unbegun = true;
      writeAfterTurn(this.#begin);
      return this.#lastWrite = new Promise(this.#keepSettle);
    }
    // Rare: something of the proxy's own goes out while a chunk is being written. The copy keeps `view` free.
    const copy = view.slice();
    this.#writing++;
    return this.#lastWrite = this.#lastWrite.then(() => this.#writeRest(copy, 0));
  }

  readonly #keepSettle = (settle: () => void): void => {
    this.#settle = settle;
  };

  readonly #begin = (): void => {
    if (!this.#unbegun) return;
    this.#unbegun = false;
    this.#io.write(this.#handle, this.#view).then(this.#wrote, this.#failed);
  };

  /** A write has taken so many bytes of `#view`; seldom not all of them. */
  readonly #wrote = (written: number): void => {
    const view = this.#view;
    const settle = this.#settle;
    if (written < view.length) {
      this.#writeRest(view, written).then(settle);
      return;
    }
    this.#writing--;
    settle();
  };

  readonly #failed = (error: unknown): void => {
    const settle = this.#settle;
    this.#couldNotWrite(error);
    settle();
  };

  #couldNotWrite(error: unknown): void {
    this.#writing--;
    this.#writeFailed = reasonOf(error);
    if (this.#state === "open") this.#handler?.broken(this.#writeFailed);
  }

  async #writeRest(view: Uint8Array, written: number): Promise<void> {
    try {
      while (written < view.length && this.#writeFailed === undefined && this.#state !== "closed") {
        written += await this.#io.write(this.#handle, view.subarray(written));
      }
      this.#writing--;
    } catch (error) {
      this.#couldNotWrite(error);
    }
  }

  /**
   * Goes on with TLS: from here on the handler gets plain bytes, and {@linkcode write} takes them. Nothing can be written
   * before the handshake is done.
   *
   * @param first what was read already and is the peer's first part of the handshake.
   * @param settled is told how the handshake came out, before any plain byte is; not at all if the stream ends first.
   * @throws {TypeError} where `tlsAvailable()` is false.
   */
  secure(context: TlsContext, first: Uint8Array, settled: (outcome: TlsOutcome) => void): void {
    let secured = false;
    const tls: TlsEngine = openTlsEngine(context, {
      send: (encrypted) => {
        if (this.#state === "open" && this.#writeFailed === undefined) this.#writeRaw(encrypted);
      },
      secured: () => {
        secured = true;
        const reason = tls.distrust;
        settled(reason === undefined ? { kind: "secured", peer: tls.peer } : { kind: "distrusted", reason });
      },
      plain: (bytes) => {
        if (this.#state !== "open") return;
        const wait = this.#handler?.data(bytes);
        const before = this.#plainWait;
        if (wait !== undefined) this.#plainWait = before === undefined ? wait : before.then(() => wait);
      },
      ended: () => this.#tlsEnd = { kind: "closed" },
      failed: (reason) => {
        this.#tlsEnd = { kind: "failed", reason };
        if (!secured) settled({ kind: "failed", reason });
      },
    });
    this.#tls = tls;
    tls.start();
    if (first.length > 0) tls.receive(first);
  }

  #receiveSealed(tls: TlsEngine, view: Uint8Array): Promise<void> | undefined {
    this.#plainWait = undefined;
    tls.receive(view);
    return this.#plainWait;
  }

  /**
   * Closes the stream when everything is written.
   *
   * @param linger wait for that as long as it takes, and then give the peer time to read it: closing a socket while the
   *   peer still sends resets the connection and can destroy what we sent last.
   */
  end(linger: boolean): void {
    if (this.#state !== "open") return;
    if (this.#tls !== undefined && this.#writeFailed === undefined) this.#writeRaw(this.#tls.sealEnd());
    this.#state = "ending";
    if (!linger) this.#linger = setTimeout(() => this.destroy(), FLUSH_MS);
    this.#lastWrite.then(() => linger ? this.#closeWrite() : this.destroy());
  }

  async #closeWrite(): Promise<void> {
    if (this.#state !== "ending") return;
    this.#linger = setTimeout(() => this.destroy(), LINGER_MS);
    try {
      await this.#conn.closeWrite();
    } catch {
      this.destroy();
    }
  }

  /** Closes the socket at once. */
  destroy(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    // What was to be written goes as far as the system takes it.
    this.#begin();
    clearTimeout(this.#linger);
    this.#tls?.destroy();
    try {
      this.#conn.close();
    } catch {
      // The runtime closed it already.
    }
  }

  /** Grows the buffer when a read filled it, and shrinks it again when reads stay small. */
  #adapt(read: number): void {
    const size = this.#buffer.length;
    if (read === size && size < LARGEST_IDLE) {
      this.#buffer = new Uint8Array(size * 4 > LARGEST_IDLE ? LARGEST_IDLE : size * 4);
      this.#sparse = 0;
    } else if (read * 4 < size && size > SMALL && ++this.#sparse === 64) {
      this.#buffer = new Uint8Array(size / 4 < SMALL ? SMALL : size / 4);
      this.#sparse = 0;
    } else if (read * 4 >= size) {
      this.#sparse = 0;
    }
  }
}

function isTcp(conn: Deno.Conn): conn is Deno.TcpConn {
  return conn.remoteAddr.transport === "tcp";
}

function name(addr: Deno.Addr): string {
  if (addr.transport === "tcp") return formatAddress({ transport: "tcp", hostname: addr.hostname, port: addr.port });
  return "path" in addr && addr.path !== null && addr.path !== "" ? addr.path : "unix";
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
