/**
 * ERR, OK and EOF packets for scripts.
 *
 * Source: spec sections 4.9 and 8.8. Texts are bytes here: scripts get what is on the wire, whatever its character set.
 *
 * @module
 */
import {
  Capability,
  encodeEof,
  encodeOk,
  ERR_HEADER,
  OK_HEADER,
  parseEof,
  PayloadReader,
  PayloadWriter,
} from "../../protocol/mod.ts";
import type { LuaValue } from "../lua_values.ts";
import { luaInteger } from "../lua_integer.ts";
import { type Fields, record } from "./fields.ts";

const SQL_STATE_MARK = 0x23; // "#"
const DEFAULT_SQL_STATE = new TextEncoder().encode("07000");
const MAX_MESSAGE = 512;

/** @throws {ProtocolError} if it is no ERR packet with an SQL state. */
export function fromErrPacket(payload: Uint8Array): LuaValue {
  const reader = new PayloadReader(payload).expect(ERR_HEADER, "an ERR packet");
  const errcode = reader.u16();
  reader.expect(SQL_STATE_MARK, "an SQL state");
  return record({ errcode, sqlstate: reader.bytes(5), errmsg: reader.rest() });
}

/** A message is cut after 512 bytes. */
export function toErrPacket(fields: Fields): Uint8Array {
  const sqlState = fields.bytes("sqlstate") ?? DEFAULT_SQL_STATE;
  if (sqlState.length !== 5) throw new Error(`field 'sqlstate' must have 5 bytes, got ${sqlState.length}`);
  const message = fields.bytes("errmsg") ?? new Uint8Array();
  return new PayloadWriter(16 + MAX_MESSAGE)
    .u8(ERR_HEADER)
    .u16(fields.unsigned("errcode", 16))
    .u8(SQL_STATE_MARK)
    .bytes(sqlState)
    .bytes(message.subarray(0, MAX_MESSAGE))
    .finish();
}

/** What follows the warnings is left aside. */
export function fromOkPacket(payload: Uint8Array): LuaValue {
  const reader = new PayloadReader(payload).expect(OK_HEADER, "an OK packet");
  const affected_rows = luaInteger(reader.lenencInt());
  const insert_id = luaInteger(reader.lenencInt());
  return { affected_rows, insert_id, server_status: reader.u16(), warnings: reader.u16() };
}

export function toOkPacket(fields: Fields): Uint8Array {
  return encodeOk({
    affectedRows: fields.integer("affected_rows"),
    lastInsertId: fields.integer("insert_id"),
    status: fields.unsigned("server_status", 16),
    warnings: fields.unsigned("warnings", 16),
  }, Capability.CLIENT_PROTOCOL_41);
}

/** @throws {ProtocolError} if it is none. */
export function fromEofPacket(payload: Uint8Array): LuaValue {
  const { status, warnings } = parseEof(payload);
  return { server_status: status, warnings };
}

export function toEofPacket(fields: Fields): Uint8Array {
  const status = fields.unsigned("server_status", 16);
  return encodeEof({ status, warnings: fields.unsigned("warnings", 16) }, Capability.CLIENT_PROTOCOL_41);
}
