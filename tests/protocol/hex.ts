/**
 * Hex literals in tests.
 *
 * @module
 */

/** The bytes of a hex literal; white space is ignored. */
export function hex(literal: string): Uint8Array {
  const digits = literal.replace(/\s+/g, "");
  if (digits.length % 2 || /[^0-9a-f]/i.test(digits)) throw new TypeError(`Invalid hex literal "${literal}"`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Asserts that a value is one member of a discriminated union, for the compiler too. */
export function assertKind<T extends { readonly kind: string }, K extends T["kind"]>(
  value: T,
  kind: K,
): asserts value is Extract<T, { kind: K }> {
  if (value.kind !== kind) throw new TypeError(`Expected kind "${kind}", got "${value.kind}"`);
}
