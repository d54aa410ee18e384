/**
 * What patterns can begin with, so that programs try only what fits the next byte.
 *
 * @module
 */

import { type ByteSet, byteSet, cannotFail, type Grammar, type Pattern } from "./lpeg_pattern.ts";

/** What a pattern can begin with. */
export interface Head {
  /** The bytes that can stand first in a match that is not empty. */
  readonly set: ByteSet;
  /** Whether there may be a match that depends on no first byte. */
  readonly empty: boolean;
}

const NO_BYTE = byteSet(() => false);
const ANY_BYTE = byteSet(() => true);

/** Finds what patterns begin with, remembering what it found. */
export class Heads {
  readonly #found = new Map<Grammar | undefined, Map<Pattern, Head>>();

  /** What `pattern` can begin with, inside the grammar `within`. */
  of(pattern: Pattern, within: Grammar | undefined): Head {
    let found = this.#found.get(within);
    if (found === undefined) this.#found.set(within, found = new Map());
    let head = found.get(pattern);
    if (head === undefined) found.set(pattern, head = this.#find(pattern, within));
    return head;
  }

  #find(pattern: Pattern, within: Grammar | undefined): Head {
    switch (pattern.kind) {
      case "true":
      case "not":
      case "and":
      case "behind":
        return { set: NO_BYTE, empty: true };
      case "false":
        return { set: NO_BYTE, empty: false };
      case "any":
        return { set: ANY_BYTE, empty: false };
      case "text": {
        const first = pattern.bytes[0];
        return { set: byteSet((byte) => byte === first), empty: false };
      }
      case "set":
        return { set: pattern.set, empty: false };
      case "sequence":
        return this.#joined(pattern.items, within, true);
      case "choice":
        return this.#joined(pattern.items, within, false);
      case "repeat": {
        const head = this.of(pattern.body, within);
        return { set: head.set, empty: head.empty || pattern.least === 0 };
      }
      case "call": {
        const rule = within?.rules[within.indexes.get(pattern.key) ?? -1];
        return rule === undefined ? { set: ANY_BYTE, empty: true } : this.of(rule.body, within);
      }
      case "grammar": {
        const rule = pattern.rules[0];
        return rule === undefined ? { set: NO_BYTE, empty: false } : this.of(rule.body, pattern);
      }
      case "capture": {
        const head = this.of(pattern.body, within);
        // A match-time capture decides itself how much it takes.
        return pattern.capture.kind === "runtime" && head.empty ? { set: ANY_BYTE, empty: true } : head;
      }
    }
  }

  #joined(items: readonly Pattern[], within: Grammar | undefined, inRow: boolean): Head {
    const joined = new Uint8Array(256);
    let empty = inRow;
    for (const item of items) {
      const head = this.of(item, within);
      for (let byte = 0; byte < 256; byte++) if (head.set[byte] === 1) joined[byte] = 1;
      if (inRow && !head.empty) {
        empty = false;
        break;
      }
      if (!inRow && head.empty) empty = true;
    }
    return { set: joined, empty };
  }
}

/** Whether a pattern can fail by its first byte only, so that once that fits there is nothing to come back to. */
export function failsAtHead(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case "set":
    case "false":
      return true;
    case "text":
      return pattern.bytes.length === 1;
    case "any":
      return pattern.count === 1;
    case "sequence": {
      const [first, ...rest] = pattern.items;
      return first !== undefined && failsAtHead(first) && rest.every(cannotFail);
    }
    case "choice":
      return pattern.items.every(failsAtHead);
    case "repeat":
      return pattern.least === 1 && failsAtHead(pattern.body);
    case "capture":
      return pattern.capture.kind !== "runtime" && failsAtHead(pattern.body);
    default:
      return false;
  }
}
