/**
 * Brings backends that are DOWN back, without a client having to try them.
 *
 * @module
 */
import { type Backends, BackendState } from "../../lib/core/backends.ts";
import type { Address } from "../../lib/net/address.ts";
import { connect } from "../../lib/net/connect.ts";
import type { Stream } from "../../lib/net/stream.ts";
import type { Log } from "../../lib/plugin/mod.ts";
import {
  encodeProxyHeader,
  ERR_HEADER,
  HANDSHAKE_VERSION,
  HEADER_LENGTH,
  PacketCollector,
} from "../../lib/protocol/mod.ts";

/** How long after its last failure a backend is looked at, and how often the table is read, in milliseconds. */
const INTERVAL_MS = 1000;

/** More than any greeting has. */
const GREETING_LIMIT = 4096;

/** Where a backend is, and how it wants to be spoken to. */
export interface ProbeTarget {
  readonly address: Address;
  /** The version of the PROXY protocol that it waits for, 0 for none: without a header it would not greet. */
  readonly proxyProtocol: 0 | 1 | 2;
}

/** Looks after the backends from the main thread. */
export class Probe {
  readonly #backends: Backends;
  readonly #targets: readonly ProbeTarget[];
  readonly #timeout: number;
  readonly #log: Log;
  readonly #running = new Set<number>();
  readonly #abort = new AbortController();
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param targets by the backend's index.
   * @param timeout for connection and greeting together, in seconds.
   */
  constructor(backends: Backends, targets: readonly ProbeTarget[], timeout: number, log: Log) {
    this.#backends = backends;
    this.#targets = targets;
    this.#timeout = timeout;
    this.#log = log;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#abort.abort();
  }

  #look(): void {
    for (const [index, target] of this.#targets.entries()) {
      if (this.#backends.state(index) !== BackendState.DOWN || this.#running.has(index)) continue;
      this.#running.add(index);
      this.#try(index, target).finally(() => this.#running.delete(index));
    }
  }

  async #try(index: number, target: ProbeTarget): Promise<void> {
    const greeted = await this.#greets(target);
    const now = Date.now() / 1000;
    if (this.#abort.signal.aborted || this.#backends.state(index) !== BackendState.DOWN) return;
    // A failed probe renews the time, so that no client is made to try what was just seen to be dead.
    const changed = this.#backends.setState(index, greeted ? BackendState.UP : BackendState.DOWN, now);
    if (changed) this.#log.write("message", `Backend ${this.#backends.entry(index).name} is up again`);
  }

  /** Whether a server answers there with a greeting; an ERR packet ("too many connections") is a sign of life too. */
  async #greets({ address, proxyProtocol }: ProbeTarget): Promise<boolean> {
    let greeted = false;
    let stream: Stream | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const opened = await connect(address, { timeout: this.#timeout, signal: this.#abort.signal });
      stream = opened;
      timer = setTimeout(() => opened.destroy(), this.#timeout * 1000);
      // Nobody's connection but the proxy's own.
      if (proxyProtocol !== 0) opened.write(encodeProxyHeader(proxyProtocol, undefined, undefined));
      const collector = new PacketCollector(GREETING_LIMIT);
      await opened.run({
        data: (view) => {
          const { packet } = collector.collect(view, 0);
          if (packet === undefined) return undefined;
          greeted = packet[HEADER_LENGTH] === HANDSHAKE_VERSION || packet[HEADER_LENGTH] === ERR_HEADER;
          opened.destroy();
          return undefined;
        },
        busy: () => false,
        broken: () => {},
      });
    } catch {
      // Refused, timed out, or no packet at all: still down.
    } finally {
      clearTimeout(timer);
      stream?.destroy();
    }
    return greeted;
  }
}
