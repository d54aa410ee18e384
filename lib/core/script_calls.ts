/**
 * Calls of a connection's script. A hook may wait; then everything that happens to the connection waits with it.
 *
 * @module
 */
import { type Decision, type Script, Verdict } from "../script/mod.ts";
import type { Side } from "./effects.ts";

/** Something that has happened while a hook waited. */
export type HeldEvent =
  /** Bytes have come; `plain` if they have been decompressed already. */
  | { readonly kind: "bytes"; readonly from: Side; readonly bytes: Uint8Array; readonly plain: boolean }
  | { readonly kind: "server-closed"; readonly reason: string };

/** What the session does for its script's calls. */
export interface ScriptCaller {
  /** Goes on with what was held back. */
  replay(event: HeldEvent): void;
  /** Takes no more bytes of the client until the promise has settled. */
  hold(until: Promise<void>): void;
  /** Everything has been made up for. */
  caughtUp(): void;
  /** A fault of the proxy's own, after a wait, when nobody else would hear of it. */
  failed(error: unknown): void;
}

/** So many bytes of the client are kept before it is not read any more. */
const HELD_LIMIT = 256 * 1024;

/** The script of one connection. */
export class ScriptCalls {
  readonly script: Script;
  readonly #caller: ScriptCaller;
  #held: HeldEvent[] = [];
  #heldLength = 0;
  #room: (() => void) | undefined;
  #ended = false;
  /** Whether a hook waits for something. */
  waiting = false;

  constructor(script: Script, caller: ScriptCaller) {
    this.script = script;
    this.#caller = caller;
  }

  /** Goes on with `then` when the hook has decided: at once, unless it waits. */
  ask(decision: Decision, then: (verdict: Verdict) => void): void {
    if (typeof decision === "number") return then(decision);
    this.waiting = true;
    const settled = (verdict: Verdict) => {
      this.waiting = false;
      try {
        then(verdict);
        this.#catchUp();
      } catch (error) {
        this.#caller.failed(error);
      }
    };
    decision.then(settled, () => settled(Verdict.NONE));
  }

  /** Keeps an event until the hook is over. */
  keep(event: HeldEvent): void {
    this.#held.push(event);
    if (event.kind !== "bytes" || event.from !== "client") return;
    this.#heldLength += event.bytes.length;
    if (this.#heldLength < HELD_LIMIT || this.#room !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#room = resolve;
    this.#caller.hold(promise);
  }

  /** Whether a server has spoken, or closed, while a hook waited, which nobody has heard yet. */
  get holdsServer(): boolean {
    return this.#held.some(isServers);
  }

  /** Forgets what has been kept of a server that the client does not have any more. */
  forgetServer(): void {
    if (this.holdsServer) this.#held = this.#held.filter((event) => !isServers(event));
  }

  #catchUp(): void {
    while (!this.waiting) {
      const event = this.#held.shift();
      if (event === undefined) break;
      this.#caller.replay(event);
    }
    if (this.#held.length > 0) return;
    this.#heldLength = 0;
    this.#makeRoom();
    this.#caller.caughtUp();
  }

  #makeRoom(): void {
    this.#room?.();
    this.#room = undefined;
  }

  /** The connection ends: a hook that waits is given up, and the last one is called, once. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.waiting) this.script.cancel();
    this.script.disconnectClient();
    this.#makeRoom();
  }

  /** Whether the last hook has been called. */
  get ended(): boolean {
    return this.#ended;
  }
}

function isServers(event: HeldEvent): boolean {
  return event.kind === "server-closed" || event.from === "server";
}
