/**
 * Text in packets. Names and messages travel in the connection's character set, which is UTF-8 or a subset of it for
 * every client of today; bytes that are not valid UTF-8 read as U+FFFD, so parse and encode again only what is ours.
 *
 * @module
 */

const encoder = new TextEncoder();
// A BOM is part of the text here, not a mark to be dropped.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads bytes as UTF-8; invalid sequences become U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** The UTF-8 bytes of a text. */
export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}
