/**
 * Binds one session to its two sockets.
 *
 * @module
 */
import type { Backends } from "../../lib/core/backends.ts";
import type { Effects, Keeper, ParkedSocket, Side } from "../../lib/core/effects.ts";
import { badHandshake } from "../../lib/core/refusal.ts";
import { Session } from "../../lib/core/session.ts";
import type { Address } from "../../lib/net/address.ts";
import { connect } from "../../lib/net/connect.ts";
import type { Networks } from "../../lib/net/network.ts";
import type { Stream, StreamEnd, StreamHandler, TlsOutcome } from "../../lib/net/stream.ts";
import type { Log } from "../../lib/plugin/mod.ts";
import { ProtocolError } from "../../lib/protocol/mod.ts";
import { ClientOrigin } from "./client_origin.ts";
import { ServerSocket, type SocketOwner } from "./server_socket.ts";
import type { Setup } from "./setup.ts";
import type { ThreadScripts } from "./thread_scripts.ts";
import type { ThreadTls } from "./thread_tls.ts";

const NOTHING = new Uint8Array(0);

/** What the connections of one event thread have in common. */
export interface Surroundings {
  readonly setup: Setup;
  readonly backends: Backends;
  readonly log: Log;
  readonly tls: ThreadTls;
  /** Who may tell the client's address by the PROXY protocol. */
  readonly proxyNetworks: Networks;
  /** There if a script looks at what goes by. */
  readonly scripts: ThreadScripts | undefined;
  /** Grows by one with every tick; what timeouts are measured in. */
  ticks: number;
  /** Seconds since 1970 at the last tick. Exact enough for backends' states, and free on the way of a query. */
  now: number;
}

/** One client with its server. */
export class Connection implements Effects, SocketOwner {
  readonly #around: Surroundings;
  readonly #client: Stream;
  readonly #session: Session;
  /** The client's addresses, as far as they are known. */
  readonly origin: ClientOrigin;
  #server: ServerSocket | undefined;
  #connecting: AbortController | undefined;
  /** The writes that the event at hand has begun. */
  #writes: Promise<void> | undefined;
  /** No more bytes of the client are to be taken before this. */
  #held: Promise<void> | undefined;
  #letGoOn: () => void = () => {};
  /** The tick in which bytes last came, from either side. */
  #heard: number;

  constructor(client: Stream, around: Surroundings) {
    this.#client = client;
    this.#around = around;
    this.#heard = around.ticks;
    this.origin = new ClientOrigin(client, around.proxyNetworks);
    const scripting = around.scripts?.scripting(this);
    this.#session = new Session(around.backends, this, around.setup.policy, client.isUnix, scripting);
  }

  /** The server's socket, if there is one. */
  get server(): ServerSocket | undefined {
    return this.#server;
  }

  /** Serves the client; resolves when both sockets are closed. */
  async run(): Promise<void> {
    this.origin.whenKnown(() => this.#session.open(this.#around.now));
    await this.#pumpClient();
    this.origin.giveUp();
    await this.#serverDone;
  }

  /** Ends the connection when nothing is under way, or at once if `now`. */
  stop(now: boolean): void {
    if (now) this.#session.cutOff();
    else this.#session.stop();
  }

  /** Closes both sockets without a word. */
  destroy(): void {
    this.#session.abandon();
    this.#letGoOn();
    this.#client.destroy();
    this.drop();
  }

  /** Looks whether a timeout has passed; `tick` is the length of a tick in seconds. */
  checkTimeouts(tick: number): void {
    const { setup, ticks } = this.#around;
    const silent = (ticks - this.#heard) * tick;
    if (silent < tick) return;
    const { readTimeout, writeTimeout } = setup;
    const writing = this.#client.writing || this.#server?.stream.writing === true;
    if (this.#session.waiting) {
      this.#heard = ticks;
    } else if (writing && silent >= writeTimeout) {
      this.#around.log.write("warning", `Closing ${this.origin.name}: a side took nothing for ${writeTimeout} s`);
      this.destroy();
    } else if (this.#session.loggingIn) {
      if (silent >= setup.loginTimeout) this.#session.timedOut(setup.loginTimeout, this.#around.now);
    } else if (!writing && silent >= readTimeout && !this.#session.ended) {
      this.#session.timedOut(readTimeout, this.#around.now);
    }
  }

  // --- effects

  connect(index: number): void {
    const address = this.#around.setup.backends[index];
    if (address === undefined) throw new RangeError(`There is no backend ${index}`);
    this.#connecting = new AbortController();
    this.#connect(address, this.#connecting);
  }

  drop(): void {
    this.#connecting?.abort();
    this.#connecting = undefined;
    const server = this.#server;
    this.#letGo();
    // Its end is nobody's business any more: there may be another one by then.
    server?.abandon();
  }

  park(keeper: Keeper): ParkedSocket {
    const socket = this.#server;
    if (socket === undefined) throw new TypeError("There is no server to park");
    socket.park(keeper);
    this.#letGo();
    return socket;
  }

  adopt(socket: ParkedSocket): void {
    if (!(socket instanceof ServerSocket)) throw new TypeError("Not a socket of this proxy");
    socket.give(this);
    this.#take(socket);
  }

  hold(until: Promise<void>): void {
    // The event at hand may be the server's, which must go on to be heard: its words are what the client's wait for.
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    this.#letGoOn = () => {
      if (this.#held === promise) this.#held = undefined;
      resolve();
    };
    until.then(this.#letGoOn);
  }

  send(to: Side, bytes: Uint8Array): void {
    const stream = to === "client" ? this.#client : this.#server?.stream;
    if (stream !== undefined) this.#awaits(stream.write(bytes));
  }

  #awaits(promise: Promise<void>): void {
    const before = this.#writes;
    this.#writes = before === undefined ? promise : before.then(() => promise);
  }

  secure(side: Side, first: Uint8Array): void {
    const settled = (outcome: TlsOutcome) => this.#session.secured(side, outcome);
    const { tls } = this.#around;
    if (side === "client") this.#client.secure(tls.server, first, settled);
    else this.#server?.stream.secure(tls.backend(this.#session.backend ?? 0), first, settled);
  }

  close(side: Side): void {
    if (side === "client") {
      // Nobody keeps what it says any more, and its end is to be heard.
      this.#letGoOn();
      this.#client.end(true);
    } else this.#server?.stream.end(false);
  }

  backendChanged(index: number, up: boolean, reason: string): void {
    const { name } = this.#around.backends.entry(index);
    if (up) this.#around.log.write("message", `Backend ${name} is up`);
    else this.#around.log.write("warning", `Backend ${name} is down: ${reason}`);
  }

  report(level: "critical" | "warning" | "info" | "debug", text: string): void {
    if (this.#around.log.enabled(level)) this.#around.log.write(level, `${text} (client ${this.origin.name})`);
  }

  // --- sockets

  /** Resolves when this connection has no server's socket any more: it is closed, or somebody else's. */
  #serverDone: Promise<void> = Promise.resolve();
  #serverGone: (() => void) | undefined;

  #take(socket: ServerSocket): void {
    this.#server = socket;
    this.#heard = this.#around.ticks;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#serverDone = promise;
    this.#serverGone = resolve;
  }

  #letGo(): void {
    this.#server = undefined;
    this.#serverGone?.();
    this.#serverGone = undefined;
  }

  async #connect(address: Address, attempt: AbortController): Promise<void> {
    let stream: Stream;
    try {
      stream = await connect(address, { timeout: this.#around.setup.connectTimeout, signal: attempt.signal });
    } catch (error) {
      if (!attempt.signal.aborted) {
        this.#session.connectFailed(error instanceof Error ? error.message : String(error), this.#around.now);
      }
      return;
    }
    if (attempt.signal.aborted) return stream.destroy();
    this.#connecting = undefined;
    const socket = new ServerSocket(stream, this);
    this.#take(socket);
    const header = this.origin.headerFor(this.#around.setup.terms[this.#session.backend ?? 0]?.proxyProtocol ?? 0);
    if (header !== undefined) stream.write(header);
    this.#session.connected(this.#around.now);
    await socket.run();
  }

  data(view: Uint8Array): Promise<void> | undefined {
    this.#heard = this.#around.ticks;
    this.#writes = undefined;
    this.#session.received("server", view, this.#around.now);
    return this.#writes;
  }

  busy(): boolean {
    return this.#session.responding;
  }

  ended(end: StreamEnd): void {
    // While it is being dropped it is nobody's business any more.
    if (this.#server === undefined) return;
    this.#session.closed("server", this.#around.now, end.kind === "failed" ? end.reason : undefined);
    this.#letGo();
  }

  failed(error: unknown): void {
    // It must not cost more than this connection.
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    this.#around.log.write("critical", `A connection failed: ${text}`);
    this.destroy();
  }

  /** The client's bytes without a header of the PROXY protocol; a bad one costs it the connection. */
  #ownBytes(view: Uint8Array): Uint8Array {
    try {
      return this.origin.take(view);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.origin.giveUp();
      this.report("warning", `A client was refused: ${error.message}`);
      this.#session.refuse(badHandshake(error.message));
      return NOTHING;
    }
  }

  async #pumpClient(): Promise<void> {
    const session = this.#session;
    const around = this.#around;
    const client = this.#client;
    const handler: StreamHandler = {
      data: (view) => {
        this.#heard = around.ticks;
        this.#writes = undefined;
        const bytes = this.origin.settled ? view : this.#ownBytes(view);
        if (bytes.length > 0) session.received("client", bytes, around.now);
        if (this.#held !== undefined) this.#awaits(this.#held);
        return this.#writes;
      },
      busy: () => session.uploading,
      broken: (reason) => session.closed("client", around.now, reason),
    };
    try {
      const end = await client.run(handler);
      session.closed("client", around.now, end.kind === "failed" ? end.reason : undefined);
    } catch (error) {
      this.failed(error);
    }
    client.destroy();
  }
}
