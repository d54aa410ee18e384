/**
 * Prepared statements: the answer to COM_STMT_PREPARE, and the commands that only name a statement. COM_STMT_EXECUTE has
 * a file of its own.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase_ps.html
 *
 * @module
 */
import { Capability, hasCapability } from "./capability.ts";
import { Command } from "./command.ts";
import { OK_HEADER } from "./ok.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** The first packet of the answer to COM_STMT_PREPARE; definitions of parameters, then of columns follow. */
export interface PrepareOk {
  readonly statementId: number;
  readonly columnCount: number;
  readonly parameterCount: number;
  readonly warnings: number;
  /** False if client and server agreed on optional metadata and the definitions are left out. */
  readonly metadataFollows: boolean;
}

/**
 * Reads the first packet of the answer to COM_STMT_PREPARE.
 *
 * @throws {ProtocolError} `malformed` if it is none, `truncated` if it ends within a field.
 */
export function parsePrepareOk(payload: Uint8Array, capabilities: bigint): PrepareOk {
  const reader = new PayloadReader(payload).expect(OK_HEADER, "the answer to COM_STMT_PREPARE");
  const statementId = reader.u32();
  const columnCount = reader.u16();
  const parameterCount = reader.u16();
  // The filler and the warnings came with 5.0.
  const warnings = reader.remaining >= 3 ? reader.skip(1).u16() : 0;
  const optional = hasCapability(capabilities, Capability.CLIENT_OPTIONAL_RESULTSET_METADATA) && reader.remaining > 0;
  return { statementId, columnCount, parameterCount, warnings, metadataFollows: optional ? reader.u8() !== 0 : true };
}

/** Writes the first packet of the answer to COM_STMT_PREPARE. */
export function encodePrepareOk(ok: PrepareOk, capabilities: bigint): Uint8Array {
  const writer = new PayloadWriter(13)
    .u8(OK_HEADER).u32(ok.statementId).u16(ok.columnCount).u16(ok.parameterCount).u8(0).u16(ok.warnings);
  if (hasCapability(capabilities, Capability.CLIENT_OPTIONAL_RESULTSET_METADATA)) writer.u8(ok.metadataFollows ? 1 : 0);
  return writer.finish();
}

/** A command about a prepared statement that exists. */
export type StatementCommand =
  /** Has no answer at all. */
  | { readonly kind: "close"; readonly statementId: number }
  | { readonly kind: "reset"; readonly statementId: number }
  /** Asks for the next rows of an open cursor. */
  | { readonly kind: "fetch"; readonly statementId: number; readonly rowCount: number }
  /** A piece of a parameter's value. Has no answer at all. */
  | {
    readonly kind: "send-long-data";
    readonly statementId: number;
    readonly parameter: number;
    readonly data: Uint8Array;
  };

/**
 * Reads COM_STMT_CLOSE, COM_STMT_RESET, COM_STMT_FETCH or COM_STMT_SEND_LONG_DATA.
 *
 * @returns undefined if it is another command.
 * @throws {ProtocolError} `truncated` if it ends within a field.
 */
export function parseStatementCommand(payload: Uint8Array): StatementCommand | undefined {
  const reader = new PayloadReader(payload);
  switch (reader.u8()) {
    case Command.COM_STMT_CLOSE:
      return { kind: "close", statementId: reader.u32() };
    case Command.COM_STMT_RESET:
      return { kind: "reset", statementId: reader.u32() };
    case Command.COM_STMT_FETCH:
      return { kind: "fetch", statementId: reader.u32(), rowCount: reader.u32() };
    case Command.COM_STMT_SEND_LONG_DATA:
      return { kind: "send-long-data", statementId: reader.u32(), parameter: reader.u16(), data: reader.rest() };
    default:
      return undefined;
  }
}

/** Writes a command about a prepared statement. */
export function encodeStatementCommand(command: StatementCommand): Uint8Array {
  const writer = new PayloadWriter();
  switch (command.kind) {
    case "close":
      return writer.u8(Command.COM_STMT_CLOSE).u32(command.statementId).finish();
    case "reset":
      return writer.u8(Command.COM_STMT_RESET).u32(command.statementId).finish();
    case "fetch":
      return writer.u8(Command.COM_STMT_FETCH).u32(command.statementId).u32(command.rowCount).finish();
    case "send-long-data":
      return writer
        .u8(Command.COM_STMT_SEND_LONG_DATA).u32(command.statementId).u16(command.parameter).bytes(command.data)
        .finish();
  }
}
