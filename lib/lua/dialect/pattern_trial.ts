/**
 * Lua's patterns tried out beforehand: a match that takes for ever in the C library cannot be stopped there.
 *
 * Patterns go back and forth: with `k` repetitions one of them can take as many steps as the subject's length to the power
 * of `k`, and what a client sends can be made to do so. The trial goes the same way as the library's matcher
 * (https://www.lua.org/manual/5.1/manual.html#5.4.1), finds nothing out, and can be stopped.
 *
 * @module
 */

/** How deep the library's matcher goes before it gives up with an error (`MAXCCALLS` of lstrlib.c). */
const DEEPEST = 200;
/** Steps between two looks at the time: a fraction of a millisecond. */
const STEPS_PER_POLL = 1 << 15;
const MOST_CAPTURES = 32;
/** In place of its end: the capture is not closed yet, or is `()`. */
const OPEN = -1;
const POSITION = -2;

/** The characters of the syntax. */
const C = {
  dollar: 0x24,
  percent: 0x25,
  open: 0x28,
  close: 0x29,
  star: 0x2a,
  plus: 0x2b,
  minus: 0x2d,
  dot: 0x2e,
  question: 0x3f,
  bracket: 0x5b,
  end: 0x5d,
  caret: 0x5e,
  b: 0x62,
  f: 0x66,
} as const;

/** Nothing that can be matched: malformed, or too deep. The library says so itself. */
class Hopeless extends Error {}

/** Longer patterns than this count: so many comparisons may be one step. */
const LONG = 64;

/** How much a pattern can take. */
export interface Effort {
  readonly repetitions: number;
  readonly optional: number;
  /** How often it is longer than those that people write. */
  readonly times: number;
}

/**
 * The number of repetitions without bound, one more if the match may begin anywhere, and that of optional characters: the
 * worst match takes about `times * length ** repetitions * 2 ** optional` steps.
 */
export function effortOf(pattern: Uint8Array): Effort {
  let repetitions = pattern[0] === C.caret ? 0 : 1;
  let optional = 0;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at];
    if (char === C.percent) {
      // "%b" looks for its end as far as the subject goes.
      if (pattern[++at] === C.b) repetitions++;
    } else if (char === C.star || char === C.plus || char === C.minus) repetitions++;
    else if (char === C.question) optional++;
  }
  return { repetitions, optional, times: Math.max(1, pattern.length / LONG) };
}

/**
 * Goes through a search for plain text as the library does: it compares from the start wherever the first byte is found.
 *
 * @param poll as that of {@linkcode PatternTrial}.
 */
export function tryPlainSearch(subject: Uint8Array, text: Uint8Array, from: number, poll: () => void): void {
  const last = subject.length - text.length;
  let steps = 0;
  for (
    let at = subject.indexOf(text[0] ?? 0, from);
    at >= 0 && at <= last;
    at = subject.indexOf(text[0] ?? 0, at + 1)
  ) {
    let same = 1;
    while (same < text.length && subject[at + same] === text[same]) same++;
    if (same >= text.length) return;
    steps += same;
    if (steps < STEPS_PER_POLL) continue;
    steps = 0;
    poll();
  }
}

/** Whether a pattern is plain text: none of the characters is special (`SPECIALS` of lstrlib.c). */
export function isPlain(pattern: Uint8Array): boolean {
  return !/[\^$*+?.([%-]/.test(new TextDecoder("latin1").decode(pattern));
}

/** One pattern on one subject. */
export class PatternTrial {
  readonly #subject: Uint8Array;
  readonly #pattern: Uint8Array;
  readonly #poll: () => void;
  readonly #starts = new Int32Array(MOST_CAPTURES);
  /** Or one of {@linkcode OPEN} and {@linkcode POSITION}. */
  readonly #ends = new Int32Array(MOST_CAPTURES);
  #captures = 0;
  #steps = STEPS_PER_POLL;
  #depth = 0;

  /** @param poll is called now and then, and throws to stop the trial. */
  constructor(subject: Uint8Array, pattern: Uint8Array, poll: () => void) {
    this.#subject = subject;
    this.#pattern = pattern;
    this.#poll = poll;
  }

  /**
   * Goes through the first match from `from` on, or through all matches.
   *
   * @returns where the last of them begins and ends; `undefined` for none, or a pattern that the library refuses.
   * @throws what `poll` throws.
   */
  run(from: number, all: boolean): readonly [start: number, end: number] | undefined {
    let last: [number, number] | undefined;
    const anchored = this.#pattern[0] === C.caret;
    const { length } = this.#subject;
    try {
      for (let at = from; at <= length;) {
        this.#captures = 0;
        this.#depth = 0;
        const end = this.#match(at, anchored ? 1 : 0);
        if (end >= 0) {
          if (this.#ends.subarray(0, this.#captures).includes(OPEN)) return undefined;
          last = [at, end];
        }
        if (anchored || (end >= 0 && !all)) break;
        at = end > at ? end : at + 1;
      }
    } catch (error) {
      if (!(error instanceof Hopeless)) throw error;
      return undefined;
    }
    return last;
  }

  #step(): void {
    if (--this.#steps > 0) return;
    this.#steps = STEPS_PER_POLL;
    this.#poll();
  }

  /** The end of a match of the pattern from `p` on at `s`, -1 for none. */
  #match(s: number, p: number): number {
    if (++this.#depth > DEEPEST) throw new Hopeless();
    try {
      return this.#matchHere(s, p);
    } finally {
      this.#depth--;
    }
  }

  #matchHere(s: number, p: number): number {
    const pattern = this.#pattern;
    for (;;) {
      this.#step();
      if (p >= pattern.length) return s;
      switch (pattern[p]) {
        case C.open:
          return this.#openCapture(s, pattern[p + 1] === C.close ? p + 2 : p + 1, pattern[p + 1] === C.close);
        case C.close:
          return this.#closeCapture(s, p + 1);
        case C.dollar:
          if (p + 1 === pattern.length) return s === this.#subject.length ? s : -1;
          break;
        case C.percent: {
          const kind = pattern[p + 1] ?? 0;
          if (kind === C.b) {
            s = this.#balanced(s, p + 2);
            if (s < 0) return -1;
            p += 4;
            continue;
          }
          if (kind === C.f) {
            p += 2;
            if (pattern[p] !== C.bracket) throw new Hopeless();
            const end = this.#classEnd(p);
            const before = s === 0 ? 0 : this.#subject[s - 1]!;
            if (this.#inSet(before, p, end - 1) || !this.#inSet(this.#subject[s] ?? 0, p, end - 1)) return -1;
            p = end;
            continue;
          }
          if (isDigit(kind)) {
            s = this.#sameAgain(s, kind - 0x31);
            if (s < 0) return -1;
            p += 2;
            continue;
          }
        }
      }
      const end = this.#classEnd(p);
      const suffix = pattern[end];
      if (suffix === C.star || suffix === C.plus) return this.#longest(s, p, end, suffix === C.plus ? 1 : 0);
      if (suffix === C.minus) return this.#shortest(s, p, end);
      const one = this.#single(s, p, end);
      if (suffix === C.question) {
        if (one) {
          const found = this.#match(s + 1, end + 1);
          if (found >= 0) return found;
        }
        p = end + 1;
      } else if (one) {
        s++;
        p = end;
      } else return -1;
    }
  }

  #longest(s: number, p: number, end: number, least: number): number {
    let count = 0;
    while (this.#single(s + count, p, end)) {
      this.#step();
      count++;
    }
    for (; count >= least; count--) {
      const found = this.#match(s + count, end + 1);
      if (found >= 0) return found;
    }
    return -1;
  }

  #shortest(s: number, p: number, end: number): number {
    for (;; s++) {
      const found = this.#match(s, end + 1);
      if (found >= 0) return found;
      if (!this.#single(s, p, end)) return -1;
    }
  }

  #openCapture(s: number, p: number, position: boolean): number {
    if (this.#captures >= MOST_CAPTURES) throw new Hopeless();
    this.#starts[this.#captures] = s;
    this.#ends[this.#captures++] = position ? POSITION : OPEN;
    const found = this.#match(s, p);
    if (found < 0) this.#captures--;
    return found;
  }

  #closeCapture(s: number, p: number): number {
    let which = this.#captures - 1;
    while (which >= 0 && this.#ends[which] !== OPEN) which--;
    if (which < 0) throw new Hopeless();
    this.#ends[which] = s;
    const found = this.#match(s, p);
    if (found < 0) this.#ends[which] = OPEN;
    return found;
  }

  /** `%1`: what a capture has taken. */
  #sameAgain(s: number, which: number): number {
    const start = this.#starts[which];
    const end = this.#ends[which];
    if (start === undefined || end === undefined || which >= this.#captures || end === OPEN) throw new Hopeless();
    if (end === POSITION) return -1;
    const length = end - start;
    if (s + length > this.#subject.length) return -1;
    for (let i = 0; i < length; i++) {
      this.#step();
      if (this.#subject[start + i] !== this.#subject[s + i]) return -1;
    }
    return s + length;
  }

  /** `%bxy`. */
  #balanced(s: number, p: number): number {
    const open = this.#pattern[p];
    const close = this.#pattern[p + 1];
    if (open === undefined || close === undefined) throw new Hopeless();
    if (this.#subject[s] !== open) return -1;
    let depth = 1;
    for (let at = s + 1; at < this.#subject.length; at++) {
      this.#step();
      const char = this.#subject[at];
      if (char === close) {
        if (--depth === 0) return at + 1;
      } else if (char === open) depth++;
    }
    return -1;
  }

  /** Where the class that begins at `p` ends. */
  #classEnd(p: number): number {
    const pattern = this.#pattern;
    const first = pattern[p++];
    if (first === C.percent) {
      if (p >= pattern.length) throw new Hopeless();
      return p + 1;
    }
    if (first !== C.bracket) return p;
    if (pattern[p] === C.caret) p++;
    do {
      if (p >= pattern.length) throw new Hopeless();
      if (pattern[p++] === C.percent) p++;
    } while (pattern[p] !== C.end);
    return p + 1;
  }

  #single(s: number, p: number, end: number): boolean {
    const char = this.#subject[s];
    if (char === undefined) return false;
    switch (this.#pattern[p]) {
      case C.dot:
        return true;
      case C.percent:
        return isOfClass(char, this.#pattern[p + 1]!);
      case C.bracket:
        return this.#inSet(char, p, end - 1);
      default:
        return this.#pattern[p] === char;
    }
  }

  /** Whether a set, from its `[` to its `]`, has the character. */
  #inSet(char: number, p: number, last: number): boolean {
    const pattern = this.#pattern;
    let has = true;
    if (pattern[p + 1] === C.caret) {
      has = false;
      p++;
    }
    for (let items = 1; ++p < last; items++) {
      if (items % LONG === 0) this.#step();
      if (pattern[p] === C.percent) {
        if (isOfClass(char, pattern[++p]!)) return has;
      } else if (pattern[p + 1] === C.minus && p + 2 < last) {
        if (pattern[p]! <= char && char <= pattern[p + 2]!) return has;
        p += 2;
      } else if (pattern[p] === char) return has;
    }
    return !has;
  }
}

function isDigit(char: number): boolean {
  return char >= 0x30 && char <= 0x39;
}

function isLetter(char: number): boolean {
  const lower = char | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

/** `%a` and the like, in the C locale; a class in capitals is all the others. */
function isOfClass(char: number, name: number): boolean {
  const is = inClass(char, name | 0x20);
  if (is === undefined || !isLetter(name)) return char === name;
  return is === ((name & 0x20) !== 0);
}

function inClass(char: number, name: number): boolean | undefined {
  switch (String.fromCharCode(name)) {
    case "a":
      return isLetter(char);
    case "c":
      return char < 0x20 || char === 0x7f;
    case "d":
      return isDigit(char);
    case "g":
      return char > 0x20 && char < 0x7f;
    case "l":
      return isLetter(char) && (char & 0x20) !== 0;
    case "p":
      return char > 0x20 && char < 0x7f && !isLetter(char) && !isDigit(char);
    case "s":
      return char === 0x20 || (char >= 9 && char <= 13);
    case "u":
      return isLetter(char) && (char & 0x20) === 0;
    case "w":
      return isLetter(char) || isDigit(char);
    case "x":
      return isDigit(char) || ((char | 0x20) >= 0x61 && (char | 0x20) <= 0x66);
    case "z":
      return char === 0;
    default:
      return undefined;
  }
}
