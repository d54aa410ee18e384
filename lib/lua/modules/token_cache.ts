/**
 * Which tokens exist already: the same words, operators and small numbers come again in every statement, so that one object
 * of each is enough.
 *
 * @module
 */

import { TokenId } from "../../sql/mod.ts";

/** A longer text is hardly met again. */
export const MAX_CACHED = 40;
const CAPACITY = 2048;
const SLOTS = 4 * CAPACITY;

/** Whether all tokens with this id have the same text. */
function isOperator(id: number): boolean {
  return id >= TokenId.DOT && id <= TokenId.LOGICAL_OR;
}

/** Gives each pair of id and text a number from 1. When it is full it begins anew. */
export class TokenCache {
  /** The numbers of operators, by id. */
  readonly #operators = new Int16Array(TokenId.LOGICAL_OR + 1);
  readonly #slots = new Int16Array(SLOTS);
  readonly #hashes = new Int32Array(CAPACITY + 1);
  readonly #ids = new Int16Array(CAPACITY + 1);
  readonly #lengths = new Uint8Array(CAPACITY + 1);
  readonly #texts = new Uint8Array((CAPACITY + 1) * MAX_CACHED);
  #size = 0;
  #slot = 0;
  #hash = 0;

  get isFull(): boolean {
    return this.#size === CAPACITY;
  }

  clear(): void {
    this.#operators.fill(0);
    this.#slots.fill(0);
    this.#size = 0;
  }

  /** The number of the token with this id whose text is `source` from `start` to `end`; 0 if it has none yet. */
  find(id: number, source: Uint8Array, start: number, end: number): number {
    if (isOperator(id)) return this.#operators[id]!;
    let hash = id;
    for (let i = start; i < end; i++) hash = Math.imul(hash, 0x01000193) ^ source[i]!;
    hash ^= hash >>> 15;
    this.#hash = hash;
    const length = end - start;
    for (let slot = hash & SLOTS - 1;; slot = slot + 1 & SLOTS - 1) {
      const number = this.#slots[slot]!;
      if (number === 0) {
        this.#slot = slot;
        return 0;
      }
      if (this.#hashes[number] !== hash || this.#ids[number] !== id || this.#lengths[number] !== length) continue;
      const text = number * MAX_CACHED - start;
      let i = start;
      while (i < end && this.#texts[text + i] === source[i]) i++;
      if (i === end) return number;
    }
  }

  /** The number of a new token: the one that {@linkcode TokenCache.find} has just not found. It must not be full. */
  add(id: number, source: Uint8Array, start: number, end: number): number {
    const number = ++this.#size;
    if (isOperator(id)) return this.#operators[id] = number;
    this.#slots[this.#slot] = number;
    this.#hashes[number] = this.#hash;
    this.#ids[number] = id;
    this.#lengths[number] = end - start;
    this.#texts.set(source.subarray(start, end), number * MAX_CACHED);
    return number;
  }
}
