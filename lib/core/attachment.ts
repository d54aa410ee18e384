/**
 * The server that a session has, or is getting: which backend, whether it is connected, and what happens to it when it is
 * given back.
 *
 * @module
 */
import { type Backends, BackendState } from "./backends.ts";
import type { Effects } from "./effects.ts";
import type { Pool } from "./pool.ts";
import { ServerLink } from "./server_link.ts";
import { SessionReset } from "./session_reset.ts";

/** At most one server at a time. */
export class Attachment {
  readonly #backends: Backends;
  readonly #effects: Effects;
  readonly #pool: Pool | undefined;
  /** The backend that is attached or being tried; it counts this client. */
  backend: number | undefined;
  /** There while a connection is open. */
  link: ServerLink | undefined;

  constructor(backends: Backends, effects: Effects, pool: Pool | undefined) {
    this.#backends = backends;
    this.#effects = effects;
    this.#pool = pool;
  }

  /** The backend's name, for messages. */
  get name(): string {
    return this.backend === undefined ? "(none)" : this.#backends.entry(this.backend).name;
  }

  /**
   * Begins to connect to a backend: the one that is wished for, unless it is down, or the one with the shortest queue.
   *
   * @param wish an index, of whatever a script has wished for.
   * @returns why there is none: the wish is for a backend that does not exist, or all are down.
   */
  connect(now: number, wish: number | undefined): "none-such" | "all-down" | undefined {
    if (wish !== undefined && !this.#backends.has(wish)) return "none-such";
    const best = this.#backends.choose(now);
    const index = wish !== undefined && this.#backends.state(wish) !== BackendState.DOWN ? wish : best;
    if (index === undefined) return "all-down";
    this.backend = index;
    this.#backends.attach(index);
    return undefined;
  }

  /** The connection is open. */
  connected(now: number): void {
    const index = this.backend!;
    this.link = new ServerLink(index);
    if (this.#backends.connected(index, now)) this.#effects.backendChanged(index, true, "connected");
  }

  /** The backend could not be had after all. */
  failed(reason: string, now: number): void {
    const index = this.backend;
    if (index === undefined) return;
    this.#effects.drop();
    this.release();
    if (this.#backends.failed(index, now)) this.#effects.backendChanged(index, false, reason);
  }

  /**
   * Gives the server back: to the pool if another client could have it, or to nobody.
   *
   * @param atRest nothing is under way with it, as far as its traffic can tell.
   * @param reset its session is to be as after the login again, since the client is gone that made it what it is.
   */
  park(atRest: boolean, reset: boolean): void {
    const { link } = this;
    if (link === undefined || this.#pool === undefined) return;
    this.release();
    const fit = atRest && link.reusable;
    const resetting = fit && reset ? SessionReset.of(link) : undefined;
    if (!fit || (reset && resetting === undefined)) {
      const { name } = this.#backends.entry(link.backend);
      this.#effects.report("info", `A connection to backend ${name} is not fit for the pool`);
      return this.#effects.drop();
    }
    this.#shelve(this.#pool, link, resetting);
  }

  #shelve(pool: Pool, link: ServerLink, reset: SessionReset | undefined): void {
    let resetting = reset;
    const socket = this.#effects.park({
      heard: (bytes) => {
        const result = resetting?.heard(bytes) ?? "failed";
        if (result === "under-way") return true;
        resetting = undefined;
        if (result === "done") pool.add({ link, socket });
        return result === "done";
      },
      lost: () => pool.remove(link),
    });
    if (reset !== undefined) socket.send(reset.bytes);
    else pool.add({ link, socket });
  }

  /**
   * Takes an idle connection of `user`, for a client who has agreed on `capabilities` and speaks `charset`; what was attached
   * is given back.
   */
  take(
    index: number,
    user: string,
    capabilities: bigint,
    charset: number,
    affinity: string,
    atRest: boolean,
  ): boolean {
    return this.#adopt(this.#pool?.take(index, user, capabilities, charset, affinity), atRest);
  }

  /** Takes an idle connection for a client who has yet to log in. */
  takeAny(index: number, affinity: string, atRest: boolean): boolean {
    if (!this.#backends.has(index)) return false;
    return this.#adopt(this.#pool?.takeAny(index, this.#backends.minIdle(index), affinity), atRest);
  }

  #adopt(idle: ReturnType<Pool["take"]>, atRest: boolean): boolean {
    if (idle === undefined) return false;
    this.park(atRest, false);
    this.backend = idle.link.backend;
    this.link = idle.link;
    this.#backends.attach(idle.link.backend);
    this.#effects.adopt(idle.socket);
    return true;
  }

  /** The server is gone, or nobody's any more. */
  release(): void {
    this.link = undefined;
    if (this.backend === undefined) return;
    this.#backends.detach(this.backend);
    this.backend = undefined;
  }
}
