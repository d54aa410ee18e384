/**
 * The counters of a program that has one event thread.
 *
 * @module
 */
import type { CounterStore } from "./counter.ts";

/** A {@linkcode CounterStore} in plain memory. */
export class LocalCounters implements CounterStore {
  readonly #slots = new Map<string, number>();
  readonly #values: number[] = [];

  open(name: Uint8Array): number {
    const key = Array.from(name, (byte) => String.fromCharCode(byte)).join("");
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = this.#values.push(0) - 1;
      this.#slots.set(key, slot);
    }
    return slot;
  }

  add(slot: number, amount: number): number {
    const value = this.get(slot) + whole(amount);
    this.#values[slot] = value;
    return value;
  }

  get(slot: number): number {
    return this.#values[slot] ?? 0;
  }

  set(slot: number, value: number): void {
    this.#values[slot] = whole(value);
  }
}

function whole(value: number): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`a counter counts whole numbers, not ${value}`);
  return value;
}
