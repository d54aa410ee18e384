/**
 * COM_QUERY: a statement as text, with query attributes where `CLIENT_QUERY_ATTRIBUTES` was agreed on.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html
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
  readParameterTypes,
  readParameterValues,
  writeParameterTypes,
  writeParameterValues,
} from "./parameter.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** A statement and its attributes. */
export interface Query {
  /** The statement in the connection's character set, a view of the payload where it was parsed. */
  readonly sql: Uint8Array;
  readonly attributes: readonly Parameter[];
}

/** The number of sets of attributes: there is no other than one set. */
const PARAMETER_SET_COUNT = 1;

function readAttributes(reader: PayloadReader): Parameter[] {
  const count = reader.lenencCount();
  const sets = reader.lenencCount();
  if (sets !== PARAMETER_SET_COUNT) {
    throw new ProtocolError("malformed", `Expected one set of query attributes, got ${sets}`);
  }
  if (count === 0) return [];
  checkParameterCount(reader, count);
  const bitmap = reader.bytes(parameterBitmapLength(count));
  if (reader.u8() !== 1) throw new ProtocolError("malformed", "Expected the types of the query attributes");
  return readParameterValues(reader, readParameterTypes(reader, count, true), bitmap);
}

/**
 * Reads a COM_QUERY.
 *
 * @param capabilities What client and server agreed on.
 * @throws {ProtocolError} `malformed` if it is none, `truncated` if the attributes overrun.
 */
export function parseQuery(payload: Uint8Array, capabilities: bigint): Query {
  const reader = new PayloadReader(payload).expect(Command.COM_QUERY, "COM_QUERY");
  const attributes = hasCapability(capabilities, Capability.CLIENT_QUERY_ATTRIBUTES) ? readAttributes(reader) : [];
  return { sql: reader.rest(), attributes };
}

/**
 * Writes a COM_QUERY.
 *
 * @param sql Text is written as UTF-8.
 * @throws {ProtocolError} `out-of-range` if there are attributes that were not agreed on.
 */
export function encodeQuery(
  sql: Uint8Array | string,
  capabilities: bigint,
  attributes: readonly Parameter[] = [],
): Uint8Array {
  const writer = new PayloadWriter(sql.length + 3).u8(Command.COM_QUERY);
  if (hasCapability(capabilities, Capability.CLIENT_QUERY_ATTRIBUTES)) {
    writer.lenencInt(attributes.length).lenencInt(PARAMETER_SET_COUNT);
    if (attributes.length > 0) {
      writer.bytes(parameterBitmap(attributes)).u8(1);
      writeParameterTypes(writer, attributes, true);
      writeParameterValues(writer, attributes);
    }
  } else if (attributes.length > 0) {
    throw new ProtocolError("out-of-range", "Cannot send query attributes without CLIENT_QUERY_ATTRIBUTES");
  }
  return (typeof sql === "string" ? writer.text(sql) : writer.bytes(sql)).finish();
}
