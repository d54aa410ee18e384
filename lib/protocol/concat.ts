/**
 * Joins byte arrays.
 *
 * @module
 */

/** All bytes of `parts`, in order. A single part is returned as it is, not copied. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
