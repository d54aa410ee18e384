/**
 * Records from each event thread to all others, in a SharedArrayBuffer, with a clock that they have in common.
 *
 * Every thread has one inbox, a {@linkcode Ring}, that the others write to. Records of one sender arrive in the order
 * in which they were sent. Nothing is lost: what finds no room stays with its sender, who wakes the receiver and tries
 * again. A record that is larger than a piece of the ring is cut, and joined by the receiver.
 *
 * A thread that hangs, and so does not empty its inbox, must not fill the memory of the others: what is kept for it is
 * dropped when it has become much, and once it goes on, {@linkcode Broadcast.gap} says that it needs to be
 * told everything.
 *
 * @module
 */
import { Ring } from "./ring.ts";

/** What the threads share; survives a structured clone, so `postMessage` can hand it to another thread. */
export interface BroadcastMemory {
  readonly inboxes: readonly SharedArrayBuffer[];
  /** The clock, the seed, and for each inbox how many pieces have arrived. */
  readonly words: SharedArrayBuffer;
}

const INBOX_BYTES = 2 ** 20;
/** A receiver with more bytes than these waiting for it ... */
const LARGEST_BACKLOG = 32 * 2 ** 20;
/** ... that has taken nothing for so many milliseconds hangs. */
const STALLED = 5000;
/** Milliseconds between two calls of `wakeOthers` for the same reason. */
const WAKE_INTERVAL = 10;

/** The sender's number, whether a record begins here, whether one ends here, unused. */
const HEADER_BYTES = 4;
const SENDER = 0;
const BEGINS = 1;
const ENDS = 2;
/** A piece takes at most this part of an inbox, so that several senders make progress. */
const PIECES_PER_INBOX = 4;

/** Each shared word has a cache line of its own. */
const LINE_BYTES = 64;
const CLOCK = 0;
const SEED = LINE_BYTES / 8;

/** Another thread, as the one sees it that sends to it. */
interface Peer {
  readonly inbox: Ring;
  /** Where its count of arrived pieces is. */
  readonly arrived: number;
  /** Pieces that have found no room, the oldest first. */
  backlog: Uint8Array[];
  backlogBytes: number;
  /** When it last took something out of the backlog, or had none. */
  progress: number;
  /** Its backlog has been dropped: nothing is sent to it until it takes something again. */
  lost: boolean;
}

/** When a receiver is given up. */
export interface BacklogLimits {
  /** Bytes that wait for it at least. */
  readonly bytes: number;
  /** Milliseconds that it has taken nothing. */
  readonly stalled: number;
}

/** One event thread's end. */
export class Broadcast {
  readonly #index: number;
  readonly #wakeOthers: () => void;
  readonly #inbox: Ring;
  readonly #peers: readonly Peer[];
  readonly #clock: BigInt64Array<SharedArrayBuffer>;
  readonly #arrived: Int32Array<SharedArrayBuffer>;
  readonly #arrivedHere: number;
  readonly #largestPiece: number;
  readonly #limits: BacklogLimits;
  /** Pieces of a record whose last one has not come yet, by their sender. */
  readonly #pieces: Uint8Array[][];
  /** Pieces taken out of the inbox, modulo 2^32 like those that have arrived. */
  #taken = 0;
  #waiting = false;
  #woken = -Infinity;
  #gap = false;

  /** Makes the memory for `threads` threads, `bytes` for each inbox. */
  static allocate(threads: number, bytes = INBOX_BYTES): BroadcastMemory {
    const words = new SharedArrayBuffer(LINE_BYTES * (2 + threads));
    new BigInt64Array(words).set(crypto.getRandomValues(new BigInt64Array(2)), SEED);
    return { inboxes: Array.from({ length: threads }, () => Ring.create(bytes).buffer), words };
  }

  /**
   * @param index this thread's number, from 0.
   * @param wakeOthers makes the other threads look into their inboxes.
   * @param limits when a receiver that takes nothing is given up, until it takes something.
   */
  constructor(
    memory: BroadcastMemory,
    index: number,
    wakeOthers: () => void,
    limits: BacklogLimits = { bytes: LARGEST_BACKLOG, stalled: STALLED },
  ) {
    const rings = memory.inboxes.map((inbox) => new Ring(inbox));
    const inbox = rings[index];
    if (inbox === undefined) throw new RangeError(`There is no inbox ${index}, there are ${rings.length}`);
    this.#index = index;
    this.#wakeOthers = wakeOthers;
    this.#inbox = inbox;
    this.#clock = new BigInt64Array(memory.words);
    this.#arrived = new Int32Array(memory.words);
    const arrivedAt = (thread: number) => (2 + thread) * LINE_BYTES / 4;
    this.#arrivedHere = arrivedAt(index);
    this.#peers = rings.map((inbox, thread) => ({
      inbox,
      arrived: arrivedAt(thread),
      backlog: [],
      backlogBytes: 0,
      progress: 0,
      lost: false,
    })).filter(({ inbox }) => inbox !== this.#inbox);
    this.#largestPiece = inbox.capacity / PIECES_PER_INBOX - HEADER_BYTES - 4;
    this.#limits = limits;
    this.#pieces = rings.map(() => []);
  }

  /** Sixteen random bytes that all threads have in common. */
  get seed(): Uint8Array {
    return new Uint8Array(this.#clock.buffer, SEED * 8, 16).slice();
  }

  /** The time of the common clock: it goes on with each {@linkcode tick} of any thread. */
  now(): number {
    return Number(Atomics.load(this.#clock, CLOCK));
  }

  /** Moves the common clock on. @returns a time that no other tick has returned, from 1 on. */
  tick(): number {
    return Number(Atomics.add(this.#clock, CLOCK, 1n)) + 1;
  }

  /** Whether something has come since {@linkcode receive}. */
  get pending(): boolean {
    return Atomics.load(this.#arrived, this.#arrivedHere) !== this.#taken;
  }

  /** Takes what has come, but not what comes meanwhile: that may not end. */
  receive(take: (record: Uint8Array) => void): void {
    const due = (Atomics.load(this.#arrived, this.#arrivedHere) - this.#taken) | 0;
    for (let i = 0; i < due; i++) {
      const piece = this.#inbox.pop();
      // Another one's place is in front, who is still writing.
      if (piece === undefined) return;
      this.#taken = (this.#taken + 1) | 0;
      const record = this.#join(piece);
      if (record !== undefined && record.length > 0) take(record);
    }
  }

  /** Sends a record to all others. */
  send(record: Uint8Array): void {
    let from = 0;
    do {
      const to = Math.min(from + this.#largestPiece, record.length);
      const piece = new Uint8Array(HEADER_BYTES + to - from);
      piece[SENDER] = this.#index;
      piece[BEGINS] = from === 0 ? 1 : 0;
      piece[ENDS] = to === record.length ? 1 : 0;
      piece.set(record.subarray(from, to), HEADER_BYTES);
      for (const peer of this.#peers) this.#sendTo(peer, piece);
      from = to;
    } while (from < record.length);
  }

  /** Whether something waits for room in an inbox: {@linkcode retry} then. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Sends what has found no room before, and wakes whom it still does not fit. */
  retry(): void {
    if (!this.#waiting) return;
    const now = performance.now();
    let waiting = false;
    for (const peer of this.#peers) {
      if (peer.lost) this.#find(peer);
      const sent = this.#sendBacklog(peer);
      const { bytes, stalled } = this.#limits;
      if (sent > 0) {
        peer.progress = now;
      } else if (peer.backlogBytes > bytes && now - peer.progress >= stalled) {
        peer.backlog = [];
        peer.backlogBytes = 0;
        peer.lost = true;
      }
      waiting ||= peer.lost || peer.backlog.length > 0;
    }
    this.#waiting = waiting;
    if (waiting) this.#wake(now);
  }

  /** Whether a thread that has missed something takes records again. True once for each time. */
  gap(): boolean {
    const gap = this.#gap;
    this.#gap = false;
    return gap;
  }

  #join(piece: Uint8Array): Uint8Array | undefined {
    const pieces = this.#pieces[piece[SENDER] ?? 0] ?? [];
    // A record whose rest was dropped ends where the next one begins.
    if (piece[BEGINS] === 1) pieces.length = 0;
    const bytes = piece.subarray(HEADER_BYTES);
    if (piece[ENDS] === 1 && pieces.length === 0) return bytes;
    pieces.push(bytes);
    if (piece[ENDS] !== 1) return undefined;
    const record = new Uint8Array(pieces.reduce((length, { length: more }) => length + more, 0));
    let at = 0;
    for (const bytes of pieces) {
      record.set(bytes, at);
      at += bytes.length;
    }
    pieces.length = 0;
    return record;
  }

  #sendTo(peer: Peer, piece: Uint8Array): void {
    if (peer.lost) return;
    if (peer.backlog.length === 0) {
      if (this.#push(peer, piece)) return;
      peer.progress = performance.now();
      this.#waiting = true;
      this.#wake(peer.progress);
    }
    peer.backlog.push(piece);
    peer.backlogBytes += piece.length;
  }

  /** @returns how many pieces of the backlog have found room. */
  #sendBacklog(peer: Peer): number {
    let sent = 0;
    for (const piece of peer.backlog) {
      if (!this.#push(peer, piece)) break;
      peer.backlogBytes -= piece.length;
      sent++;
    }
    if (sent > 0) peer.backlog = peer.backlog.slice(sent);
    return sent;
  }

  #wake(now: number): void {
    if (now - this.#woken < WAKE_INTERVAL) return;
    this.#woken = now;
    this.#wakeOthers();
  }

  /** Sees whether a lost peer has room again: an empty record does no harm. */
  #find(peer: Peer): void {
    const empty = Uint8Array.of(this.#index, 1, 1, 0);
    if (!this.#push(peer, empty)) return;
    peer.lost = false;
    this.#gap = true;
  }

  #push(peer: Peer, piece: Uint8Array): boolean {
    if (!peer.inbox.tryPush(piece)) return false;
    Atomics.add(this.#arrived, peer.arrived, 1);
    return true;
  }
}
