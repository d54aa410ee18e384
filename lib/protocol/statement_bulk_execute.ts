/**
 * COM_STMT_BULK_EXECUTE: MariaDB's execution of a prepared statement with many rows of parameters.
 *
 * Source: https://mariadb.com/docs/server/reference/clientserver-protocol/3-binary-protocol-prepared-statements/com_stmt_bulk_execute
 *
 * @module
 */
import { type BinaryValue, readBinaryValue, writeBinaryValue } from "./binary_value.ts";
import { Command } from "./command.ts";
import { ProtocolError } from "./error.ts";
import { type ParameterType, readParameterTypes, writeParameterTypes } from "./parameter.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** The flags of COM_STMT_BULK_EXECUTE. */
export const BulkFlag = {
  /** One result for each row, with `MARIADB_CLIENT_BULK_UNIT_RESULTS`. */
  SEND_UNIT_RESULTS: 64,
  SEND_TYPES_TO_SERVER: 128,
} as const;

/** A value of one row; `default` and `ignore` stand for the column's default and for leaving it as it is. */
export type BulkValue =
  | { readonly kind: "value"; readonly value: BinaryValue }
  | { readonly kind: "null" }
  | { readonly kind: "default" }
  | { readonly kind: "ignore" };

/** An execution with many rows of parameters. */
export interface StatementBulkExecute {
  readonly statementId: number;
  /** Bits of {@linkcode BulkFlag}. */
  readonly flags: number;
  readonly types: readonly ParameterType[];
  readonly rows: readonly (readonly BulkValue[])[];
}

const indicators = ["value", "null", "default", "ignore"] as const;

function readBulkValue(reader: PayloadReader, { type, unsigned }: ParameterType): BulkValue {
  const indicator = reader.u8();
  const kind = indicators[indicator];
  if (kind === undefined) throw new ProtocolError("malformed", `Expected an indicator of 0 to 3, got "${indicator}"`);
  if (kind !== "value") return { kind };
  const value = readBinaryValue(reader, type, unsigned);
  return { kind, value: value instanceof Uint8Array ? value.slice() : value };
}

/**
 * Reads a COM_STMT_BULK_EXECUTE.
 *
 * @param parameterCount From the answer to COM_STMT_PREPARE.
 * @param types The types that an execution before has sent; used if this packet has none.
 * @throws {ProtocolError} `malformed` if it is none or types are missing, `truncated` if it ends within a row.
 */
export function parseStatementBulkExecute(
  payload: Uint8Array,
  parameterCount: number,
  types: readonly ParameterType[] = [],
): StatementBulkExecute {
  const reader = new PayloadReader(payload).expect(Command.COM_STMT_BULK_EXECUTE, "COM_STMT_BULK_EXECUTE");
  const statementId = reader.u32();
  const flags = reader.u16();
  if (flags & BulkFlag.SEND_TYPES_TO_SERVER) types = readParameterTypes(reader, parameterCount, false);
  if (parameterCount === 0 || types.length !== parameterCount) {
    throw new ProtocolError("malformed", `Expected the types of ${parameterCount} parameters, got ${types.length}`);
  }
  const rows: BulkValue[][] = [];
  while (reader.remaining > 0) rows.push(types.map((type) => readBulkValue(reader, type)));
  return { statementId, flags, types, rows };
}

/**
 * Writes a COM_STMT_BULK_EXECUTE.
 *
 * @throws {ProtocolError} `out-of-range` if a row has not one value for each type, or a value is not of its type.
 */
export function encodeStatementBulkExecute(execute: StatementBulkExecute): Uint8Array {
  const { types } = execute;
  const writer = new PayloadWriter(256)
    .u8(Command.COM_STMT_BULK_EXECUTE).u32(execute.statementId).u16(execute.flags);
  if (execute.flags & BulkFlag.SEND_TYPES_TO_SERVER) writeParameterTypes(writer, types, false);
  for (const row of execute.rows) {
    if (row.length !== types.length) {
      throw new ProtocolError("out-of-range", `Cannot write ${row.length} values for ${types.length} parameters`);
    }
    types.forEach(({ type }, i) => {
      const item = row[i];
      if (item === undefined) return;
      writer.u8(indicators.indexOf(item.kind));
      if (item.kind === "value") writeBinaryValue(writer, type, item.value);
    });
  }
  return writer.finish();
}
