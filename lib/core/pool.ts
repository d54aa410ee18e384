/**
 * Idle server connections of one event thread, by backend and user (spec section 6).
 *
 * @module
 */
import { Command, encodePacket } from "../protocol/mod.ts";
import { sameTerms } from "./binding_terms.ts";
import type { ParkedSocket } from "./effects.ts";
import type { ServerLink } from "./server_link.ts";

/** An idle connection. */
export interface Idle {
  readonly link: ServerLink;
  readonly socket: ParkedSocket;
}

/** First in, first out for each user. */
export class Pool {
  readonly #backends: Map<string, Idle[]>[] = [];

  /** How many connections of `user` are idle at a backend. */
  idleOf(backend: number, user: string): number {
    return this.#backends[backend]?.get(user)?.length ?? 0;
  }

  /**
   * How many idle connections `pool.users[user]` tells of: those of the user, if known here; of the first user who has
   * more than `minimum` otherwise (spec 4.5).
   */
  visible(backend: number, user: string, minimum: number): number {
    const users = this.#backends[backend];
    if (users === undefined) return 0;
    const own = users.get(user);
    if (own !== undefined && user !== "") return own.length;
    for (const idle of users.values()) if (idle.length > minimum) return idle.length;
    return 0;
  }

  /** All idle connections of a backend. */
  count(backend: number): number {
    let count = 0;
    for (const idle of this.#backends[backend]?.values() ?? []) count += idle.length;
    return count;
  }

  /** Takes a connection in that nobody uses any more. */
  add(idle: Idle): void {
    const users = this.#backends[idle.link.backend] ??= new Map();
    const user = idle.link.identity?.username ?? "";
    const list = users.get(user);
    if (list === undefined) users.set(user, [idle]);
    else list.push(idle);
  }

  /**
   * The connection of a user that has been idle for longest.
   *
   * @param capabilities what the client has agreed on; a connection that was logged in on other terms would behave
   *   otherwise than the client expects.
   * @param charset the client's, from its login or its change of user.
   * @param affinity see {@linkcode ServerLink.affinity}.
   */
  take(backend: number, user: string, capabilities: bigint, charset: number, affinity: string): Idle | undefined {
    const list = this.#backends[backend]?.get(user);
    const at = list?.findIndex(({ link: { terms, affinity: own } }) =>
      own === affinity && terms !== undefined && sameTerms(terms.capabilities, capabilities) &&
      terms.charset === charset
    );
    return list === undefined || at === undefined || at < 0 ? undefined : list.splice(at, 1)[0];
  }

  /** A connection for a client who has not logged in yet, of any user who has more than `minimum` (spec 4.5, 6.3). */
  takeAny(backend: number, minimum: number, affinity: string): Idle | undefined {
    for (const list of this.#backends[backend]?.values() ?? []) {
      const at = list.length > minimum ? list.findIndex(({ link }) => link.affinity === affinity) : -1;
      if (at >= 0) return list.splice(at, 1)[0];
    }
    return undefined;
  }

  /** Forgets a connection that the server has closed. */
  remove(link: ServerLink): void {
    const list = this.#backends[link.backend]?.get(link.identity?.username ?? "");
    const at = list?.findIndex((idle) => idle.link === link) ?? -1;
    if (at >= 0) list!.splice(at, 1);
  }

  /** Closes all of them. */
  clear(): void {
    const quit = encodePacket(Uint8Array.of(Command.COM_QUIT), 0);
    for (const users of this.#backends.splice(0)) {
      for (const list of users?.values() ?? []) {
        for (const { link, socket } of list) socket.discard(link.wire.encode(quit, true));
      }
    }
  }
}
