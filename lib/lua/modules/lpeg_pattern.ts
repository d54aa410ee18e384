/**
 * LPeg's patterns as trees: how they are built, and what a tree says about itself (may it match the empty string, how
 * long is its match). Nothing here knows Lua; values of Lua are named by a slot.
 *
 * Written from LPeg's manual: https://www.inf.puc-rio.br/~roberto/lpeg/
 *
 * @module
 */

/** Which bytes belong to a set: 256 entries, 1 for a member. */
export type ByteSet = Uint8Array;

/** What a capture produces; the manual's name behind each. */
export type CaptureKind =
  | "simple" // C
  | "position" // Cp
  | "constant" // Cc, one value
  | "argument" // Carg
  | "table" // Ct
  | "group" // Cg; without a key it is anonymous
  | "back" // Cb
  | "fold" // Cf
  | "accumulator" // Ca, of LPeg 0.8
  | "accumulate" // patt % f, of LPeg 1.1
  | "substitution" // Cs
  | "query" // patt / table
  | "string" // patt / string
  | "select" // patt / number
  | "function" // patt / function
  | "runtime"; // Cmt

/** One capture of a pattern. */
export interface Capture {
  readonly kind: CaptureKind;
  /** Names the Lua value (function, table, constant, group's name) in the pattern's value table; 0n for none. */
  readonly slot: bigint;
  /** A group's name, or whose values a back reference wants, in the form that makes equal Lua values equal. */
  readonly key?: string;
  /** The number of an argument or of the value selected. */
  readonly index?: number;
  /** The template of a string capture. */
  readonly template?: Uint8Array;
}

interface Shape {
  /** Nodes of the tree, shared ones as often as they occur. */
  readonly size: number;
  readonly depth: number;
  /** Whether it may match the empty string, taking open calls for no. */
  readonly empty: boolean;
  readonly captures: boolean;
  /** Whether it refers to rules of a grammar that is yet to be built around it. */
  readonly open: boolean;
}

/** A rule of a grammar. */
export interface Rule {
  readonly key: string;
  /** For messages. */
  readonly name: string;
  readonly body: Pattern;
}

/** A grammar: the first rule is the initial one. */
export type Grammar = Shape & {
  readonly kind: "grammar";
  readonly rules: readonly Rule[];
  readonly indexes: ReadonlyMap<string, number>;
  /** Whether each rule may match the empty string. */
  readonly empties: readonly boolean[];
};

/** A pattern. */
export type Pattern =
  | Shape & { readonly kind: "true" | "false" }
  | Shape & { readonly kind: "any"; readonly count: number }
  | Shape & { readonly kind: "text"; readonly bytes: Uint8Array }
  | Shape & { readonly kind: "set"; readonly set: ByteSet }
  | Shape & { readonly kind: "sequence" | "choice"; readonly items: readonly Pattern[] }
  | Shape & { readonly kind: "repeat"; readonly body: Pattern; readonly least: number; readonly extra: number }
  | Shape & { readonly kind: "not" | "and"; readonly body: Pattern }
  | Shape & { readonly kind: "behind"; readonly body: Pattern; readonly length: number }
  | Shape & { readonly kind: "call"; readonly key: string; readonly name: string }
  | Shape & { readonly kind: "capture"; readonly body: Pattern; readonly capture: Capture }
  | Grammar;

/** A pattern that cannot be. */
export class PatternError extends Error {
  override readonly name = "PatternError";
  readonly code = "BAD_PATTERN";
}

const LARGEST = 500_000;
const DEEPEST = 1_000;
const MOST_RULES = 1_000;
const LONGEST_BEHIND = 255;

const LEAF = { size: 1, depth: 1, empty: false, captures: false, open: false } as const;

function over(bodies: readonly Pattern[], empty: boolean, captures = false): Shape {
  let size = 1;
  let depth = 0;
  let open = false;
  for (const body of bodies) {
    size += body.size;
    if (body.depth > depth) depth = body.depth;
    captures ||= body.captures;
    open ||= body.open;
  }
  if (size > LARGEST) throw new PatternError("pattern too big");
  if (depth >= DEEPEST) throw new PatternError("pattern nested too deeply");
  return { size, depth: depth + 1, empty, captures, open };
}

/** Matches the empty string. */
export const TRUE: Pattern = { ...LEAF, kind: "true", empty: true };

/** Matches nothing. */
export const FALSE: Pattern = { ...LEAF, kind: "false" };

/** Matches these bytes. */
export function text(bytes: Uint8Array): Pattern {
  if (bytes.length === 0) return TRUE;
  return { ...LEAF, kind: "text", bytes, size: 1 + (bytes.length >> 4) };
}

/** `lpeg.P(n)`: n bytes of any kind, or with a negative number fewer than -n bytes left. */
export function any(count: number): Pattern {
  if (count === 0) return TRUE;
  return count > 0 ? { ...LEAF, kind: "any", count } : not(any(-count));
}

/** A set of the bytes for which `member` holds. */
export function byteSet(member: (byte: number) => boolean): ByteSet {
  return Uint8Array.from({ length: 256 }, (_, byte) => member(byte) ? 1 : 0);
}

/** Matches one byte of a set. */
export function set(members: ByteSet): Pattern {
  return { ...LEAF, kind: "set", set: members };
}

/** The set of single bytes that a pattern is, if it is one. */
export function asSet(pattern: Pattern): ByteSet | undefined {
  if (pattern.kind === "set") return pattern.set;
  if (pattern.kind === "text" && pattern.bytes.length === 1) return byteSet((byte) => byte === pattern.bytes[0]);
  if (pattern.kind === "any" && pattern.count === 1) return byteSet(() => true);
  return undefined;
}

/** Whether it matches any subject anywhere, so that what stands behind it in a choice is never tried. */
export function cannotFail(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case "true":
      return true;
    case "sequence":
      return pattern.items.every(cannotFail);
    case "choice":
      return pattern.items.some(cannotFail);
    case "repeat":
      return pattern.least === 0 || cannotFail(pattern.body);
    case "and":
      return cannotFail(pattern.body);
    case "capture":
      return pattern.capture.kind !== "runtime" && cannotFail(pattern.body);
    default:
      return false;
  }
}

/** `a * b`. */
export function sequence(first: Pattern, second: Pattern): Pattern {
  if (first.kind === "true") return second;
  if (second.kind === "true" || first.kind === "false") return first;
  const items = [
    ...(first.kind === "sequence" ? first.items : [first]),
    ...(second.kind === "sequence" ? second.items : [second]),
  ];
  return { ...over(items, first.empty && second.empty), kind: "sequence", items };
}

/** `a + b`. */
export function choice(first: Pattern, second: Pattern): Pattern {
  if (second.kind === "false" || cannotFail(first)) return first;
  if (first.kind === "false") return second;
  const left = asSet(first);
  const right = asSet(second);
  if (left !== undefined && right !== undefined) {
    return set(byteSet((byte) => (left[byte] ?? 0) + (right[byte] ?? 0) > 0));
  }
  const items = [
    ...(first.kind === "choice" ? first.items : [first]),
    ...(second.kind === "choice" ? second.items : [second]),
  ];
  return { ...over(items, first.empty || second.empty), kind: "choice", items };
}

/** `a - b`: a where b does not match. */
export function difference(first: Pattern, second: Pattern): Pattern {
  const left = asSet(first);
  const right = asSet(second);
  if (left !== undefined && right !== undefined) return set(byteSet((byte) => left[byte] === 1 && right[byte] === 0));
  return sequence(not(second), first);
}

/** `a ^ n`: n or more, or with a negative number at most -n. */
export function repeat(body: Pattern, count: number): Pattern {
  if (count >= 0) {
    if (body.empty) throw new PatternError("loop body may accept empty string");
    return repetition(body, count, Infinity);
  }
  return repetition(body, 0, -count);
}

function repetition(body: Pattern, least: number, extra: number): Pattern {
  const shape = over([body], least === 0 || body.empty);
  // What the program will hold: a copy for each repetition that is counted.
  const size = shape.size * (least + (extra === Infinity ? 1 : extra));
  if (size > LARGEST) throw new PatternError("pattern too big");
  return { ...shape, size, kind: "repeat", body, least, extra };
}

/** `-a`. */
export function not(body: Pattern): Pattern {
  return { ...over([body], true), kind: "not", body };
}

/** `#a`. */
export function and(body: Pattern): Pattern {
  return { ...over([body], true), kind: "and", body };
}

/** `lpeg.B(a)`: a matches the bytes before the current position. */
export function behind(body: Pattern): Pattern {
  const length = fixedLength(body);
  if (length === undefined) throw new PatternError("pattern may not have fixed length");
  if (body.captures) throw new PatternError("pattern have captures");
  if (length > LONGEST_BEHIND) throw new PatternError("pattern too long to look behind");
  return { ...over([body], true), kind: "behind", body, length };
}

/** `lpeg.V(name)`: the rule of that name of the grammar around it. */
export function call(key: string, name: string): Pattern {
  return { ...LEAF, kind: "call", key, name, open: true };
}

/** A pattern whose match is captured. */
export function capture(body: Pattern, capture: Capture): Pattern {
  return { ...over([body], body.empty, true), kind: "capture", body, capture };
}

/** How many bytes every match has, or undefined where that may differ. */
export function fixedLength(pattern: Pattern, within?: Grammar, calls = 0): number | undefined {
  switch (pattern.kind) {
    case "true":
    case "false":
    case "not":
    case "and":
    case "behind":
      return 0;
    case "any":
      return pattern.count;
    case "text":
      return pattern.bytes.length;
    case "set":
      return 1;
    case "sequence": {
      let sum = 0;
      for (const item of pattern.items) {
        const length = fixedLength(item, within, calls);
        if (length === undefined) return undefined;
        sum += length;
      }
      return sum;
    }
    case "choice": {
      let common: number | undefined;
      for (const [at, item] of pattern.items.entries()) {
        const length = fixedLength(item, within, calls);
        if (length === undefined || at > 0 && length !== common) return undefined;
        common = length;
      }
      return common;
    }
    case "repeat": {
      const length = fixedLength(pattern.body, within, calls);
      if (pattern.extra > 0 && (length !== 0 || pattern.extra === Infinity)) return undefined;
      return length === undefined ? undefined : length * pattern.least;
    }
    case "call": {
      const body = within?.rules[within.indexes.get(pattern.key) ?? -1]?.body;
      return body === undefined || calls > 30 ? undefined : fixedLength(body, within, calls + 1);
    }
    case "capture":
      return pattern.capture.kind === "runtime" ? undefined : fixedLength(pattern.body, within, calls);
    case "grammar":
      return fixedLength(pattern.rules[0]?.body ?? FALSE, pattern, calls + 1);
  }
}

/** Whether a pattern may match the empty string, where the rules of the grammar around it may as `empties` says. */
function mayBeEmpty(pattern: Pattern, indexes: ReadonlyMap<string, number>, empties: readonly boolean[]): boolean {
  if (!pattern.open) return pattern.empty;
  switch (pattern.kind) {
    case "call":
      return empties[indexes.get(pattern.key) ?? -1] ?? false;
    case "sequence":
      return pattern.items.every((item) => mayBeEmpty(item, indexes, empties));
    case "choice":
      return pattern.items.some((item) => mayBeEmpty(item, indexes, empties));
    case "repeat":
      return pattern.least === 0 || mayBeEmpty(pattern.body, indexes, empties);
    case "capture":
      return mayBeEmpty(pattern.body, indexes, empties);
    default:
      return pattern.empty;
  }
}

/** The patterns directly below one; a grammar inside keeps its own to itself. */
function below(pattern: Pattern): readonly Pattern[] {
  switch (pattern.kind) {
    case "sequence":
    case "choice":
      return pattern.items;
    case "repeat":
    case "not":
    case "and":
    case "behind":
    case "capture":
      return [pattern.body];
    default:
      return [];
  }
}

/**
 * `lpeg.P(table)`: closes the calls of the rules over one another.
 *
 * @throws {PatternError} for calls of rules that there are not, rules that call themselves before they have consumed
 * anything, and loops that would not end.
 */
export function grammar(rules: readonly Rule[]): Grammar {
  if (rules.length > MOST_RULES) throw new PatternError("grammar has too many rules");
  const indexes = new Map(rules.map((rule, index) => [rule.key, index]));
  const bodies = rules.map((rule) => rule.body);
  const called = new Set([rules[0]?.key]);
  for (const body of bodies) requireRules(body, indexes, called);

  const empties = bodies.map(() => false);
  for (let changed = true; changed;) {
    changed = false;
    for (const [index, body] of bodies.entries()) {
      if (empties[index] || !mayBeEmpty(body, indexes, empties)) continue;
      empties[index] = true;
      changed = true;
    }
  }

  const state = bodies.map(() => 0); // 1 being visited, 2 done
  const visit = (index: number, name: string) => {
    if (state[index] === 1) throw new PatternError(`rule '${name}' may be left recursive`);
    const body = bodies[index];
    if (state[index] === 2 || body === undefined) return;
    state[index] = 1;
    leftCalls(body, indexes, empties, visit);
    state[index] = 2;
  };
  // LPeg does not look at rules that nobody calls.
  for (const [index, rule] of rules.entries()) if (called.has(rule.key)) visit(index, rule.name);
  for (const rule of rules) if (called.has(rule.key)) requireEndingLoops(rule.body, rule.name, indexes, empties);

  return { ...over(bodies, empties[0] ?? false), open: false, kind: "grammar", rules, indexes, empties };
}

/** Checks that there are the rules that are called, and notes them in `called`. */
function requireRules(pattern: Pattern, indexes: ReadonlyMap<string, number>, called: Set<string | undefined>): void {
  if (!pattern.open) return;
  if (pattern.kind === "call") {
    if (!indexes.has(pattern.key)) throw new PatternError(`rule '${pattern.name}' undefined in given grammar`);
    called.add(pattern.key);
  }
  for (const inner of below(pattern)) requireRules(inner, indexes, called);
}

function leftCalls(
  pattern: Pattern,
  indexes: ReadonlyMap<string, number>,
  empties: readonly boolean[],
  visit: (index: number, name: string) => void,
): void {
  if (!pattern.open) return;
  if (pattern.kind === "call") return visit(indexes.get(pattern.key) ?? -1, pattern.name);
  for (const inner of below(pattern)) {
    leftCalls(inner, indexes, empties, visit);
    if (pattern.kind === "sequence" && !mayBeEmpty(inner, indexes, empties)) return;
  }
}

function requireEndingLoops(
  pattern: Pattern,
  rule: string,
  indexes: ReadonlyMap<string, number>,
  empties: readonly boolean[],
): void {
  if (!pattern.open) return;
  if (pattern.kind === "repeat" && pattern.extra === Infinity && mayBeEmpty(pattern.body, indexes, empties)) {
    throw new PatternError(`empty loop in rule '${rule}'`);
  }
  for (const inner of below(pattern)) requireEndingLoops(inner, rule, indexes, empties);
}
