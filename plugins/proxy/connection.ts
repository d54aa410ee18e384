/**
 * Binds one session to its two sockets.
 *
 * @module
 */
import type { Backends } from "../../lib/core/backends.ts";
import type { Effects, Side } from "../../lib/core/effects.ts";
import { badHandshake } from "../../lib/core/refusal.ts";
import { Session } from "../../lib/core/session.ts";
import type { Address } from "../../lib/net/address.ts";
import { connect } from "../../lib/net/connect.ts";
import type { Networks } from "../../lib/net/network.ts";
import type { Stream, StreamHandler, TlsOutcome } from "../../lib/net/stream.ts";
import type { Log } from "../../lib/plugin/mod.ts";
import { ProtocolError } from "../../lib/protocol/mod.ts";
import { ClientOrigin } from "./client_origin.ts";
import type { Setup } from "./setup.ts";
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
  /** Grows by one with every tick; what timeouts are measured in. */
  ticks: number;
  /** Seconds since 1970 at the last tick. Exact enough for backends' states, and free on the way of a query. */
  now: number;
}

/** One client with its server. */
export class Connection implements Effects {
  readonly #around: Surroundings;
  readonly #client: Stream;
  readonly #session: Session;
  readonly #origin: ClientOrigin;
  #server: Stream | undefined;
  #connecting: AbortController | undefined;
  /** The writes that the event at hand has begun. */
  #writes: Promise<void> | undefined;
  /** The tick in which bytes last came, from either side. */
  #heard: number;

  constructor(client: Stream, around: Surroundings) {
    this.#client = client;
    this.#around = around;
    this.#heard = around.ticks;
    this.#session = new Session(around.backends, this, around.setup.policy, client.isUnix);
    this.#origin = new ClientOrigin(client, around.proxyNetworks);
  }

  /** Serves the client; resolves when both sockets are closed. */
  async run(): Promise<void> {
    this.#origin.whenKnown(() => this.#session.open(this.#around.now));
    await this.#pump(this.#client, "client");
    this.#origin.giveUp();
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
    this.#client.destroy();
    this.drop();
  }

  /** Looks whether a timeout has passed; `tick` is the length of a tick in seconds. */
  checkTimeouts(tick: number): void {
    const { setup, ticks } = this.#around;
    const silent = (ticks - this.#heard) * tick;
    if (silent < tick) return;
    const { readTimeout, writeTimeout } = setup;
    const writing = this.#client.writing || this.#server?.writing === true;
    if (writing && silent >= writeTimeout) {
      this.#around.log.write("warning", `Closing ${this.#origin.name}: a side took nothing for ${writeTimeout} s`);
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
    this.#serverDone = this.#connect(address, this.#connecting);
  }

  drop(): void {
    this.#connecting?.abort();
    this.#connecting = undefined;
    this.#server?.destroy();
    this.#server = undefined;
  }

  send(to: Side, bytes: Uint8Array): void {
    const stream = to === "client" ? this.#client : this.#server;
    if (stream === undefined) return;
    const write = stream.write(bytes);
    const before = this.#writes;
    this.#writes = before === undefined ? write : before.then(() => write);
  }

  secure(side: Side, first: Uint8Array): void {
    const settled = (outcome: TlsOutcome) => this.#session.secured(side, outcome);
    const { tls } = this.#around;
    if (side === "client") this.#client.secure(tls.server, first, settled);
    else this.#server?.secure(tls.backend(this.#session.backend ?? 0), first, settled);
  }

  close(side: Side): void {
    if (side === "client") this.#client.end(true);
    else this.#server?.end(false);
  }

  backendChanged(index: number, up: boolean, reason: string): void {
    const { name } = this.#around.backends.entry(index);
    if (up) this.#around.log.write("message", `Backend ${name} is up`);
    else this.#around.log.write("warning", `Backend ${name} is down: ${reason}`);
  }

  report(level: "warning" | "info" | "debug", text: string): void {
    if (this.#around.log.enabled(level)) this.#around.log.write(level, `${text} (client ${this.#origin.name})`);
  }

  // --- sockets

  /** Resolves when the server's socket, if there ever was one, is closed. */
  #serverDone: Promise<void> = Promise.resolve();

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
    this.#server = stream;
    this.#heard = this.#around.ticks;
    const header = this.#origin.headerFor(this.#around.setup.terms[this.#session.backend ?? 0]?.proxyProtocol ?? 0);
    if (header !== undefined) stream.write(header);
    this.#session.connected(this.#around.now);
    await this.#pump(stream, "server");
  }

  /** The client's bytes without a header of the PROXY protocol; a bad one costs it the connection. */
  #ownBytes(view: Uint8Array): Uint8Array {
    try {
      return this.#origin.take(view);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#origin.giveUp();
      this.report("warning", `A client was refused: ${error.message}`);
      this.#session.refuse(badHandshake(error.message));
      return NOTHING;
    }
  }

  async #pump(stream: Stream, side: Side): Promise<void> {
    const session = this.#session;
    const around = this.#around;
    const handler: StreamHandler = {
      data: (view) => {
        this.#heard = around.ticks;
        this.#writes = undefined;
        // A stream that was given up has nothing to say to its successor.
        if (side === "server" && stream !== this.#server) return undefined;
        const bytes = side === "client" && !this.#origin.settled ? this.#ownBytes(view) : view;
        if (bytes.length > 0) session.received(side, bytes, around.now);
        return this.#writes;
      },
      busy: () => side === "client" ? session.uploading : session.responding,
      // What a server said before it stopped listening is still to be read.
      broken: (reason) => side === "client" ? session.closed("client", this.#around.now, reason) : undefined,
    };
    try {
      const end = await stream.run(handler);
      if (side === "client" || stream === this.#server) {
        session.closed(side, around.now, end.kind === "failed" ? end.reason : undefined);
      }
    } catch (error) {
      // A fault of the proxy's own; it must not cost more than this connection.
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      around.log.write("critical", `A connection failed: ${text}`);
      this.destroy();
    }
    stream.destroy();
  }
}
