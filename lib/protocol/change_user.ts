/**
 * COM_CHANGE_USER: a new login on the same connection. The server answers as at a login: OK, ERR, or an auth switch.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_change_user.html
 *
 * @module
 */
import { type ConnectionAttributes, readAttributes, writeAttributes } from "./attributes.ts";
import { Capability, hasCapability } from "./capability.ts";
import { Command } from "./command.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** Who the client wants to be now. */
export interface ChangeUser {
  readonly username: string;
  readonly authResponse: Uint8Array;
  /** Empty for none. */
  readonly database: string;
  /** The collation's number; missing in the packets of very old clients. */
  readonly charset?: number;
  /** Present with `CLIENT_PLUGIN_AUTH`. */
  readonly authPluginName?: string;
  /** Present with `CLIENT_CONNECT_ATTRS`. */
  readonly attributes?: ConnectionAttributes;
}

/**
 * Reads a COM_CHANGE_USER; trailing fields may be missing.
 *
 * @param capabilities What client and server agreed on.
 * @throws {ProtocolError} `malformed` if it is none, `truncated` if a length leads over the end.
 */
export function parseChangeUser(payload: Uint8Array, capabilities: bigint): ChangeUser {
  const has = (flag: bigint) => hasCapability(capabilities, flag);
  const reader = new PayloadReader(payload).expect(Command.COM_CHANGE_USER, "COM_CHANGE_USER");
  const username = reader.nulText();
  const authResponse = (has(Capability.CLIENT_SECURE_CONNECTION) ? reader.bytes(reader.u8()) : reader.nulBytes())
    .slice();
  const database = reader.nulOrRestText();
  const charset = reader.remaining >= 2 ? reader.u16() : undefined;
  const plugin = has(Capability.CLIENT_PLUGIN_AUTH) && reader.remaining > 0 ? reader.nulOrRestText() : undefined;
  const attributes = has(Capability.CLIENT_CONNECT_ATTRS) && reader.remaining > 0 ? readAttributes(reader) : undefined;
  return {
    username,
    authResponse,
    database,
    ...(charset === undefined ? {} : { charset }),
    ...(plugin === undefined ? {} : { authPluginName: plugin }),
    ...(attributes === undefined ? {} : { attributes }),
  };
}

/** Writes a COM_CHANGE_USER. Without `charset`, nothing comes after the database. */
export function encodeChangeUser(change: ChangeUser, capabilities: bigint): Uint8Array {
  const has = (flag: bigint) => hasCapability(capabilities, flag);
  const writer = new PayloadWriter(256).u8(Command.COM_CHANGE_USER).nulText(change.username);
  if (has(Capability.CLIENT_SECURE_CONNECTION)) writer.shortBytes(change.authResponse);
  else writer.nulBytes(change.authResponse);
  writer.nulText(change.database);
  if (change.charset === undefined) return writer.finish();
  writer.u16(change.charset);
  if (has(Capability.CLIENT_PLUGIN_AUTH)) writer.nulText(change.authPluginName ?? "");
  if (has(Capability.CLIENT_CONNECT_ATTRS)) writeAttributes(writer, change.attributes ?? new Map());
  return writer.finish();
}

/**
 * A copy of a COM_CHANGE_USER's payload with other authentication data; all other bytes stay as they are.
 *
 * @param capabilities What client and server agreed on.
 * @throws {ProtocolError} `malformed` if it is none, `truncated` if a length leads over the end, `out-of-range` if the data
 * does not fit its field.
 */
export function changeUserWithResponse(
  payload: Uint8Array,
  capabilities: bigint,
  authResponse: Uint8Array,
): Uint8Array {
  const short = hasCapability(capabilities, Capability.CLIENT_SECURE_CONNECTION);
  const reader = new PayloadReader(payload).expect(Command.COM_CHANGE_USER, "COM_CHANGE_USER");
  reader.nulBytes();
  const writer = new PayloadWriter(payload.length + authResponse.length).bytes(payload.subarray(0, reader.offset));
  if (short) reader.bytes(reader.u8());
  else reader.nulBytes();
  if (short) writer.shortBytes(authResponse);
  else writer.nulBytes(authResponse);
  return writer.bytes(reader.rest()).finish();
}
