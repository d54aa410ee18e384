/**
 * Parameters of prepared statements and attributes of queries: a bitmap of NULLs, the types, perhaps names, and values in
 * the binary protocol.
 *
 * @module
 */
import { isNullInBitmap, nullBitmap } from "./binary_row.ts";
import { type BinaryValue, readBinaryValue, writeBinaryValue } from "./binary_value.ts";
import { ProtocolError } from "./error.ts";
import type { PayloadReader } from "./payload_reader.ts";
import type { PayloadWriter } from "./payload_writer.ts";

/** How a parameter's value is to be read. */
export interface ParameterType {
  /** A value of {@linkcode ColumnType}. */
  readonly type: number;
  readonly unsigned: boolean;
  /** Query attributes have one; the empty name is that of an ordinary parameter. */
  readonly name?: string;
}

/** A parameter with its value. */
export interface Parameter extends ParameterType {
  /** Undefined if the value was sent before, with COM_STMT_SEND_LONG_DATA. */
  readonly value: BinaryValue | undefined;
}

const UNSIGNED = 0x8000;

/** Reads the types of `count` parameters, with names where query attributes were agreed on. */
export function readParameterTypes(reader: PayloadReader, count: number, named: boolean): ParameterType[] {
  const types: ParameterType[] = [];
  for (let i = 0; i < count; i++) {
    const field = reader.u16();
    const type = { type: field & 0xff, unsigned: (field & UNSIGNED) !== 0 };
    types.push(named ? { ...type, name: reader.lenencText() } : type);
  }
  return types;
}

/** Writes parameters' types. */
export function writeParameterTypes(writer: PayloadWriter, types: readonly ParameterType[], named: boolean): void {
  for (const { type, unsigned, name } of types) {
    writer.u16(type | (unsigned ? UNSIGNED : 0));
    if (named) writer.lenencText(name ?? "");
  }
}

/** The length of the bitmap of NULLs for `count` parameters. */
export function parameterBitmapLength(count: number): number {
  return count + 7 >> 3;
}

/** Reads the values behind the bitmap; those whose index is in `longData` have none here. */
export function readParameterValues(
  reader: PayloadReader,
  types: readonly ParameterType[],
  bitmap: Uint8Array,
  longData: ReadonlySet<number> = new Set(),
): Parameter[] {
  return types.map((type, i) => {
    if (longData.has(i)) return { ...type, value: undefined };
    const value = isNullInBitmap(bitmap, i) ? null : readBinaryValue(reader, type.type, type.unsigned);
    return { ...type, value: value instanceof Uint8Array ? value.slice() : value };
  });
}

/** The bitmap of NULLs for these parameters. */
export function parameterBitmap(parameters: readonly Parameter[]): Uint8Array {
  return nullBitmap(parameters.map((parameter) => parameter.value));
}

/**
 * Writes the values that are neither NULL nor sent before.
 *
 * @throws {ProtocolError} `out-of-range` if a value is not of its type.
 */
export function writeParameterValues(writer: PayloadWriter, parameters: readonly Parameter[]): void {
  for (const { type, value } of parameters) {
    if (value !== null && value !== undefined) writeBinaryValue(writer, type, value);
  }
}

/** Guards against a count that the packet cannot hold, before anything is allocated for it. */
export function checkParameterCount(reader: PayloadReader, count: number): void {
  if (parameterBitmapLength(count) > reader.remaining) {
    throw new ProtocolError("truncated", `Expected ${count} parameters: ${reader.remaining} bytes are left`);
  }
}
