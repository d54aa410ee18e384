/**
 * `require("lpeg")`: parsing expression grammars, with the interface of LPeg 0.8 as the original offers it and what later
 * versions added (`Cg`, `Cf`, `B`, `locale`, `setmaxstack`, `patt / number`, `patt % function`).
 *
 * An implementation of our own after LPeg's manual: https://www.inf.puc-rio.br/~roberto/lpeg/ It differs where that costs
 * scripts nothing: the stack of pending choices is larger from the start, rules of a grammar may be plain strings, numbers
 * and booleans, and `lpeg.version()` is that of the semantics, 1.0.
 *
 * @module
 */

import type { LuaEngine, LuaFunction } from "../engine.ts";
import { LuaType, type State, typeName } from "../lua_api.ts";
import { LuaKilled } from "../lua_error.ts";
import { ArgumentError } from "../lua_values.ts";
import { Evaluation } from "./lpeg_captures.ts";
import { DEFAULT_STACK, Machine, MatchError } from "./lpeg_machine.ts";
import * as build from "./lpeg_pattern.ts";
import type { CaptureKind } from "./lpeg_pattern.ts";
import { listing } from "./lpeg_program.ts";
import { Patterns } from "./lpeg_userdata.ts";

/** How the module is to behave. */
export interface LpegOptions {
  /**
   * Called from time to time during a match, which Lua's count hook does not see; throws if the script has run too long.
   * Without it a match may take {@linkcode MATCH_LIMIT_MS}.
   */
  readonly checkTime?: (L: State) => void;
}

/** Milliseconds that a single match may take where nobody else looks at the time. */
export const MATCH_LIMIT_MS = 1_000;

const VERSION = "1.0.2";
const LARGEST_KEPT = 1 << 20;
const MOST_STACK = 10_000_000;

/** The classes of `lpeg.locale`, as the C locale has them. */
const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  // deno-lint-ignore no-control-regex
  cntrl: /[\x00-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[\x21-\x7e]/,
  lower: /[a-z]/,
  print: /[\x20-\x7e]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[\t-\r ]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

class Lpeg {
  readonly #engine: LuaEngine;
  readonly #patterns: Patterns;
  readonly #checkTime: ((L: State) => void) | undefined;
  /** A machine and a copy of the subject for each match that runs inside another. */
  readonly #levels: { machine: Machine; subject: Uint8Array }[] = [];
  #level = 0;
  #maxStack = DEFAULT_STACK;

  constructor(engine: LuaEngine, options: LpegOptions) {
    this.#engine = engine;
    this.#patterns = new Patterns(engine);
    this.#checkTime = options.checkTime;
  }

  /** Pushes the module. */
  open(L: State): number {
    const engine = this.#engine;
    const { api } = engine;
    engine.module(L, "lpeg", this.#functions(), {
      _VERSION: "lpeg 0.8",
      _DESCRIPTION: "Parsing expression grammars with the interface of LPeg",
      _COPYRIGHT: "The authors of this program",
    });
    this.#patterns.pushMetatable(L);
    for (const [event, fn] of Object.entries(this.#operators())) {
      engine.pushFunction(L, event, fn);
      api.lua_setfield(L, -2, engine.cstring(event));
    }
    api.lua_pushvalue(L, -2);
    api.lua_setfield(L, -2, engine.cstring("__index"));
    api.lua_settop(L, -2);
    return 1;
  }

  #functions(): Record<string, LuaFunction> {
    const patterns = this.#patterns;
    const engine = this.#engine;
    const { api } = engine;
    return {
      match: (L) => this.#match(L),
      P: (L) => {
        const pattern = patterns.at(L, 1);
        if (!patterns.has(L, 1)) return patterns.push(L, pattern);
        api.lua_pushvalue(L, 1);
        return 1;
      },
      S: (L) => patterns.push(L, this.#setOf(L)),
      R: (L) => {
        const members = new Uint8Array(256);
        for (let i = 1; i <= api.lua_gettop(L); i++) {
          const range = engine.argBytes(L, i);
          if (range.length !== 2) throw new ArgumentError(i, "range must have two characters");
          const [from = 0, to = 0] = range;
          for (let byte = from; byte <= to; byte++) members[byte] = 1;
        }
        return patterns.push(L, build.set(members));
      },
      V: (L) => {
        if (!engine.isGiven(L, 1)) throw new ArgumentError(1, "non-nil value expected");
        const draft = patterns.draft(L);
        draft.put(1); // A key may be named by its address, so it has to stay alive.
        return draft.finish(build.call(patterns.key(L, 1), patterns.name(L, 1)));
      },
      B: (L) => {
        try {
          return patterns.push(L, build.behind(patterns.at(L, 1)), 1);
        } catch (error) {
          throw error instanceof build.PatternError ? new ArgumentError(1, error.message) : error;
        }
      },
      span: (L) => {
        const body = api.lua_type(L, 1) === LuaType.STRING ? this.#setOf(L) : patterns.at(L, 1);
        return patterns.push(L, build.repeat(body, 0), 1);
      },
      C: (L) => this.#capture(L, "simple"),
      Cs: (L) => this.#capture(L, "substitution"),
      Ct: (L) => this.#capture(L, "table"),
      Ca: (L) => this.#capture(L, "accumulator"),
      Cf: (L) => this.#functionCapture(L, "fold"),
      Cmt: (L) => this.#functionCapture(L, "runtime"),
      Cp: (L) => patterns.push(L, build.capture(build.TRUE, { kind: "position", slot: 0n })),
      Cc: (L) => this.#constants(L),
      Carg: (L) => {
        const index = engine.argInteger(L, 1);
        if (!(index > 0 && index <= 0xffff)) throw new ArgumentError(1, "invalid argument index");
        return patterns.push(L, build.capture(build.TRUE, { kind: "argument", slot: 0n, index }));
      },
      Cg: (L) => {
        if (!engine.isGiven(L, 2)) return this.#capture(L, "group");
        const body = patterns.at(L, 1);
        const draft = patterns.draft(L);
        draft.take(1);
        return draft.finish(build.capture(body, { kind: "group", slot: draft.put(2), key: patterns.key(L, 2) }));
      },
      Cb: (L) => {
        if (!engine.isGiven(L, 1)) throw new ArgumentError(1, "non-nil value expected");
        const index = api.lua_type(L, 1) === LuaType.NUMBER ? api.lua_tonumberx(L, 1, 0) : 0;
        const draft = patterns.draft(L);
        const slot = draft.put(1);
        return draft.finish(build.capture(build.TRUE, { kind: "back", slot, key: patterns.key(L, 1), index }));
      },
      type: (L) => {
        if (api.lua_gettop(L) === 0) throw new ArgumentError(1, "value expected");
        if (patterns.has(L, 1)) engine.pushText(L, "pattern");
        else api.lua_pushnil(L);
        return 1;
      },
      version: (L) => {
        engine.pushText(L, VERSION);
        return 1;
      },
      setmaxstack: (L) => {
        this.#maxStack = Math.max(1, Math.min(engine.argInteger(L, 1), MOST_STACK));
        return 0;
      },
      locale: (L) => {
        if (engine.isGiven(L, 1)) {
          engine.argTable(L, 1);
          api.lua_settop(L, 1);
        } else {
          api.lua_settop(L, 0);
          api.lua_createtable(L, 0, 12);
        }
        for (const [name, members] of Object.entries(CLASSES)) {
          patterns.push(L, build.set(build.byteSet((byte) => members.test(String.fromCharCode(byte)))));
          api.lua_setfield(L, 1, engine.cstring(name));
        }
        return 1;
      },
      print: (L) => {
        if (!patterns.has(L, 1)) patterns.push(L, patterns.at(L, 1));
        else api.lua_pushvalue(L, 1);
        const text = listing(patterns.program(L, -1));
        api.lua_getglobal(L, engine.cstring("print"));
        engine.pushText(L, text);
        api.lua_callk(L, 1, 0, 0, 0);
        return 0;
      },
    };
  }

  #operators(): Record<string, LuaFunction> {
    const patterns = this.#patterns;
    const engine = this.#engine;
    return {
      __mul: (L) => patterns.push(L, build.sequence(patterns.at(L, 1), patterns.at(L, 2)), 1, 2),
      __add: (L) => patterns.push(L, build.choice(patterns.at(L, 1), patterns.at(L, 2)), 1, 2),
      __sub: (L) => patterns.push(L, build.difference(patterns.at(L, 1), patterns.at(L, 2)), 1, 2),
      __unm: (L) => patterns.push(L, build.not(patterns.at(L, 1)), 1),
      __len: (L) => patterns.push(L, build.and(patterns.at(L, 1)), 1),
      __pow: (L) => patterns.push(L, build.repeat(patterns.at(L, 1), engine.argInteger(L, 2)), 1),
      __mod: (L) => this.#functionCapture(L, "accumulate"),
      __div: (L) => this.#division(L),
    };
  }

  #setOf(L: State): build.Pattern {
    const members = new Uint8Array(256);
    for (const byte of this.#engine.argBytes(L, 1)) members[byte] = 1;
    return build.set(members);
  }

  #capture(L: State, kind: CaptureKind): number {
    return this.#patterns.push(L, build.capture(this.#patterns.at(L, 1), { kind, slot: 0n }), 1);
  }

  /** A capture with the function that is the second argument. */
  #functionCapture(L: State, kind: CaptureKind): number {
    const type = this.#engine.api.lua_type(L, 2);
    if (type !== LuaType.FUNCTION) throw new ArgumentError(2, `function expected, got ${typeName(type)}`);
    return this.#valueCapture(L, kind);
  }

  #valueCapture(L: State, kind: CaptureKind): number {
    const body = this.#patterns.at(L, 1);
    const draft = this.#patterns.draft(L);
    draft.take(1);
    return draft.finish(build.capture(body, { kind, slot: draft.put(2) }));
  }

  #division(L: State): number {
    const { api } = this.#engine;
    switch (api.lua_type(L, 2)) {
      case LuaType.FUNCTION:
        return this.#valueCapture(L, "function");
      case LuaType.TABLE:
        return this.#valueCapture(L, "query");
      case LuaType.STRING: {
        const template = this.#engine.bytes(L, 2);
        const body = this.#patterns.at(L, 1);
        return this.#patterns.push(L, build.capture(body, { kind: "string", slot: 0n, template }), 1);
      }
      case LuaType.NUMBER: {
        const index = this.#engine.argInteger(L, 2);
        if (!(index >= 0 && index <= 0xffff)) throw new ArgumentError(2, "invalid number");
        const body = this.#patterns.at(L, 1);
        return this.#patterns.push(L, build.capture(body, { kind: "select", slot: 0n, index }), 1);
      }
      default:
        throw new ArgumentError(2, "invalid replacement value");
    }
  }

  #constants(L: State): number {
    const count = this.#engine.api.lua_gettop(L);
    const draft = this.#patterns.draft(L);
    let constants = build.TRUE;
    for (let i = 1; i <= count; i++) {
      const one = build.capture(build.TRUE, { kind: "constant", slot: draft.put(i) });
      constants = build.sequence(constants, one);
    }
    return draft.finish(count > 1 ? build.capture(constants, { kind: "group", slot: 0n }) : constants);
  }

  #match(L: State): number {
    const engine = this.#engine;
    const { api } = engine;
    if (!this.#patterns.has(L, 1)) {
      this.#patterns.push(L, this.#patterns.at(L, 1), 1);
      api.lua_copy(L, -1, 1);
      api.lua_settop(L, -2);
    }
    const program = this.#patterns.program(L, 1);
    const type = api.lua_type(L, 2);
    if (type !== LuaType.STRING && type !== LuaType.NUMBER) {
      throw new ArgumentError(2, `string expected, got ${typeName(type)}`);
    }
    const init = engine.optInteger(L, 3, 1);
    if (api.lua_gettop(L) < 3) api.lua_settop(L, 3);
    const top = api.lua_gettop(L);
    engine.reserve(L, 8);
    api.lua_getiuservalue(L, 1, 1);
    api.lua_pushnil(L);

    const level = this.#levels[this.#level] ??= { machine: new Machine(), subject: new Uint8Array(1024) };
    const view = engine.view(L, 2);
    const { length } = view;
    if (level.subject.length < length) level.subject = new Uint8Array(length * 2);
    level.subject.set(view);
    const { machine, subject } = level;
    const start = init > 0 ? Math.min(init - 1, length) : Math.max(length + init, 0);
    const evaluation = new Evaluation(engine, program, machine, {
      L,
      subjectIndex: 2,
      subjectPointer: view.byteOffset,
      subject,
      length,
      slots: top + 1,
      produced: top + 2,
      firstArgument: 4,
      argumentCount: top - 3,
    }, this.#poll(L));
    this.#level++;
    try {
      const end = machine.match(program, subject, length, start, evaluation, this.#maxStack);
      if (end < 0) {
        api.lua_pushnil(L);
        return 1;
      }
      const count = machine.top === 0 ? 0 : evaluation.all();
      if (count > 0) return count;
      api.lua_pushinteger(L, BigInt(end + 1));
      return 1;
    } catch (error) {
      // Makes room for the message.
      if (error instanceof MatchError) api.lua_settop(L, 3);
      throw error;
    } finally {
      this.#level--;
      if (subject.length > LARGEST_KEPT || machine.entries.length > LARGEST_KEPT) this.#levels.length = this.#level;
    }
  }

  #poll(L: State): () => void {
    const check = this.#checkTime;
    if (check !== undefined) return () => check(L);
    let deadline = 0;
    return () => {
      const now = performance.now();
      if (deadline === 0) deadline = now + MATCH_LIMIT_MS;
      else if (now > deadline) throw new LuaKilled(`the match took longer than ${MATCH_LIMIT_MS} ms`);
    };
  }
}

/** Lets scripts `require("lpeg")`. */
export function installLpeg(engine: LuaEngine, options: LpegOptions = {}): void {
  const lpeg = new Lpeg(engine, options);
  engine.preload("lpeg", (L) => lpeg.open(L));
}
