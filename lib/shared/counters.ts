/**
 * Named 64-bit counters that every thread sees at once and may count at the same time, in a SharedArrayBuffer.
 *
 * A counter gets its slot when a thread first names it, and keeps it. The slots are an open-addressed hash table: a
 * thread claims a free slot by a compare-and-exchange, writes the name, and says that it is ready. A name never leaves
 * its slot, so whoever has found a slot need not look again.
 *
 * @module
 */

/** Bytes of a name at most. */
export const LONGEST_COUNTER_NAME = 64;
/** Counters that there is room for unless {@linkcode Counters.allocate} is told otherwise. */
const COUNTERS = 16384;

const VALUE_BYTES = 8;
const STATE_BYTES = 4;
/** State, length of the name, name. */
const NAME_BYTES = 2 * STATE_BYTES + LONGEST_COUNTER_NAME;
const SLOT_BYTES = VALUE_BYTES + NAME_BYTES;

const FREE = 0;
const CLAIMED = 1;
const READY = 2;

/** One thread's view of the counters. Values are whole numbers; they are exact up to 2^53. */
export class Counters {
  readonly #slots: number;
  readonly #values: BigInt64Array<SharedArrayBuffer>;
  readonly #states: Int32Array<SharedArrayBuffer>;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;

  /** Makes the memory that the threads share: `counters` times 80 bytes. */
  static allocate(counters = COUNTERS): SharedArrayBuffer {
    return new SharedArrayBuffer(counters * SLOT_BYTES);
  }

  /** @throws {RangeError} if `memory` is not of {@linkcode Counters.allocate}. */
  constructor(memory: SharedArrayBuffer) {
    if (memory.byteLength === 0 || memory.byteLength % SLOT_BYTES !== 0) {
      throw new RangeError(`A buffer of ${memory.byteLength} bytes does not hold counters`);
    }
    this.#slots = memory.byteLength / SLOT_BYTES;
    this.#values = new BigInt64Array(memory, 0, this.#slots);
    this.#states = new Int32Array(memory);
    this.#bytes = new Uint8Array(memory);
  }

  /**
   * Finds the counter `name`, or makes it with the value 0.
   *
   * @returns its slot, the same on every thread and for ever.
   * @throws {RangeError} if the name has more than 64 bytes, or if there is no room for another counter.
   */
  open(name: Uint8Array): number {
    if (name.length > LONGEST_COUNTER_NAME) {
      throw new RangeError(`The name of a counter has at most ${LONGEST_COUNTER_NAME} bytes, not ${name.length}`);
    }
    const first = hash(name) % this.#slots;
    for (let tried = 0; tried < this.#slots; tried++) {
      const slot = (first + tried) % this.#slots;
      if (this.#isNamed(slot, name)) return slot;
    }
    throw new RangeError(`There are ${this.#slots} counters already, there is no room for another one`);
  }

  /** Adds `amount`, a whole number that may be negative. @returns the new value. */
  add(slot: number, amount: number): number {
    return Number(Atomics.add(this.#values, slot, whole(amount))) + amount;
  }

  get(slot: number): number {
    return Number(Atomics.load(this.#values, slot));
  }

  set(slot: number, value: number): void {
    Atomics.store(this.#values, slot, whole(value));
  }

  /** Whether the slot has this name, given to it now if it was free. */
  #isNamed(slot: number, name: Uint8Array): boolean {
    const at = this.#slots * VALUE_BYTES + slot * NAME_BYTES;
    const state = at / STATE_BYTES;
    const from = at + 2 * STATE_BYTES;
    let seen = Atomics.load(this.#states, state);
    if (seen === FREE) {
      seen = Atomics.compareExchange(this.#states, state, FREE, CLAIMED);
      if (seen === FREE) {
        this.#bytes.set(name, from);
        this.#states[state + 1] = name.length;
        Atomics.store(this.#states, state, READY);
        return true;
      }
    }
    // Whoever has claimed it is copying the name right now.
    while (seen !== READY) seen = Atomics.load(this.#states, state);
    return this.#states[state + 1] === name.length && name.every((byte, i) => this.#bytes[from + i] === byte);
  }
}

/** @throws {RangeError} */
function whole(value: number): bigint {
  if (!Number.isSafeInteger(value)) throw new RangeError(`A counter counts in whole numbers, ${value} is none`);
  return BigInt(value);
}

/** FNV-1a, 32 bits. */
function hash(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
