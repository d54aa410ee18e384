/**
 * Whole result sets, as a server sends them: column count, definitions, an EOF packet in between (unless
 * `CLIENT_DEPRECATE_EOF`), rows, and the end.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html
 *
 * @module
 */
import { encodeBinaryRow } from "./binary_row.ts";
import type { BinaryValue } from "./binary_value.ts";
import { Capability, hasCapability } from "./capability.ts";
import { type ColumnDefinition, encodeColumnDefinition } from "./column_definition.ts";
import { encodeEof } from "./eof.ts";
import { encodeOk, END_HEADER } from "./ok.ts";
import { encodePackets } from "./packet.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";
import { ServerStatus } from "./status.ts";
import { encodeTextRow, type TextValue } from "./text_row.ts";

/** The first payload of a result set. */
export interface ResultSetHeader {
  readonly columnCount: number;
  /** Whether column definitions follow; they may be left out if client and server agreed that they can be. */
  readonly metadataFollows: boolean;
}

/** The rows of a result set: text for COM_QUERY, binary for COM_STMT_EXECUTE. */
export type ResultSetRows =
  | { readonly format: "text"; readonly rows: Iterable<readonly (TextValue | string)[]> }
  | { readonly format: "binary"; readonly rows: Iterable<readonly (BinaryValue | string)[]> };

/** A result set to be sent. */
export type ResultSet = ResultSetRows & {
  readonly columns: readonly ColumnDefinition[];
  /** Bits of {@linkcode ServerStatus} for the end, such as `SERVER_MORE_RESULTS_EXISTS`. */
  readonly status?: number;
  readonly warnings?: number;
  /** False to leave the column definitions out, if the capabilities allow it. Default: true. */
  readonly metadata?: boolean;
};

/**
 * Whether the byte "metadata follows" comes after the column count. Each vendor has a bit of its own for it. (MySQL's
 * documentation lists the byte before the count; its servers send it after, as MariaDB does.)
 */
function hasMetadataByte(capabilities: bigint): boolean {
  return hasCapability(capabilities, Capability.CLIENT_OPTIONAL_RESULTSET_METADATA) ||
    hasCapability(capabilities, Capability.MARIADB_CLIENT_CACHE_METADATA);
}

/**
 * Reads the first payload of a result set.
 *
 * @throws {ProtocolError} `malformed` or `truncated` if it is none.
 */
export function parseResultSetHeader(payload: Uint8Array, capabilities: bigint): ResultSetHeader {
  const reader = new PayloadReader(payload);
  const columnCount = reader.lenencCount();
  const metadataFollows = hasMetadataByte(capabilities) && reader.remaining > 0 ? reader.u8() !== 0 : true;
  return { columnCount, metadataFollows };
}

/** Writes the first payload of a result set. */
export function encodeResultSetHeader(header: ResultSetHeader, capabilities: bigint): Uint8Array {
  const writer = new PayloadWriter(10).lenencInt(header.columnCount);
  if (hasMetadataByte(capabilities)) writer.u8(header.metadataFollows ? 1 : 0);
  return writer.finish();
}

/** What ends the rows: an EOF packet, or an OK packet that begins with 0xfe. */
export function encodeResultSetEnd(status: number, warnings: number, capabilities: bigint): Uint8Array {
  return hasCapability(capabilities, Capability.CLIENT_DEPRECATE_EOF)
    ? encodeOk({ status, warnings }, capabilities, END_HEADER)
    : encodeEof({ status, warnings }, capabilities);
}

/**
 * The payloads of a result set in order, made as they are asked for, so that rows can come from a generator.
 *
 * @throws {ProtocolError} `out-of-range` if a row does not fit the columns.
 */
export function* resultSetPayloads(resultSet: ResultSet, capabilities: bigint): Generator<Uint8Array> {
  const { columns, status = 0, warnings = 0 } = resultSet;
  const metadataFollows = resultSet.metadata !== false || !hasMetadataByte(capabilities);
  yield encodeResultSetHeader({ columnCount: columns.length, metadataFollows }, capabilities);
  if (metadataFollows) { for (const column of columns) yield encodeColumnDefinition(column, capabilities); }
  if (!hasCapability(capabilities, Capability.CLIENT_DEPRECATE_EOF)) {
    yield encodeEof({ status, warnings }, capabilities);
  }
  if (resultSet.format === "text") {
    for (const row of resultSet.rows) yield encodeTextRow(row);
  } else {
    for (const row of resultSet.rows) yield encodeBinaryRow(row, columns);
  }
  yield encodeResultSetEnd(status, warnings, capabilities);
}

/**
 * A complete result set as framed packets.
 *
 * @param sequenceId The first packet's sequence number: 1 after a command.
 */
export function encodeResultSet(resultSet: ResultSet, capabilities: bigint, sequenceId: number): Uint8Array {
  return encodePackets(resultSetPayloads(resultSet, capabilities), sequenceId);
}

/**
 * The payloads that answer a COM_STMT_EXECUTE which opened a cursor: no rows, and only one end, whose status has
 * `SERVER_STATUS_CURSOR_EXISTS`. The rows follow on COM_STMT_FETCH, see {@linkcode cursorRowPayloads}.
 */
export function* cursorPayloads(
  columns: readonly ColumnDefinition[],
  status: number,
  capabilities: bigint,
): Generator<Uint8Array> {
  yield encodeResultSetHeader({ columnCount: columns.length, metadataFollows: true }, capabilities);
  for (const column of columns) yield encodeColumnDefinition(column, capabilities);
  yield encodeResultSetEnd(status | ServerStatus.SERVER_STATUS_CURSOR_EXISTS, 0, capabilities);
}

/**
 * The payloads that answer a COM_STMT_FETCH.
 *
 * @param last Whether there are no rows after these.
 */
export function* cursorRowPayloads(
  columns: readonly ColumnDefinition[],
  rows: Iterable<readonly (BinaryValue | string)[]>,
  last: boolean,
  status: number,
  capabilities: bigint,
): Generator<Uint8Array> {
  for (const row of rows) yield encodeBinaryRow(row, columns);
  const cursor = last ? ServerStatus.SERVER_STATUS_LAST_ROW_SENT : ServerStatus.SERVER_STATUS_CURSOR_EXISTS;
  yield encodeResultSetEnd(status | cursor, 0, capabilities);
}
