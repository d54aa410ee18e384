/**
 * A row of a binary result set: 0x00, a bitmap of NULLs, and the values that are not NULL.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
 *
 * @module
 */
import { type BinaryValue, readBinaryValue, writeBinaryValue } from "./binary_value.ts";
import { ColumnFlag } from "./column_type.ts";
import { ProtocolError } from "./error.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** What must be known of a column to read its values. */
export interface ValueType {
  /** A value of {@linkcode ColumnType}. */
  readonly type: number;
  /** Bits of {@linkcode ColumnFlag}. */
  readonly flags: number;
}

/** The bitmap's first two bits are unused in rows (in parameters there are no such bits). */
const ROW_BITMAP_OFFSET = 2;

/** Whether the bit of the value `index` is set in a bitmap of NULLs. */
export function isNullInBitmap(bitmap: Uint8Array, index: number, offset = 0): boolean {
  return ((bitmap[index + offset >> 3] ?? 0) >> (index + offset & 7) & 1) === 1;
}

/** The bitmap of NULLs for these values. */
export function nullBitmap(values: readonly unknown[], offset = 0): Uint8Array {
  const bitmap = new Uint8Array(values.length + offset + 7 >> 3);
  values.forEach((value, i) => {
    const bit = i + offset;
    if (value === null) bitmap[bit >> 3] = (bitmap[bit >> 3] ?? 0) | 1 << (bit & 7);
  });
  return bitmap;
}

/**
 * Reads a row. Byte values are views of the payload.
 *
 * @throws {ProtocolError} `malformed` if it is no binary row or has bytes left, `truncated` if it ends within a value.
 */
export function parseBinaryRow(payload: Uint8Array, columns: readonly ValueType[]): BinaryValue[] {
  const reader = new PayloadReader(payload).expect(0x00, "a binary row");
  const bitmap = reader.bytes(columns.length + ROW_BITMAP_OFFSET + 7 >> 3);
  const values = columns.map(({ type, flags }, i) =>
    isNullInBitmap(bitmap, i, ROW_BITMAP_OFFSET)
      ? null
      : readBinaryValue(reader, type, (flags & ColumnFlag.UNSIGNED_FLAG) !== 0)
  );
  if (reader.remaining > 0) {
    throw new ProtocolError(
      "malformed",
      `Expected a row of ${columns.length} values, got ${reader.remaining} bytes more`,
    );
  }
  return values;
}

/**
 * Writes a row.
 *
 * @throws {ProtocolError} `out-of-range` if there are not as many values as columns, or a value is not of its type.
 */
export function encodeBinaryRow(
  values: readonly (BinaryValue | string)[],
  columns: readonly Pick<ValueType, "type">[],
): Uint8Array {
  if (values.length !== columns.length) {
    throw new ProtocolError("out-of-range", `Cannot write ${values.length} values into ${columns.length} columns`);
  }
  const writer = new PayloadWriter().u8(0x00).bytes(nullBitmap(values, ROW_BITMAP_OFFSET));
  columns.forEach(({ type }, i) => {
    const value = values[i];
    if (value !== undefined && value !== null) writeBinaryValue(writer, type, value);
  });
  return writer.finish();
}
