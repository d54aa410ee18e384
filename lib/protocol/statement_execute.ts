/**
 * COM_STMT_EXECUTE. How long the parameters are cannot be told from the packet alone: their number comes from the answer
 * to COM_STMT_PREPARE, and their types may be those of the execution before.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html
 *
 * @module
 */
import { Capability, hasCapability } from "./capability.ts";
import { Command } from "./command.ts";
import { ProtocolError } from "./error.ts";
import {
  checkParameterCount,
  type Parameter,
  parameterBitmap,
  parameterBitmapLength,
  type ParameterType,
  readParameterTypes,
  readParameterValues,
  writeParameterTypes,
  writeParameterValues,
} from "./parameter.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** The flags of COM_STMT_EXECUTE. */
export const CursorFlag = {
  CURSOR_TYPE_NO_CURSOR: 0x00,
  CURSOR_TYPE_READ_ONLY: 0x01,
  CURSOR_TYPE_FOR_UPDATE: 0x02,
  CURSOR_TYPE_SCROLLABLE: 0x04,
  /** With `CLIENT_QUERY_ATTRIBUTES`: the number of parameters is in the packet. */
  PARAMETER_COUNT_AVAILABLE: 0x08,
} as const;

/** An execution of a prepared statement. */
export interface StatementExecute {
  readonly statementId: number;
  /** Bits of {@linkcode CursorFlag}. */
  readonly flags: number;
  /** Always 1. */
  readonly iterations: number;
  /** Whether the packet has the types; if not, those of the execution before are meant. */
  readonly typesSent: boolean;
  /** The statement's parameters, and after them query attributes, which have names. */
  readonly parameters: readonly Parameter[];
}

/** What must be known to read a COM_STMT_EXECUTE. */
export interface StatementExecuteContext {
  /** What client and server agreed on. */
  readonly capabilities: bigint;
  /** From the answer to COM_STMT_PREPARE. */
  readonly parameterCount: number;
  /** The types that an execution before has sent. */
  readonly types?: readonly ParameterType[];
  /** The parameters whose values were sent with COM_STMT_SEND_LONG_DATA. */
  readonly longData?: ReadonlySet<number>;
}

/**
 * Whether the parameters' number is part of the packet. MySQL 9 expects it from a client with `CLIENT_QUERY_ATTRIBUTES`
 * for each statement that has parameters, whatever the flag says; the flag adds it for those that have none.
 */
function hasCount(flags: number, parameterCount: number, capabilities: bigint): boolean {
  return hasCapability(capabilities, Capability.CLIENT_QUERY_ATTRIBUTES) &&
    (parameterCount > 0 || (flags & CursorFlag.PARAMETER_COUNT_AVAILABLE) !== 0);
}

/** The statement's number in a COM_STMT_EXECUTE, for those who need not know more. */
export function parseStatementId(payload: Uint8Array): number {
  return new PayloadReader(payload, 1).u32();
}

/**
 * Reads a COM_STMT_EXECUTE.
 *
 * @throws {ProtocolError} `malformed` if it is none, or if types are missing that are not in `context` either; `truncated`
 * if it ends within a field.
 */
export function parseStatementExecute(payload: Uint8Array, context: StatementExecuteContext): StatementExecute {
  const reader = new PayloadReader(payload).expect(Command.COM_STMT_EXECUTE, "COM_STMT_EXECUTE");
  const statementId = reader.u32();
  const flags = reader.u8();
  const iterations = reader.u32();
  const counted = hasCount(flags, context.parameterCount, context.capabilities);
  const count = counted ? reader.lenencCount() : context.parameterCount;
  if (count === 0) return { statementId, flags, iterations, typesSent: false, parameters: [] };
  checkParameterCount(reader, count);
  const bitmap = reader.bytes(parameterBitmapLength(count));
  const typesSent = reader.u8() === 1;
  const named = hasCapability(context.capabilities, Capability.CLIENT_QUERY_ATTRIBUTES);
  const types = typesSent ? readParameterTypes(reader, count, named) : context.types ?? [];
  if (types.length < count) {
    throw new ProtocolError(
      "malformed",
      `Expected the types of ${count} parameters, which no execution has sent before`,
    );
  }
  const parameters = readParameterValues(reader, types.slice(0, count), bitmap, context.longData);
  return { statementId, flags, iterations, typesSent, parameters };
}

/**
 * Writes a COM_STMT_EXECUTE. Query attributes, after the statement's parameters, need `CLIENT_QUERY_ATTRIBUTES` and the flag
 * `PARAMETER_COUNT_AVAILABLE`.
 *
 * @throws {ProtocolError} `out-of-range` if a value is not of its type.
 */
export function encodeStatementExecute(execute: StatementExecute, capabilities: bigint): Uint8Array {
  const { flags, parameters } = execute;
  const writer = new PayloadWriter()
    .u8(Command.COM_STMT_EXECUTE).u32(execute.statementId).u8(flags).u32(execute.iterations);
  if (hasCount(flags, parameters.length, capabilities)) writer.lenencInt(parameters.length);
  if (parameters.length === 0) return writer.finish();
  writer.bytes(parameterBitmap(parameters)).u8(execute.typesSent ? 1 : 0);
  if (execute.typesSent) {
    writeParameterTypes(writer, parameters, hasCapability(capabilities, Capability.CLIENT_QUERY_ATTRIBUTES));
  }
  writeParameterValues(writer, parameters);
  return writer.finish();
}
