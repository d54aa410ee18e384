/**
 * The part of the proxy that runs on every event thread: accepts clients and owns their connections from then on.
 *
 * @module
 */
import { Backends } from "../../lib/core/backends.ts";
import { AcceptTurn } from "../../lib/net/accept_turn.ts";
import { Listener } from "../../lib/net/listener.ts";
import { Networks } from "../../lib/net/network.ts";
import type { ThreadContext, ThreadHalf } from "../../lib/plugin/mod.ts";
import { Connection, type Surroundings } from "./connection.ts";
import type { Setup } from "./setup.ts";
import { ThreadScripts } from "./thread_scripts.ts";
import { ThreadTls } from "./thread_tls.ts";

/** The longest and shortest time between two looks at the timeouts, in seconds. */
const LONGEST_TICK = 1;
const SHORTEST_TICK = 0.02;

/** Opens the listeners of this thread and serves until stopped. */
export class ProxyThread implements ThreadHalf {
  readonly #surroundings: Surroundings;
  readonly #turn: AcceptTurn;
  readonly #listeners: Listener[] = [];
  readonly #connections = new Set<Connection>();
  readonly #timer: ReturnType<typeof setInterval>;
  #stopping = false;
  #drained: (() => void) | undefined;

  /**
   * Loads the script, if there is one, and begins to listen.
   *
   * @throws {NetError} `cannot-listen`
   * @throws {ScriptFileError} if the script is missing or broken.
   */
  static async start(context: ThreadContext<Setup>): Promise<ProxyThread> {
    const { shared: setup, log } = context;
    const backends = new Backends(setup.backendMemory);
    const tls = new ThreadTls(setup, log);
    const scripts = setup.scripts && await ThreadScripts.open(setup.scripts, context, backends, tls);
    return new ProxyThread(context, backends, tls, scripts);
  }

  private constructor(
    context: ThreadContext<Setup>,
    backends: Backends,
    tls: ThreadTls,
    scripts: ThreadScripts | undefined,
  ) {
    const { shared: setup, index, threads, log } = context;
    this.#surroundings = {
      setup,
      backends,
      log,
      tls,
      scripts,
      proxyNetworks: new Networks(setup.proxyNetworks),
      ticks: 0,
      now: Date.now() / 1000,
    };
    this.#turn = new AcceptTurn(setup.acceptMemory, index, context.wakeOthers);
    for (const [position, address] of setup.listen.entries()) {
      // A Unix socket has one owner.
      if (address.transport === "unix" && position % threads !== index) continue;
      this.#listeners.push(Listener.open(address, "shared"));
    }
    for (const listener of this.#listeners) this.#serve(listener, listener.address.transport === "tcp");
    const shortest = Math.min(setup.readTimeout, setup.writeTimeout, setup.loginTimeout);
    const tick = Math.min(LONGEST_TICK, Math.max(SHORTEST_TICK, shortest / 4));
    this.#timer = setInterval(() => this.#tick(tick), tick * 1000);
  }

  wake(): void {
    this.#turn.wake(Date.now() / 1000);
    this.#surroundings.tls.checkFiles();
    this.#surroundings.scripts?.wake();
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping = true;
    for (const listener of this.#listeners) listener.close();
    this.#turn.release();
    for (const connection of this.#connections) connection.stop(false);
    if (this.#connections.size > 0) {
      const drained = new Promise<void>((resolve) => this.#drained = resolve);
      const cutOff = () => {
        const left = this.#connections.size;
        this.#surroundings.log.write("warning", `Cutting off ${left} connections that did not end in time`);
        for (const connection of this.#connections) connection.stop(true);
        // What the last ERR packets need to leave this machine.
        setTimeout(() => {
          for (const connection of this.#connections) connection.destroy();
          this.#drained?.();
        }, 100);
      };
      if (signal.aborted) cutOff();
      else signal.addEventListener("abort", cutOff, { once: true });
      await drained;
      signal.removeEventListener("abort", cutOff);
    }
    clearInterval(this.#timer);
    await this.#surroundings.scripts?.stop();
  }

  async #serve(listener: Listener, shared: boolean): Promise<void> {
    const { log } = this.#surroundings;
    for (;;) {
      if (shared) await this.#turn.mine();
      if (this.#stopping) return;
      const client = await listener.accept((reason) => log.write("critical", `Cannot accept a client: ${reason}`));
      if (client === undefined) return;
      // Taken from the backlog while the stop was on its way.
      if (this.#stopping) return client.destroy();
      this.#turn.accepted();
      const connection = new Connection(client, this.#surroundings);
      this.#connections.add(connection);
      this.#follow(connection);
    }
  }

  async #follow(connection: Connection): Promise<void> {
    try {
      await connection.run();
    } finally {
      this.#connections.delete(connection);
      this.#turn.closed();
    }
    if (this.#stopping && this.#connections.size === 0) this.#drained?.();
  }

  #tick(seconds: number): void {
    this.#surroundings.ticks++;
    this.#surroundings.now = Date.now() / 1000;
    for (const connection of this.#connections) connection.checkTimeouts(seconds);
  }
}
