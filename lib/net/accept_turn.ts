/**
 * Spreads clients evenly over event threads that accept from one shared socket.
 *
 * The kernel wakes whoever is quickest, and that can be the same thread every time (measured: 0, 0, 16, 0). So a thread
 * accepts only while it has no more connections than any other. One that is ahead waits until the others have caught
 * up; whoever catches up wakes it. A thread that hangs is not waited for.
 *
 * @module
 */

const CONNECTIONS = 0;
const BEAT = 1;
const PARKED = 2;
const COLUMNS = 3;

/** After so many seconds without a sign of life a thread is not waited for. */
const STALLED_SECONDS = 3;

/** One event thread's view of all threads' connection counts. */
export class AcceptTurn {
  readonly #cells: Int32Array;
  readonly #index: number;
  readonly #threads: number;
  readonly #wakeOthers: () => void;
  /** Those of this thread that wait, one for each listener. */
  #parked: (() => void)[] = [];

  /** Makes the memory that the threads share. */
  static allocate(threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer(threads * COLUMNS * 4);
  }

  /** @param wakeOthers makes the other threads call {@linkcode wake}. */
  constructor(memory: SharedArrayBuffer, index: number, wakeOthers: () => void) {
    this.#cells = new Int32Array(memory);
    this.#index = index;
    this.#threads = this.#cells.length / COLUMNS;
    this.#wakeOthers = wakeOthers;
    this.wake(Date.now() / 1000);
  }

  /** How many connections each thread has. */
  counts(): number[] {
    return Array.from({ length: this.#threads }, (_, thread) => this.#load(thread, CONNECTIONS));
  }

  /** Resolves when this thread may accept. */
  async mine(): Promise<void> {
    while (!this.#mayAccept(Date.now() / 1000)) {
      Atomics.store(this.#cells, this.#index * COLUMNS + PARKED, 1);
      // Somebody may have caught up before the flag was up, and rung for nobody.
      if (!this.#mayAccept(Date.now() / 1000)) await new Promise<void>((resolve) => this.#parked.push(resolve));
      if (this.#parked.length === 0) Atomics.store(this.#cells, this.#index * COLUMNS + PARKED, 0);
    }
  }

  /** This thread has accepted a connection. */
  accepted(): void {
    Atomics.add(this.#cells, this.#index * COLUMNS + CONNECTIONS, 1);
    for (let thread = 0; thread < this.#threads; thread++) {
      if (thread !== this.#index && this.#load(thread, PARKED) === 1) return this.#wakeOthers();
    }
  }

  /** A connection of this thread has ended. */
  closed(): void {
    Atomics.sub(this.#cells, this.#index * COLUMNS + CONNECTIONS, 1);
    this.#look();
  }

  /** Something may have changed; also a sign of life. `now` is in seconds since 1970. */
  wake(now: number): void {
    Atomics.store(this.#cells, this.#index * COLUMNS + BEAT, Math.floor(now) | 0);
    this.#look();
  }

  /** Lets {@linkcode mine} resolve, whatever the counts: the thread stops. */
  release(): void {
    const released = this.#parked;
    this.#parked = [];
    for (const resume of released) resume();
  }

  #look(): void {
    if (this.#parked.length > 0 && this.#mayAccept(Date.now() / 1000)) this.release();
  }

  #mayAccept(now: number): boolean {
    const mine = this.#load(this.#index, CONNECTIONS);
    // With many connections a difference of some percent does not matter, and not waiting makes bursts quicker.
    const slack = mine >> 6;
    for (let thread = 0; thread < this.#threads; thread++) {
      if (thread === this.#index || this.#load(thread, CONNECTIONS) + slack >= mine) continue;
      if ((Math.floor(now) | 0) - this.#load(thread, BEAT) <= STALLED_SECONDS) return false;
    }
    return true;
  }

  #load(thread: number, column: number): number {
    return Atomics.load(this.#cells, thread * COLUMNS + column);
  }
}
