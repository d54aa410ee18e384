/**
 * A bounded byte queue between threads, in a SharedArrayBuffer: any number of producers, one consumer.
 *
 * A record is a 32-bit header and its bytes, padded to four. A producer reserves room by moving the head with a
 * compare-and-exchange, copies its bytes, and commits by writing the header; the consumer takes committed records in
 * the order of their reservation and gives the room back as zeros. So a header of 0 always means "not committed yet",
 * wherever the next record happens to begin.
 *
 * Positions count bytes modulo 2^32; the place in the data is the position modulo the capacity, a power of two.
 *
 * @module
 */

const HEAD = 0;
const TAIL = 16;
const SLEEPING = 32;
const WAITING = 48;
/** Bytes before the data; each shared word has a cache line of its own. */
const DATA_OFFSET = 256;
const HEADER_BYTES = 4;
const SMALLEST_CAPACITY = 64;
const LARGEST_CAPACITY = 2 ** 30;

/** Memory that several threads can see at once: {@linkcode Ring.buffer}, to be handed over by `postMessage`. */
export class Ring {
  readonly buffer: SharedArrayBuffer;
  /** Bytes of data, headers included. */
  readonly capacity: number;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #headers: Int32Array<SharedArrayBuffer>;
  readonly #data: Uint8Array<SharedArrayBuffer>;

  /**
   * Opens a ring that {@linkcode Ring.create} made, in this or another thread.
   *
   * @throws {RangeError} if `buffer` does not have the size of a ring.
   */
  constructor(buffer: SharedArrayBuffer) {
    const capacity = buffer.byteLength - DATA_OFFSET;
    if (capacity < SMALLEST_CAPACITY || capacity > LARGEST_CAPACITY || (capacity & (capacity - 1)) !== 0) {
      throw new RangeError(`A buffer of ${buffer.byteLength} bytes is not a ring: create it with "Ring.create"`);
    }
    this.buffer = buffer;
    this.capacity = capacity;
    this.#words = new Int32Array(buffer, 0, DATA_OFFSET / 4);
    this.#headers = new Int32Array(buffer, DATA_OFFSET, capacity / 4);
    this.#data = new Uint8Array(buffer, DATA_OFFSET, capacity);
  }

  /** Makes an empty ring with room for at least `bytes` bytes of data, each record's 4-byte header included. */
  static create(bytes: number): Ring {
    let capacity = SMALLEST_CAPACITY;
    while (capacity < bytes && capacity < LARGEST_CAPACITY) capacity *= 2;
    return new Ring(new SharedArrayBuffer(DATA_OFFSET + capacity));
  }

  /**
   * Adds one record. Any thread may call this.
   *
   * @returns false if there is no room now.
   * @throws {RangeError} if the record could not fit even into an empty ring.
   */
  tryPush(bytes: Uint8Array): boolean {
    const size = recordSize(bytes.length);
    if (size > this.capacity) {
      throw new RangeError(`A record of ${bytes.length} bytes does not fit into a ring of ${this.capacity} bytes`);
    }
    let head = Atomics.load(this.#words, HEAD);
    while (true) {
      const used = (head - Atomics.load(this.#words, TAIL)) | 0;
      // A stale head can lie behind a newer tail; `used` is then negative and the exchange below fails.
      if (used + size > this.capacity) {
        const now = Atomics.load(this.#words, HEAD);
        if (now === head) return false;
        head = now;
        continue;
      }
      const seen = Atomics.compareExchange(this.#words, HEAD, head, (head + size) | 0);
      if (seen === head) break;
      head = seen;
    }
    const at = head & (this.capacity - 1);
    this.#copyIn(bytes, at + HEADER_BYTES);
    Atomics.store(this.#headers, at >>> 2, bytes.length + 1);
    return true;
  }

  /**
   * Adds one record and blocks the thread while there is no room. Not on the main thread, which must not block; not on
   * the consumer's thread, which would wait for itself.
   *
   * @param timeout milliseconds to wait at most.
   * @returns false if there was no room in time.
   * @throws {RangeError} if the record could not fit even into an empty ring.
   * @throws {TypeError} if this thread may not block.
   */
  push(bytes: Uint8Array, timeout = Infinity): boolean {
    if (this.tryPush(bytes)) return true;
    const deadline = performance.now() + timeout;
    Atomics.add(this.#words, WAITING, 1);
    try {
      while (true) {
        const tail = Atomics.load(this.#words, TAIL);
        if (this.tryPush(bytes)) return true;
        const left = deadline - performance.now();
        if (left <= 0) return false;
        Atomics.wait(this.#words, TAIL, tail, left);
      }
    } finally {
      Atomics.sub(this.#words, WAITING, 1);
    }
  }

  /** Takes the oldest record as a copy, or `undefined` if there is none. Only the consumer may call this. */
  pop(): Uint8Array | undefined {
    const tail = Atomics.load(this.#words, TAIL);
    const at = tail & (this.capacity - 1);
    const header = Atomics.load(this.#headers, at >>> 2);
    if (header === 0) return undefined;
    const length = header - 1;
    const size = recordSize(length);
    const bytes = this.#copyOut(at + HEADER_BYTES, length);
    this.#clear(at, size);
    Atomics.store(this.#words, TAIL, (tail + size) | 0);
    if (Atomics.load(this.#words, WAITING) > 0) Atomics.notify(this.#words, TAIL);
    return bytes;
  }

  /**
   * Says that the consumer is going to sleep until its bell rings. Only the consumer may call this.
   *
   * @returns false if there is a record to take first; then the consumer counts as awake.
   */
  sleep(): boolean {
    Atomics.store(this.#words, SLEEPING, 1);
    const at = Atomics.load(this.#words, TAIL) & (this.capacity - 1);
    if (Atomics.load(this.#headers, at >>> 2) === 0) return true;
    Atomics.store(this.#words, SLEEPING, 0);
    return false;
  }

  /**
   * Asks, after a push, whether the consumer sleeps and this producer is the one that has to ring its bell. At most one
   * producer is told so for each {@linkcode sleep}.
   */
  mustRing(): boolean {
    return Atomics.load(this.#words, SLEEPING) === 1 && Atomics.compareExchange(this.#words, SLEEPING, 1, 0) === 1;
  }

  #copyIn(bytes: Uint8Array, position: number): void {
    const at = position & (this.capacity - 1);
    const first = Math.min(bytes.length, this.capacity - at);
    if (first === bytes.length) {
      this.#data.set(bytes, at);
    } else {
      this.#data.set(bytes.subarray(0, first), at);
      this.#data.set(bytes.subarray(first), 0);
    }
  }

  #copyOut(position: number, length: number): Uint8Array {
    const at = position & (this.capacity - 1);
    const first = Math.min(length, this.capacity - at);
    const bytes = new Uint8Array(length);
    bytes.set(this.#data.subarray(at, at + first));
    if (first < length) bytes.set(this.#data.subarray(0, length - first), first);
    return bytes;
  }

  #clear(at: number, size: number): void {
    const first = Math.min(size, this.capacity - at);
    this.#data.fill(0, at, at + first);
    if (first < size) this.#data.fill(0, 0, size - first);
  }
}

function recordSize(length: number): number {
  return HEADER_BYTES + ((length + 3) & ~3);
}
