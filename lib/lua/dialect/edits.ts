/**
 * Replacements in a byte string, collected in any order and made in one pass.
 *
 * @module
 */

interface Edit {
  readonly at: number;
  readonly removed: number;
  readonly inserted: string;
}

/** Edits of one source. They must not overlap. */
export class Edits {
  readonly #edits: Edit[] = [];

  /** Inserts ASCII text; two insertions at one place keep their order. */
  insert(at: number, text: string): void {
    this.#edits.push({ at, removed: 0, inserted: text });
  }

  /** Puts ASCII text in place of the bytes from `start` up to `end`. */
  replace(start: number, end: number, text = ""): void {
    this.#edits.push({ at: start, removed: end - start, inserted: text });
  }

  /** The source with all edits made; the source itself if there are none. */
  apply(source: Uint8Array): Uint8Array {
    if (this.#edits.length === 0) return source;
    this.#edits.sort((a, b) => a.at - b.at || a.removed - b.removed);
    const growth = this.#edits.reduce((sum, { removed, inserted }) => sum + inserted.length - removed, 0);
    const result = new Uint8Array(source.length + growth);
    let from = 0;
    let to = 0;
    for (const { at, removed, inserted } of this.#edits) {
      result.set(source.subarray(from, at), to);
      to += at - from;
      for (let i = 0; i < inserted.length; i++) result[to++] = inserted.charCodeAt(i);
      from = at + removed;
    }
    result.set(source.subarray(from), to);
    return result;
  }
}
