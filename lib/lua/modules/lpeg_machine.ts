/**
 * The machine that runs a compiled pattern over bytes. It recurs on nothing: choices and calls lie on a stack of its
 * own with a limit, and whoever runs it is asked again and again whether there is still time.
 *
 * @module
 */

import { Op, type Program } from "./lpeg_program.ts";

/** A match that went beyond what the machine allows. */
export class MatchError extends Error {
  override readonly name = "MatchError";
  readonly code = "MATCH_LIMIT";
}

/** What the machine asks of its surroundings. */
export interface Surroundings {
  /**
   * A match-time capture is complete: its entries are those from `open` on. Answers with the position to go on from,
   * or a negative number to fail, and may replace the entries.
   */
  decide(machine: Machine, open: number, position: number): number;
  /** Called after some ten thousand steps; throws to stop. */
  poll(): void;
}

/** How many choices and calls may be pending; LPeg allows 400, which well-meant grammars exceed. */
export const DEFAULT_STACK = 100_000;

const MOST_ENTRIES = 8_000_000;
const STEPS_PER_POLL = 32_768;
/** Cells per stack entry: where to go on, position (-1: a call), entries of captures, values of match-time captures. */
const FRAME = 4;

/** The entry that closes the capture opened last. */
export const CLOSE = -1;
/** The entry of a value that a match-time capture produced; its number stands where positions stand. */
export const VALUE = -2;

/** One machine; a match within a match needs another. */
export class Machine {
  /** Pairs: index of a capture of the program, {@linkcode CLOSE} or {@linkcode VALUE}; and a position from 0. */
  entries: Int32Array = new Int32Array(512);
  /** How many cells of {@linkcode entries} are in use. */
  top = 0;
  /** How many values of match-time captures are in use. */
  values = 0;
  /** Steps until the next poll; many short matches take time too. */
  #steps = STEPS_PER_POLL;
  #stack: Int32Array = new Int32Array(256);

  /** Adds an entry. @throws {MatchError} when there are too many. */
  add(what: number, position: number): void {
    if (this.top + 2 > this.entries.length) this.#growEntries();
    this.entries[this.top++] = what;
    this.entries[this.top++] = position;
  }

  #growEntries(): Int32Array {
    if (this.entries.length >= 2 * MOST_ENTRIES) throw new MatchError("too many captures");
    const grown = new Int32Array(this.entries.length * 2);
    grown.set(this.entries);
    return this.entries = grown;
  }

  #growStack(limit: number): Int32Array {
    if (this.#stack.length >= limit * FRAME) {
      throw new MatchError(`backtrack stack overflow (current limit is ${limit})`);
    }
    const grown = new Int32Array(Math.min(this.#stack.length * 2, limit * FRAME));
    grown.set(this.#stack);
    return this.#stack = grown;
  }

  /**
   * Matches `subject`, of which `length` bytes count, from `start` (0 is the first byte).
   *
   * @returns the position behind the match, or -1. After a match the captures are in {@linkcode entries}.
   * @throws {MatchError} when the stack or the captures exceed their limit.
   */
  match(
    program: Program,
    subject: Uint8Array,
    length: number,
    start: number,
    surroundings: Surroundings,
    limit = DEFAULT_STACK,
  ): number {
    const { code, sets, texts, tables } = program;
    let entries: Int32Array = this.entries;
    let stack: Int32Array = this.#stack;
    const most = Math.min(stack.length, limit * FRAME);
    let room = most - (most % FRAME);
    let depth = 0; // in cells
    let top = 0;
    let at = 0;
    let position = start;
    let steps = this.#steps;
    this.values = 0;

    while (true) {
      let failed = false;
      switch (code[at]) {
        case Op.End:
          this.top = top;
          this.#steps = steps;
          return position;
        case Op.Byte:
          if (position < length && subject[position] === code[at + 1]!) {
            position++;
            at += 2;
          } else failed = true;
          break;
        case Op.Any:
          if (position + code[at + 1]! <= length) {
            position += code[at + 1]!;
            at += 2;
          } else failed = true;
          break;
        case Op.Set:
          if (position < length && sets[code[at + 1]! + subject[position]!] === 1) {
            position++;
            at += 2;
          } else failed = true;
          break;
        case Op.Text: {
          const from = code[at + 1]!;
          const size = code[at + 2]!;
          if (position + size > length) {
            failed = true;
            break;
          }
          let same = 0;
          while (same < size && subject[position + same] === texts[from + same]) same++;
          if (same === size) {
            position += size;
            at += 3;
          } else failed = true;
          break;
        }
        case Op.Test:
          if (position < length && sets[code[at + 1]! + subject[position]!] === 1) at += 3;
          else at = code[at + 2]!;
          break;
        case Op.Span: {
          const set = code[at + 1]!;
          while (position < length && sets[set + subject[position]!] === 1) position++;
          at += 2;
          break;
        }
        case Op.Choice:
          if (depth >= room) room = (stack = this.#growStack(limit)).length;
          stack[depth] = code[at + 1]!;
          stack[depth + 1] = position;
          stack[depth + 2] = top;
          stack[depth + 3] = this.values;
          depth += FRAME;
          at += 2;
          break;
        case Op.Commit:
          depth -= FRAME;
          at = code[at + 1]!;
          break;
        case Op.Again:
          stack[depth - 3] = position;
          stack[depth - 2] = top;
          stack[depth - 1] = this.values;
          at = code[at + 1]!;
          break;
        case Op.Back:
          depth -= FRAME;
          position = stack[depth + 1]!;
          top = stack[depth + 2]!;
          this.values = stack[depth + 3]!;
          at = code[at + 1]!;
          break;
        case Op.FailTwice:
          depth -= FRAME;
          failed = true;
          break;
        case Op.Fail:
          failed = true;
          break;
        case Op.Call:
          if (depth >= room) room = (stack = this.#growStack(limit)).length;
          stack[depth] = at + 2;
          stack[depth + 1] = -1;
          depth += FRAME;
          at = code[at + 1]!;
          if (--steps === 0) {
            steps = STEPS_PER_POLL;
            surroundings.poll();
          }
          break;
        case Op.Return:
          depth -= FRAME;
          at = stack[depth]!;
          break;
        case Op.Jump:
          at = code[at + 1]!;
          break;
        case Op.Behind:
          if (position >= code[at + 1]!) {
            position -= code[at + 1]!;
            at += 2;
          } else failed = true;
          break;
        case Op.Open:
          if (top + 2 > entries.length) entries = this.#growEntries();
          entries[top] = code[at + 1]!;
          entries[top + 1] = position;
          top += 2;
          at += 2;
          break;
        case Op.Close:
          if (top + 2 > entries.length) entries = this.#growEntries();
          entries[top] = CLOSE;
          entries[top + 1] = position;
          top += 2;
          at += 1;
          break;
        case Op.Mark:
          if (top + 4 > entries.length) entries = this.#growEntries();
          entries[top] = code[at + 1]!;
          entries[top + 1] = position;
          entries[top + 2] = CLOSE;
          entries[top + 3] = position;
          top += 4;
          at += 2;
          break;
        case Op.Decide: {
          this.top = top;
          const next = surroundings.decide(this, this.#lastOpen(top), position);
          top = this.top;
          entries = this.entries;
          if (next < 0) failed = true;
          else {
            position = next;
            at += 2;
          }
          break;
        }
        case Op.Switch:
          at = tables[code[at + 1]! + (position < length ? subject[position]! : 256)]!;
          break;
      }
      if (!failed) continue;
      do {
        if (depth === 0) {
          this.top = 0;
          this.#steps = steps;
          return -1;
        }
        depth -= FRAME;
      } while (stack[depth + 1] === -1);
      at = stack[depth]!;
      position = stack[depth + 1]!;
      top = stack[depth + 2]!;
      this.values = stack[depth + 3]!;
      if (--steps === 0) {
        steps = STEPS_PER_POLL;
        surroundings.poll();
      }
    }
  }

  /** Where the capture begins that is open at `top`. */
  #lastOpen(top: number): number {
    let nested = 0;
    for (let at = top - 2; at >= 0; at -= 2) {
      const what = this.entries[at] ?? 0;
      if (what === CLOSE) nested++;
      else if (what !== VALUE && nested-- === 0) return at;
    }
    throw new MatchError("a capture closes that was not opened");
  }
}
