/**
 * Turns a pattern into a program of the matching machine.
 *
 * @module
 */

import { failsAtHead, type Head, Heads } from "./lpeg_heads.ts";
import { type ByteSet, cannotFail, type Capture, type Grammar, type Pattern, PatternError } from "./lpeg_pattern.ts";

/** The machine's operations; in the comments what stands behind them in the code. A label is an index of the code. */
export const Op = {
  /** The match is complete. */
  End: 0,
  /** byte: consumes it or fails. */
  Byte: 1,
  /** count: consumes so many bytes or fails. */
  Any: 2,
  /** offset of a set: consumes a member or fails. */
  Set: 3,
  /** offset, length in the texts: consumes it or fails. */
  Text: 4,
  /** offset of a set, label: goes there unless a member is next. */
  Test: 5,
  /** offset of a set: consumes all members that follow. */
  Span: 6,
  /** label: where to go on, from here, after a failure. */
  Choice: 7,
  /** label: forgets the last choice and goes there. */
  Commit: 8,
  /** label: moves the last choice to here and goes there. */
  Again: 9,
  /** label: forgets the last choice and all since but that it fitted, and goes there. */
  Back: 10,
  /** Goes to the last choice. */
  Fail: 11,
  /** Forgets the last choice and goes to the one before. */
  FailTwice: 12,
  /** label. */
  Call: 13,
  Return: 14,
  /** label. */
  Jump: 15,
  /** count: goes so many bytes back or fails. */
  Behind: 16,
  /** index of a capture: opens it. */
  Open: 17,
  /** Closes the capture opened last. */
  Close: 18,
  /** index of a capture: opens and closes it. */
  Mark: 19,
  /** index of a capture: closes it and lets its function decide. */
  Decide: 20,
  /** offset in the tables: goes where the next byte leads; entry 256 is for the subject's end. */
  Switch: 21,
} as const;

/** How many cells of the code each operation takes, by its number. */
export const WIDTHS: readonly number[] = [1, 2, 2, 2, 3, 3, 2, 2, 2, 2, 2, 1, 1, 2, 1, 2, 2, 2, 1, 2, 2, 2];

/** The index of the capture that groups the values of a match-time capture. */
export const ANONYMOUS = 0;

/** A compiled pattern. */
export interface Program {
  readonly code: Int32Array;
  /** Sets of 256 entries each. */
  readonly sets: Uint8Array;
  readonly texts: Uint8Array;
  /** Tables of 257 labels each. */
  readonly tables: Int32Array;
  readonly captures: readonly Capture[];
}

const LARGEST = 4_000_000;
const FEWEST_FOR_SWITCH = 3;

class Compiler {
  readonly code: number[] = [];
  readonly sets: number[] = [];
  readonly texts: number[] = [];
  readonly tables: number[] = [];
  readonly captures: Capture[] = [{ kind: "group", slot: 0n }];
  readonly #heads = new Heads();
  readonly #setOffsets = new Map<string, number>();
  readonly #grammars = new Map<Grammar, number[]>();
  #within: Grammar | undefined;
  #copying = false;
  /** Calls of rules that are not yet placed: cell of the label, grammar, index of the rule. */
  readonly #calls: { cell: number; grammar: Grammar; rule: number }[] = [];

  program(pattern: Pattern): Program {
    this.#compile(pattern);
    this.#emit(Op.End);
    for (const { cell, grammar, rule } of this.#calls) this.code[cell] = this.#grammars.get(grammar)?.[rule] ?? 0;
    const code = new Int32Array(this.code);
    dropReturns(code);
    return {
      code,
      sets: new Uint8Array(this.sets),
      texts: new Uint8Array(this.texts),
      tables: new Int32Array(this.tables),
      captures: this.captures,
    };
  }

  #emit(...cells: number[]): void {
    if (this.code.length > LARGEST) throw new PatternError("pattern too big");
    this.code.push(...cells);
  }

  /** Emits an operation whose last cell is a label that is yet unknown, and gives that cell. */
  #forward(...cells: number[]): number {
    this.#emit(...cells, 0);
    return this.code.length - 1;
  }

  #here(...cells: number[]): void {
    for (const cell of cells) this.code[cell] = this.code.length;
  }

  #set(set: ByteSet): number {
    const key = set.join("");
    let offset = this.#setOffsets.get(key);
    if (offset === undefined) {
      offset = this.sets.length;
      this.sets.push(...set);
      this.#setOffsets.set(key, offset);
    }
    return offset;
  }

  #capture(capture: Capture): number {
    this.captures.push(capture);
    return this.captures.length - 1;
  }

  #head(pattern: Pattern): Head {
    return this.#heads.of(pattern, this.#within);
  }

  #compile(pattern: Pattern): void {
    switch (pattern.kind) {
      case "true":
        return;
      case "false":
        return this.#emit(Op.Fail);
      case "any":
        return this.#emit(Op.Any, pattern.count);
      case "text": {
        const [first = 0] = pattern.bytes;
        if (pattern.bytes.length === 1) return this.#emit(Op.Byte, first);
        this.#emit(Op.Text, this.texts.length, pattern.bytes.length);
        for (const byte of pattern.bytes) this.texts.push(byte);
        return;
      }
      case "set":
        return this.#emit(Op.Set, this.#set(pattern.set));
      case "sequence":
        for (const item of pattern.items) this.#compile(item);
        return;
      case "choice":
        return this.#choice(pattern.items);
      case "repeat":
        for (let copy = 0; copy < pattern.least; copy++) this.#compile(pattern.body);
        return pattern.extra === Infinity ? this.#loop(pattern.body) : this.#optional(pattern.body, pattern.extra);
      case "not": {
        const head = this.#head(pattern.body);
        const start = failsAtHead(pattern.body)
          ? this.#forward(Op.Test, this.#set(head.set))
          : this.#forward(Op.Choice);
        if (!failsAtHead(pattern.body)) {
          this.#compile(pattern.body);
          this.#emit(Op.FailTwice);
        } else this.#emit(Op.Fail);
        return this.#here(start);
      }
      case "and": {
        const start = this.#forward(Op.Choice);
        this.#compile(pattern.body);
        const done = this.#forward(Op.Back);
        this.#here(start);
        this.#emit(Op.Fail);
        return this.#here(done);
      }
      case "behind":
        if (pattern.length > 0) this.#emit(Op.Behind, pattern.length);
        return this.#compile(pattern.body);
      case "call": {
        const grammar = this.#within;
        const rule = grammar?.indexes.get(pattern.key);
        if (grammar === undefined || rule === undefined) {
          throw new PatternError(`rule '${pattern.name}' used outside a grammar`);
        }
        this.#calls.push({ cell: this.#forward(Op.Call), grammar, rule });
        return;
      }
      case "capture": {
        const index = this.#capture(pattern.capture);
        if (pattern.body.kind === "true" && pattern.capture.kind !== "runtime") return this.#emit(Op.Mark, index);
        this.#emit(Op.Open, index);
        this.#compile(pattern.body);
        return pattern.capture.kind === "runtime" ? this.#emit(Op.Decide, index) : this.#emit(Op.Close);
      }
      case "grammar":
        return this.#grammar(pattern);
    }
  }

  #grammar(grammar: Grammar): void {
    this.#calls.push({ cell: this.#forward(Op.Call), grammar, rule: 0 });
    if (this.#grammars.has(grammar)) return;
    const labels: number[] = [];
    this.#grammars.set(grammar, labels);
    const end = this.#forward(Op.Jump);
    const around = this.#within;
    this.#within = grammar;
    for (const rule of grammar.rules) {
      labels.push(this.code.length);
      this.#compile(rule.body);
      this.#emit(Op.Return);
    }
    this.#within = around;
    this.#here(end);
  }

  /** Zero or more. */
  #loop(body: Pattern): void {
    const head = this.#head(body);
    if (body.kind === "set") return this.#emit(Op.Span, this.#set(body.set));
    if (failsAtHead(body)) {
      const start = this.code.length;
      const end = this.#forward(Op.Test, this.#set(head.set));
      this.#compile(body);
      this.#emit(Op.Jump, start);
      return this.#here(end);
    }
    const test = head.empty ? [] : [this.#forward(Op.Test, this.#set(head.set))];
    const end = this.#forward(Op.Choice);
    const start = this.code.length;
    this.#compile(body);
    this.#emit(Op.Again, start);
    this.#here(end, ...test);
  }

  /** At most `count`. */
  #optional(body: Pattern, count: number): void {
    if (count === 0) return;
    const head = this.#head(body);
    if (failsAtHead(body)) {
      const ends: number[] = [];
      for (let copy = 0; copy < count; copy++) {
        ends.push(this.#forward(Op.Test, this.#set(head.set)));
        this.#compile(body);
      }
      return this.#here(...ends);
    }
    const test = head.empty ? [] : [this.#forward(Op.Test, this.#set(head.set))];
    const end = this.#forward(Op.Choice);
    for (let copy = 1; copy < count; copy++) {
      this.#compile(body);
      const next = this.#forward(Op.Again);
      this.#here(next);
    }
    this.#compile(body);
    const done = this.#forward(Op.Commit);
    this.#here(end, done, ...test);
  }

  #choice(items: readonly Pattern[]): void {
    const heads = items.map((item) => this.#head(item));
    if (items.length >= FEWEST_FOR_SWITCH && this.#switch(items, heads)) return;
    this.#alternatives(items, heads, true);
  }

  /** Tries one after the other, with tests of the first byte unless that is known to fit. */
  #alternatives(items: readonly Pattern[], heads: readonly Head[], tested: boolean): void {
    const ends: number[] = [];
    for (const [index, item] of items.entries()) {
      const head = heads[index];
      if (index === items.length - 1 || head === undefined) {
        this.#compile(item);
        break;
      }
      const next: number[] = [];
      if (!head.empty && tested) next.push(this.#forward(Op.Test, this.#set(head.set)));
      // Nothing to come back to: it fails by its first byte only, or none of the others begins like it.
      const last = !head.empty && tested && heads.slice(index + 1).every((other) => disjoint(head, other));
      if (last || failsAtHead(item) || cannotFail(item)) {
        this.#compile(item);
        ends.push(this.#forward(Op.Jump));
      } else {
        next.push(this.#forward(Op.Choice));
        this.#compile(item);
        ends.push(this.#forward(Op.Commit));
      }
      this.#here(...next);
    }
    this.#here(...ends);
  }

  /** Goes by the next byte straight to the alternatives that can begin with it; false where that makes no sense. */
  #switch(items: readonly Pattern[], heads: readonly Head[]): boolean {
    const groups = new Map<string, { fitting: number[]; bytes: number[] }>();
    for (let byte = 0; byte <= 256; byte++) {
      const fitting: number[] = [];
      for (const [index, head] of heads.entries()) if (head.empty || head.set[byte] === 1) fitting.push(index);
      const key = fitting.join();
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { fitting, bytes: [byte] });
      else group.bytes.push(byte);
    }
    let before = 0;
    for (const item of items) before += item.size;
    let after = 0;
    for (const { fitting } of groups.values()) for (const index of fitting) after += items[index]?.size ?? 0;
    // Alternatives that several bytes lead to are there more than once; nested choices would multiply that.
    if (after > (this.#copying ? before : 2 * before + 32)) return false;
    const around = this.#copying;
    this.#copying ||= after > before;

    const table = this.tables.length;
    for (let byte = 0; byte <= 256; byte++) this.tables.push(0);
    this.#emit(Op.Switch, table);
    const ends: number[] = [];
    for (const { fitting, bytes } of groups.values()) {
      for (const byte of bytes) this.tables[table + byte] = this.code.length;
      if (fitting.length === 0) {
        this.#emit(Op.Fail);
        continue;
      }
      const some = fitting.flatMap((index) => items[index] ?? []);
      this.#alternatives(some, fitting.flatMap((index) => heads[index] ?? []), false);
      ends.push(this.#forward(Op.Jump));
    }
    this.#here(...ends);
    this.#copying = around;
    return true;
  }
}

/** A call with nothing but returning behind it needs no way back: rules that end in themselves become loops. */
function dropReturns(code: Int32Array): void {
  for (let at = 0; at < code.length; at += WIDTHS[code[at] ?? 0] ?? 1) {
    if (code[at] !== Op.Call) continue;
    let next = at + 2;
    while (code[next] === Op.Jump) next = code[next + 1] ?? 0;
    if (code[next] === Op.Return) code[at] = Op.Jump;
  }
}

function disjoint(head: Head, other: Head): boolean {
  return !other.empty && head.set.every((member, byte) => member === 0 || other.set[byte] === 0);
}

/**
 * Compiles a pattern.
 *
 * @throws {PatternError} where it calls a rule outside of a grammar.
 */
export function compile(pattern: Pattern): Program {
  return new Compiler().program(pattern);
}

/** A program as text, an operation a line, as `lpeg.print` shows it. */
export function listing(program: Program): string {
  const names = Object.keys(Op);
  const lines: string[] = [];
  for (let at = 0; at < program.code.length;) {
    const width = WIDTHS[program.code[at] ?? 0] ?? 1;
    const [op = 0, ...cells] = program.code.subarray(at, at + width);
    const capture = op >= Op.Open && op !== Op.Close && op <= Op.Decide
      ? program.captures[cells[0] ?? 0]?.kind
      : undefined;
    lines.push([at, names[op], ...cells, ...(capture === undefined ? [] : [`(${capture})`])].join(" "));
    at += width;
  }
  return lines.join("\n");
}
