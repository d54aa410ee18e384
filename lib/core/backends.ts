/**
 * The backends, seen alike by every event thread.
 *
 * Addresses never change after start; what changes lives in 32-bit cells of shared memory, so that a backend that one
 * thread found dead is dead to all at once. Spec: sections 7.1 and 7.2 of the original's behaviour.
 *
 * @module
 */

/** The original's backend states, by its numbers. */
export const BackendState = { UNKNOWN: 0, UP: 1, DOWN: 2 } as const;
/** One of {@linkcode BackendState}. */
export type BackendState = typeof BackendState[keyof typeof BackendState];

/** The original's backend types, by its numbers. */
export const BackendType = { UNKNOWN: 0, RW: 1, RO: 2 } as const;
/** One of {@linkcode BackendType}. */
export type BackendType = typeof BackendType[keyof typeof BackendType];

/** A backend as it is configured. */
export interface BackendEntry {
  /** Canonical name: `127.0.0.1:3306`, `[::1]:3306` or `/path`. */
  readonly name: string;
  readonly type: BackendType;
}

/** Everything about the backends that threads have to share; survives structured clone. */
export interface BackendMemory {
  readonly entries: readonly BackendEntry[];
  readonly cells: SharedArrayBuffer;
  readonly uuids: SharedArrayBuffer;
}

/** After this many seconds a backend that is DOWN may be tried again (spec 7.2). */
export const DOWN_SECONDS = 4;

const STATE = 0;
const SINCE = 1;
const CONNECTED_CLIENTS = 2;
const CONNECTIONS = 3;
const FAILURES = 4;
const MIN_IDLE = 5;
const MAX_IDLE = 6;
const UUID_LENGTH = 7;
const COLUMNS = 8;

/** The longest uuid, in bytes of UTF-8. */
const UUID_BYTES = 128;

/** A view of the shared table. Indexes count from 0: read/write backends first, then the read-only ones. */
export class Backends {
  readonly #entries: readonly BackendEntry[];
  readonly #cells: Int32Array;
  readonly #uuids: Uint8Array;

  /** Makes the memory for `entries`, all in state UNKNOWN. */
  static allocate(entries: readonly BackendEntry[]): BackendMemory {
    const rows = Math.max(1, entries.length);
    return {
      entries,
      cells: new SharedArrayBuffer(rows * COLUMNS * 4),
      uuids: new SharedArrayBuffer(rows * UUID_BYTES),
    };
  }

  constructor(memory: BackendMemory) {
    this.#entries = memory.entries;
    this.#cells = new Int32Array(memory.cells);
    this.#uuids = new Uint8Array(memory.uuids);
  }

  get count(): number {
    return this.#entries.length;
  }

  /** Whether there is such a backend; `index` may be any number. */
  has(index: number): boolean {
    return this.#entries[index] !== undefined;
  }

  /** @throws {RangeError} if there is no backend `index`. */
  entry(index: number): BackendEntry {
    const entry = this.#entries[index];
    if (entry === undefined) throw new RangeError(`There is no backend ${index}, only ${this.count}`);
    return entry;
  }

  state(index: number): BackendState {
    const state = Atomics.load(this.#cells, index * COLUMNS + STATE);
    return state === BackendState.UP || state === BackendState.DOWN ? state : BackendState.UNKNOWN;
  }

  /** When the state was entered, or confirmed by a failed try; seconds since 1970. */
  since(index: number): number {
    return Atomics.load(this.#cells, index * COLUMNS + SINCE) >>> 0;
  }

  connectedClients(index: number): number {
    return Atomics.load(this.#cells, index * COLUMNS + CONNECTED_CLIENTS);
  }

  /** Connections opened and tries that failed, since the start. */
  counters(index: number): { readonly connections: number; readonly failures: number } {
    return {
      connections: Atomics.load(this.#cells, index * COLUMNS + CONNECTIONS),
      failures: Atomics.load(this.#cells, index * COLUMNS + FAILURES),
    };
  }

  /** How many idle connections a script wants the pool to keep at least, on each thread. */
  minIdle(index: number): number {
    return Atomics.load(this.#cells, index * COLUMNS + MIN_IDLE);
  }

  setMinIdle(index: number, count: number): void {
    Atomics.store(this.#cells, index * COLUMNS + MIN_IDLE, count);
  }

  /** How many a script wants it to keep at most; a hint between scripts, as in the original. */
  maxIdle(index: number): number {
    return Atomics.load(this.#cells, index * COLUMNS + MAX_IDLE);
  }

  setMaxIdle(index: number, count: number): void {
    Atomics.store(this.#cells, index * COLUMNS + MAX_IDLE, count);
  }

  /** The name that a script has given the server, if any. */
  uuid(index: number): string | undefined {
    const length = Atomics.load(this.#cells, index * COLUMNS + UUID_LENGTH);
    if (length === 0) return undefined;
    return new TextDecoder().decode(this.#uuids.slice(index * UUID_BYTES, index * UUID_BYTES + length));
  }

  /** @throws {RangeError} if it is longer than 128 bytes. */
  setUuid(index: number, uuid: string | undefined): void {
    const bytes = new TextEncoder().encode(uuid ?? "");
    if (bytes.length > UUID_BYTES) throw new RangeError(`A uuid has at most ${UUID_BYTES} bytes, not ${bytes.length}`);
    Atomics.store(this.#cells, index * COLUMNS + UUID_LENGTH, 0);
    this.#uuids.set(bytes, index * UUID_BYTES);
    Atomics.store(this.#cells, index * COLUMNS + UUID_LENGTH, bytes.length);
  }

  /** Sets the state, and the time even if the state stays. @returns whether the state was another one before. */
  setState(index: number, state: BackendState, now: number): boolean {
    Atomics.store(this.#cells, index * COLUMNS + SINCE, Math.floor(now) | 0);
    return Atomics.exchange(this.#cells, index * COLUMNS + STATE, state) !== state;
  }

  /** A client is to be served by the backend: counted before it is connected, so that a burst spreads evenly. */
  attach(index: number): void {
    Atomics.add(this.#cells, index * COLUMNS + CONNECTED_CLIENTS, 1);
  }

  /** The client that {@linkcode attach} counted is gone, or goes elsewhere. */
  detach(index: number): void {
    Atomics.sub(this.#cells, index * COLUMNS + CONNECTED_CLIENTS, 1);
  }

  /** A connection is open. @returns whether that brought the backend up. */
  connected(index: number, now: number): boolean {
    Atomics.add(this.#cells, index * COLUMNS + CONNECTIONS, 1);
    return this.state(index) !== BackendState.UP && this.setState(index, BackendState.UP, now);
  }

  /** A try to connect failed: the backend is DOWN from `now` on. @returns whether it was not before. */
  failed(index: number, now: number): boolean {
    Atomics.add(this.#cells, index * COLUMNS + FAILURES, 1);
    return this.setState(index, BackendState.DOWN, now);
  }

  /**
   * The read/write backend with the shortest queue that is not DOWN, the first of equals. Backends that have been DOWN
   * for more than {@linkcode DOWN_SECONDS} become UNKNOWN first, and so are eligible again.
   *
   * @param now seconds since 1970.
   * @returns its index, or `undefined` if there is none.
   */
  choose(now: number): number | undefined {
    let chosen: number | undefined;
    let shortest = Infinity;
    for (const [index, { type }] of this.#entries.entries()) {
      let state = this.state(index);
      if (state === BackendState.DOWN && this.#rested(index, now)) {
        this.setState(index, BackendState.UNKNOWN, now);
        state = BackendState.UNKNOWN;
      }
      if (type !== BackendType.RW || state === BackendState.DOWN) continue;
      const queue = this.connectedClients(index);
      if (queue < shortest) {
        shortest = queue;
        chosen = index;
      }
    }
    return chosen;
  }

  #rested(index: number, now: number): boolean {
    const down = now - this.since(index);
    // A clock that went back must not keep a backend out for as long as it jumped.
    return down > DOWN_SECONDS || down < -DOWN_SECONDS;
  }
}
