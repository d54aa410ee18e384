/**
 * The two ends of a {@linkcode Ring} on threads that run an event loop.
 *
 * A sleeping event loop has to be told that there is something in its ring. `Atomics.waitAsync` does not wake an idle
 * loop on every Deno, so the producer posts an empty message, the bell, but only when the consumer has said that it
 * sleeps: under load nobody rings.
 *
 * @module
 */
import type { Ring } from "./ring.ts";

/** What is posted as the bell. It carries nothing; the receiver drains its ring. */
export const BELL = 0;

/** Records that {@linkcode Receiver.drain} takes before it gives the event loop a turn. */
const RECORDS_PER_TURN = 4096;

/** The producer's end. */
export class Sender {
  readonly #ring: Ring;
  readonly #bell: () => void;

  /** @param bell posts {@linkcode BELL} to the consumer's thread. */
  constructor(ring: Ring, bell: () => void) {
    this.#ring = ring;
    this.#bell = bell;
  }

  /** Like {@linkcode Ring.tryPush}, and wakes the consumer. */
  trySend(bytes: Uint8Array): boolean {
    if (!this.#ring.tryPush(bytes)) return false;
    if (this.#ring.mustRing()) this.#bell();
    return true;
  }

  /** Like {@linkcode Ring.push}, and wakes the consumer. `timeout` in milliseconds. */
  send(bytes: Uint8Array, timeout = Infinity): boolean {
    if (!this.#ring.push(bytes, timeout)) return false;
    if (this.#ring.mustRing()) this.#bell();
    return true;
  }
}

/** The consumer's end. It counts as awake until the first {@linkcode Receiver.drain}. */
export class Receiver {
  readonly #ring: Ring;
  readonly #take: (record: Uint8Array) => void;

  /** @param take is called for every record, in order. It must not throw. */
  constructor(ring: Ring, take: (record: Uint8Array) => void) {
    this.#ring = ring;
    this.#take = take;
  }

  /** Takes what is there and goes to sleep. Call it once at the start and whenever the bell rings. */
  drain(): void {
    do {
      for (let taken = 0; taken < RECORDS_PER_TURN; taken++) {
        const record = this.#ring.pop();
        if (record === undefined) break;
        this.#take(record);
        if (taken === RECORDS_PER_TURN - 1) {
          setTimeout(() => this.drain(), 0);
          return;
        }
      }
    } while (!this.#ring.sleep());
  }
}
