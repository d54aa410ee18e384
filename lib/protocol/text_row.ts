/**
 * A row of a text result set: each value is a length-encoded string, or 0xfb for NULL.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_row.html
 *
 * @module
 */
import { ProtocolError } from "./error.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** A value as text in the column's character set. */
export type TextValue = Uint8Array | null;

/**
 * Reads a row. The values are views of the payload.
 *
 * @throws {ProtocolError} `truncated` if it has fewer values, `malformed` if it has more.
 */
export function parseTextRow(payload: Uint8Array, columnCount: number): TextValue[] {
  const reader = new PayloadReader(payload);
  const values: TextValue[] = [];
  for (let i = 0; i < columnCount; i++) values.push(reader.lenencNullable());
  if (reader.remaining > 0) {
    throw new ProtocolError("malformed", `Expected a row of ${columnCount} values, got ${reader.remaining} bytes more`);
  }
  return values;
}

/** Writes a row; text is written as UTF-8. */
export function encodeTextRow(values: readonly (TextValue | string)[]): Uint8Array {
  const writer = new PayloadWriter();
  for (const value of values) {
    if (typeof value === "string") writer.lenencText(value);
    else writer.lenencBytes(value);
  }
  return writer.finish();
}
