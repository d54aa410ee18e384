/**
 * Turns what a match captured into Lua values. Functions of match-time captures run during the match, everything else
 * after it, from left to right.
 *
 * @module
 */

import { LuaType, MULTIPLE_RESULTS, type Pointer, type State, typeName } from "../lua_api.ts";
import type { LuaValues } from "../lua_values.ts";
import { CLOSE, type Machine, MatchError, type Surroundings, VALUE } from "./lpeg_machine.ts";
import type { Capture } from "./lpeg_pattern.ts";
import { ANONYMOUS, type Program } from "./lpeg_program.ts";

/** What an evaluation works on: the stack of the call of `match`. */
export interface Frame {
  readonly L: State;
  /** The subject on the stack, in Lua's memory, and as bytes of ours. */
  readonly subjectIndex: number;
  readonly subjectPointer: Pointer;
  readonly subject: Uint8Array;
  readonly length: number;
  /** The stack index of the pattern's table of values. */
  readonly slots: number;
  /** A stack index for the table of the values of match-time captures. */
  readonly produced: number;
  /** The stack index of the first extra argument, and how many there are. */
  readonly firstArgument: number;
  readonly argumentCount: number;
}

const DEEPEST = 1_000;
const STEPS_PER_POLL = 4_096;
const PERCENT = 0x25;
const ZERO = 0x30;

const SMALL = Array.from({ length: 256 }, (_, n) => BigInt(n));

function integer(n: number): bigint {
  return SMALL[n] ?? BigInt(n);
}

/** Bytes that are put together piece by piece. */
class Builder {
  #bytes = new Uint8Array(256);
  #length = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  add(from: Uint8Array, start = 0, end = from.length): void {
    const length = this.#length + end - start;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      grown.set(this.bytes);
      this.#bytes = grown;
    }
    if (end - start < 16) { for (let i = start; i < end; i++) this.#bytes[this.#length++] = from[i] ?? 0; }
    else this.#bytes.set(from.subarray(start, end), this.#length);
    this.#length = length;
  }
}

/** One match's captures. */
export class Evaluation implements Surroundings {
  readonly #lua: LuaValues;
  readonly #program: Program;
  readonly #machine: Machine;
  readonly #frame: Frame;
  readonly #onPoll: () => void;
  /** The entry that comes next. */
  #at = 0;
  #depth = 0;
  #steps = 0;

  constructor(lua: LuaValues, program: Program, machine: Machine, frame: Frame, poll: () => void) {
    this.#lua = lua;
    this.#program = program;
    this.#machine = machine;
    this.#frame = frame;
    this.#onPoll = poll;
  }

  /** As {@linkcode Surroundings.poll} says. */
  poll(): void {
    this.#onPoll();
  }

  /** Pushes the values of all captures and gives their number. */
  all(): number {
    this.#at = 0;
    return this.#list();
  }

  /** Lets the function of a match-time capture decide; as {@linkcode Surroundings.decide} says. */
  decide(machine: Machine, open: number, position: number): number {
    const { api } = this.#lua;
    const { L, subjectIndex, length, produced } = this.#frame;
    machine.add(CLOSE, position);
    this.#at = open;
    const base = api.lua_gettop(L);
    this.#lua.reserve(L, 8);
    api.lua_rawgeti(L, this.#frame.slots, this.#capture(open).slot);
    api.lua_pushvalue(L, subjectIndex);
    api.lua_pushinteger(L, integer(position + 1));
    const count = this.#nested(false);
    machine.top = open;
    api.lua_callk(L, count + 2, MULTIPLE_RESULTS, 0, 0);
    const results = api.lua_gettop(L) - base;
    if (results === 0 || api.lua_toboolean(L, base + 1) === 0) {
      api.lua_settop(L, base);
      return -1;
    }
    let next = position;
    if (api.lua_type(L, base + 1) !== LuaType.BOOLEAN) {
      next = Math.trunc(api.lua_tonumberx(L, base + 1, 0)) - 1;
      if (api.lua_isnumber(L, base + 1) === 0 || next < position || next > length) {
        throw new MatchError("invalid position returned by match-time capture");
      }
    }
    if (results > 1) {
      this.#lua.reserve(L, 4);
      if (api.lua_type(L, produced) !== LuaType.TABLE) {
        api.lua_createtable(L, results, 0);
        api.lua_copy(L, -1, produced);
        api.lua_settop(L, -2);
      }
      machine.add(ANONYMOUS, this.#position(open));
      for (let result = 2; result <= results; result++) {
        api.lua_pushvalue(L, base + result);
        api.lua_rawseti(L, produced, integer(++machine.values));
        machine.add(VALUE, machine.values);
      }
      machine.add(CLOSE, next);
    }
    api.lua_settop(L, base);
    return next;
  }

  /** What the entry at `at` is; only for entries that open a capture. */
  #capture(at: number): Capture {
    const capture = this.#program.captures[this.#machine.entries[at] ?? 0];
    if (capture === undefined) throw new MatchError("an entry names no capture");
    return capture;
  }

  #position(at: number): number {
    return this.#machine.entries[at + 1] ?? 0;
  }

  /** Whether another capture begins at the current entry. */
  #more(): boolean {
    return this.#at < this.#machine.top && this.#machine.entries[this.#at] !== CLOSE;
  }

  /** Moves behind the capture that begins at the current entry, and gives the position where its match ended. */
  #skip(): number {
    const { entries } = this.#machine;
    let nested = 0;
    do {
      const what = entries[this.#at] ?? 0;
      if (what === CLOSE) nested--;
      else if (what !== VALUE) nested++;
      this.#at += 2;
    } while (nested > 0);
    return entries[this.#at - 1] ?? 0;
  }

  #pushText(start: number, end: number): void {
    this.#lua.api.lua_pushlstring(this.#frame.L, this.#frame.subjectPointer + start, end - start);
  }

  #pushSlot(slot: bigint): void {
    this.#lua.api.lua_rawgeti(this.#frame.L, this.#frame.slots, slot);
  }

  /** Pushes the values of the captures up to the end of the one around them, and gives their number. */
  #list(): number {
    let count = 0;
    while (this.#more()) {
      if (this.#accumulates()) {
        if (count === 0) throw new MatchError("no previous value for accumulator capture");
        this.#accumulate();
      } else count += this.#values();
    }
    return count;
  }

  /**
   * Pushes the values of the captures inside the one at the current entry and moves behind it. Without any it has the
   * text of its match; `whole` puts that in front in any case.
   */
  #nested(whole: boolean): number {
    const start = this.#position(this.#at);
    this.#at += 2;
    const count = this.#list();
    const end = this.#position(this.#at);
    this.#at += 2;
    if (!whole && count > 0) return count;
    if (count > 0) this.#lua.reserve(this.#frame.L, 4); // A function's results may have taken what was left.
    this.#pushText(start, end);
    if (count > 0) this.#lua.api.lua_rotate(this.#frame.L, -(count + 1), 1);
    return count + 1;
  }

  /** Pushes the first of the values that {@linkcode #nested} has. */
  #firstNested(): void {
    const count = this.#nested(false);
    if (count > 1) this.#lua.api.lua_settop(this.#frame.L, -count);
  }

  #accumulates(): boolean {
    return this.#machine.entries[this.#at] !== VALUE && this.#capture(this.#at).kind === "accumulate";
  }

  /** Replaces the value on the top of the stack by what the function at the current entry makes of it. */
  #accumulate(): void {
    const { api } = this.#lua;
    const { L } = this.#frame;
    this.#lua.reserve(L, 4);
    this.#pushSlot(this.#capture(this.#at).slot);
    api.lua_pushvalue(L, -2);
    const count = this.#nested(false);
    api.lua_callk(L, count + 1, 1, 0, 0);
    api.lua_copy(L, -1, -2);
    api.lua_settop(L, -2);
  }

  /** Pushes the values of the capture at the current entry, moves behind it, and gives their number. */
  #values(): number {
    if (++this.#steps >= STEPS_PER_POLL) {
      this.#steps = 0;
      this.#onPoll();
    }
    if (this.#depth >= DEEPEST) throw new MatchError("captures nested too deeply");
    this.#depth++;
    const count = this.#valuesOf();
    this.#depth--;
    return count;
  }

  #valuesOf(): number {
    const { api } = this.#lua;
    const { L } = this.#frame;
    if (api.lua_checkstack(L, 6) === 0) throw new MatchError("stack overflow (too many captures)");
    if (this.#machine.entries[this.#at] === VALUE) {
      api.lua_rawgeti(L, this.#frame.produced, integer(this.#position(this.#at)));
      this.#at += 2;
      return 1;
    }
    const capture = this.#capture(this.#at);
    switch (capture.kind) {
      case "simple":
        return this.#nested(true);
      case "position":
        api.lua_pushinteger(L, integer(this.#position(this.#at) + 1));
        this.#skip();
        return 1;
      case "constant":
        this.#pushSlot(capture.slot);
        this.#skip();
        return 1;
      case "argument": {
        const index = capture.index ?? 0;
        if (index > this.#frame.argumentCount) throw new MatchError(`reference to absent extra argument #${index}`);
        api.lua_pushvalue(L, this.#frame.firstArgument + index - 1);
        this.#skip();
        return 1;
      }
      case "group":
        if (capture.key === undefined) return this.#nested(false);
        this.#skip();
        return 0;
      case "table":
        this.#table();
        return 1;
      case "back":
        return this.#back(capture);
      case "fold":
        return this.#fold(capture);
      case "accumulator":
        return this.#accumulator();
      case "substitution": {
        const built = new Builder();
        this.#substitute(built);
        this.#lua.pushBytes(L, built.bytes);
        return 1;
      }
      case "string": {
        const built = new Builder();
        this.#template(built, capture.template ?? built.bytes);
        this.#lua.pushBytes(L, built.bytes);
        return 1;
      }
      case "query":
        this.#pushSlot(capture.slot);
        this.#firstNested();
        if (api.lua_gettable(L, -2) === LuaType.NIL) {
          api.lua_settop(L, -3);
          return 0;
        }
        api.lua_rotate(L, -2, 1);
        api.lua_settop(L, -2);
        return 1;
      case "select": {
        const index = capture.index ?? 0;
        if (index === 0) {
          this.#skip();
          return 0;
        }
        const count = this.#nested(false);
        if (index > count) throw new MatchError(`no capture '${index}'`);
        api.lua_copy(L, index - 1 - count, -count);
        api.lua_settop(L, -count);
        return 1;
      }
      case "function": {
        const base = api.lua_gettop(L);
        this.#pushSlot(capture.slot);
        const count = this.#nested(false);
        api.lua_callk(L, count, MULTIPLE_RESULTS, 0, 0);
        return api.lua_gettop(L) - base;
      }
      case "accumulate":
        throw new MatchError("no previous value for accumulator capture");
      case "runtime":
        throw new MatchError("a match-time capture was left open");
    }
  }

  /** Pushes the table of a table capture. */
  #table(): void {
    const { api } = this.#lua;
    const { L } = this.#frame;
    api.lua_createtable(L, 0, 0);
    const table = api.lua_gettop(L);
    let length = 0;
    this.#at += 2;
    while (this.#more()) {
      const inner = this.#machine.entries[this.#at] === VALUE ? undefined : this.#capture(this.#at);
      if (inner?.kind === "group" && inner.key !== undefined) {
        this.#pushSlot(inner.slot);
        this.#firstNested();
        api.lua_settable(L, table);
      } else if (inner?.kind === "accumulate") {
        if (length === 0) throw new MatchError("no previous value for accumulator capture");
        api.lua_rawgeti(L, table, integer(length));
        this.#accumulate();
        api.lua_rawseti(L, table, integer(length));
      } else {
        const count = this.#values();
        for (let index = count; index > 0; index--) api.lua_rawseti(L, table, integer(length + index));
        length += count;
      }
    }
    this.#at += 2;
  }

  /** Pushes the values of the group named last that is complete and not inside of another complete capture. */
  #back(capture: Capture): number {
    const after = this.#at + 4;
    const found = this.#findBack(capture);
    if (found === undefined) throw new MatchError(`back reference '${this.#nameOf(capture)}' not found`);
    this.#at = found;
    const isGroup = this.#capture(found).key === capture.key;
    const count = isGroup ? this.#nested(false) : this.#values();
    this.#at = after;
    return count;
  }

  #findBack(capture: Capture): number | undefined {
    const { entries } = this.#machine;
    let complete = 0;
    let nth: number | undefined;
    let nested = 0;
    for (let at = this.#at - 2; at >= 0; at -= 2) {
      const what = entries[at];
      if (what === CLOSE) nested++;
      else if (what !== VALUE && nested > 0 && --nested === 0) {
        const found = this.#capture(at);
        if (found.kind === "group" && found.key === capture.key) return at;
        // LPeg 0.8 had no names: a number means the capture so many before.
        if (found.key === undefined && ++complete === capture.index) nth = at;
      }
    }
    return nth;
  }

  #nameOf(capture: Capture): string {
    this.#pushSlot(capture.slot);
    const { api } = this.#lua;
    const type = api.lua_type(this.#frame.L, -1);
    return type === LuaType.STRING || type === LuaType.NUMBER
      ? this.#lua.text(this.#frame.L, -1)
      : `a ${typeName(type)}`;
  }

  /** Pushes the first value of the first capture inside the one at the current entry, and moves behind that first one. */
  #initial(what: string): void {
    this.#at += 2;
    const count = this.#more() ? this.#values() : 0;
    if (count === 0) throw new MatchError(`no initial value for ${what} capture`);
    this.#lua.api.lua_settop(this.#frame.L, -count);
  }

  #fold(capture: Capture): number {
    const { api } = this.#lua;
    const { L } = this.#frame;
    this.#initial("fold");
    while (this.#more()) {
      this.#lua.reserve(L, 4);
      this.#pushSlot(capture.slot);
      api.lua_pushvalue(L, -2);
      const count = this.#values();
      api.lua_callk(L, count + 1, 1, 0, 0);
      api.lua_copy(L, -1, -2);
      api.lua_settop(L, -2);
    }
    this.#at += 2;
    return 1;
  }

  #accumulator(): number {
    this.#initial("accumulator");
    while (this.#more()) {
      if (this.#machine.entries[this.#at] === VALUE || this.#capture(this.#at).kind !== "function") {
        throw new MatchError("an accumulator capture wants functions behind its first value");
      }
      this.#accumulate();
    }
    this.#at += 2;
    return 1;
  }

  /** Adds the match of the current entry with the matches of the captures inside replaced by their values. */
  #substitute(built: Builder): void {
    const { subject } = this.#frame;
    let from = this.#position(this.#at);
    this.#at += 2;
    while (this.#more()) {
      const start = this.#position(this.#at);
      built.add(subject, from, start);
      from = this.#addValue(built, "replacement") ? this.#position(this.#at - 2) : start;
    }
    built.add(subject, from, this.#position(this.#at));
    this.#at += 2;
  }

  /** Adds the first value of the capture at the current entry and moves behind it; false if it has none. */
  #addValue(built: Builder, what: string): boolean {
    const { api } = this.#lua;
    const { L } = this.#frame;
    if (this.#machine.entries[this.#at] !== VALUE) {
      const capture = this.#capture(this.#at);
      if (capture.kind === "substitution" || capture.kind === "string") {
        if (this.#depth >= DEEPEST) throw new MatchError("captures nested too deeply");
        this.#depth++;
        if (capture.kind === "substitution") this.#substitute(built);
        else this.#template(built, capture.template ?? new Uint8Array());
        this.#depth--;
        return true;
      }
    }
    const count = this.#values();
    if (count === 0) return false;
    api.lua_settop(L, -count);
    if (api.lua_isstring(L, -1) === 0) {
      throw new MatchError(`invalid ${what} value (a ${typeName(api.lua_type(L, -1))})`);
    }
    built.add(this.#lua.view(L, -1));
    api.lua_settop(L, -2);
    return true;
  }

  /** Adds the template of a string capture with what its marks stand for. */
  #template(built: Builder, template: Uint8Array): void {
    const { subject } = this.#frame;
    const found: { readonly entry: number; readonly simple: boolean }[] = [];
    const start = this.#at;
    this.#collect(found);
    const after = this.#at;
    for (let i = 0; i < template.length; i++) {
      const byte = template[i] ?? 0;
      if (byte === PERCENT && i + 1 < template.length) i++;
      const index = (template[i] ?? 0) - ZERO;
      if (byte !== PERCENT || index < 0 || index > 9) {
        built.add(template, i, i + 1);
        continue;
      }
      const wanted = index === 0 ? { entry: start, simple: true } : found[index - 1];
      if (wanted === undefined) throw new MatchError(`invalid capture index (${index})`);
      this.#at = wanted.entry;
      if (wanted.simple) {
        const from = this.#position(wanted.entry);
        built.add(subject, from, this.#skip());
      } else if (!this.#addValue(built, "capture")) {
        throw new MatchError(`no values in capture index ${index}`);
      }
    }
    this.#at = after;
  }

  /** Finds the captures inside the one at the current entry as a template counts them, and moves behind it. */
  #collect(found: { readonly entry: number; readonly simple: boolean }[]): void {
    this.#at += 2;
    while (this.#more()) {
      const simple = this.#machine.entries[this.#at] !== VALUE && this.#capture(this.#at).kind === "simple";
      if (found.length < 9) found.push({ entry: this.#at, simple });
      if (simple) this.#collect(found);
      else this.#skip();
    }
    this.#at += 2;
  }
}
