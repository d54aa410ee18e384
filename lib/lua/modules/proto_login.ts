/**
 * The packets of the login for scripts: the server's challenge and the client's response.
 *
 * Sources: spec sections 4.9, 8.2 and 8.3;
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets.html
 *
 * @module
 */
import {
  Capability,
  encodeHandshake,
  nonceOf,
  parseHandshake,
  parseServerVersion,
  PayloadReader,
  PayloadWriter,
  ProtocolError,
  versionNumber,
} from "../../protocol/mod.ts";
import type { LuaValue } from "../lua_values.ts";
import { type Fields, record } from "./fields.ts";

/** What is left out of a packet to be written: CLIENT_PROTOCOL_41 and CLIENT_SECURE_CONNECTION. */
const DEFAULT_CAPABILITIES = 0x8200;
const DEFAULT_VERSION = "5.0.99";
const DEFAULT_CHALLENGE = "01234567890123456789";
/** The versions that are written as they are given; the default stands for all others. */
const FIRST_VERSION = 30001;
const LAST_VERSION = 99999;

function has(capabilities: number, flag: bigint): boolean {
  return (BigInt(capabilities) & flag) !== 0n;
}

/**
 * A handshake. `protocol_version` is 0, as it has always been; `server_version` is the real one behind MariaDB's `5.5.5-`.
 *
 * @throws {ProtocolError} if it is none, or if it ends too early.
 */
export function fromChallengePacket(payload: Uint8Array): LuaValue {
  const handshake = parseHandshake(payload);
  const version = parseServerVersion(handshake.serverVersion);
  if (version === undefined) {
    throw new ProtocolError("malformed", `Expected a version such as "8.0.36", got "${handshake.serverVersion}"`);
  }
  return record({
    protocol_version: 0,
    server_version: versionNumber(version),
    thread_id: handshake.connectionId,
    capabilities: Number(handshake.capabilities & 0xffffffffn),
    charset: handshake.charset,
    server_status: handshake.status,
    challenge: handshake.authData,
    auth_plugin_name: new TextEncoder().encode(handshake.authPluginName ?? ""),
  });
}

/** A version as text, such as `5.05.06` for 50506. */
function versionText(version: number): string {
  if (version < FIRST_VERSION || version > LAST_VERSION) return DEFAULT_VERSION;
  const part = (n: number) => String(n % 100).padStart(2, "0");
  return `${Math.floor(version / 10000)}.${part(Math.floor(version / 100))}.${part(version)}`;
}

/**
 * The original left `auth_plugin_name` out always; here it is written where the capabilities announce it.
 *
 * @throws {ProtocolError} if the challenge has less than 8 bytes.
 */
export function toChallengePacket(fields: Fields): Uint8Array {
  return encodeHandshake({
    serverVersion: versionText(Number(fields.integer("server_version"))),
    connectionId: fields.unsigned("thread_id", 32),
    authData: nonceOf(fields.bytes("challenge") ?? new TextEncoder().encode(DEFAULT_CHALLENGE)),
    capabilities: BigInt(fields.unsigned("capabilities", 32, DEFAULT_CAPABILITIES)),
    charset: fields.unsigned("charset", 8),
    status: fields.unsigned("server_status", 16),
    authPluginName: fields.text("auth_plugin_name") ?? "",
  });
}

/** How the auth data of a response is laid out. The server decides; lengths above 250 need both sides. */
function authDataLayout(client: number, server: number): "length-encoded" | "short" | "nul" {
  if (has(client & server, Capability.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)) return "length-encoded";
  return has(server, Capability.CLIENT_SECURE_CONNECTION) ? "short" : "nul";
}

function readAuthData(reader: PayloadReader, layout: ReturnType<typeof authDataLayout>): Uint8Array {
  if (reader.remaining === 0) return new Uint8Array();
  switch (layout) {
    case "length-encoded":
      return reader.lenencBytes();
    case "short":
      return reader.bytes(reader.u8());
    case "nul":
      return reader.nulOrRestBytes();
  }
}

/**
 * A client's response to the handshake, or the form of it from before 4.1. Connection attributes are left aside.
 *
 * @param server The server's capabilities; those of the client if they are left out.
 * @throws {ProtocolError} if it ends within a field.
 */
export function fromResponsePacket(payload: Uint8Array, server?: number): LuaValue {
  const reader = new PayloadReader(payload);
  let capabilities = reader.u16();
  if (!has(capabilities, Capability.CLIENT_PROTOCOL_41)) {
    const max_packet_size = reader.u24();
    const username = reader.nulBytes();
    const fields = { capabilities, server_capabilities: server ?? capabilities, max_packet_size, charset: 0 };
    return record({ ...fields, username, response: reader.nulOrRestBytes() });
  }
  capabilities += reader.u16() * 0x10000;
  const server_capabilities = server ?? capabilities;
  const max_packet_size = reader.u32();
  const charset = reader.u8();
  const username = reader.skip(23).nulBytes();
  const response = readAuthData(reader, authDataLayout(capabilities, server_capabilities));
  const optional = (flag: bigint) =>
    has(capabilities & server_capabilities, flag) && reader.remaining > 0 ? reader.nulOrRestBytes() : new Uint8Array();
  const database = optional(Capability.CLIENT_CONNECT_WITH_DB);
  const auth_plugin_name = optional(Capability.CLIENT_PLUGIN_AUTH);
  const numbers = { capabilities, server_capabilities, max_packet_size, charset };
  return record({ ...numbers, username, response, database, auth_plugin_name });
}

/** @throws {Error} if `server_capabilities` is missing: they decide what the packet looks like. */
export function toResponsePacket(fields: Fields): Uint8Array {
  if (fields.bytes("server_capabilities") === undefined) throw new Error("field 'server_capabilities' is missing");
  const server = fields.unsigned("server_capabilities", 32);
  const capabilities = fields.unsigned("capabilities", 32, DEFAULT_CAPABILITIES);
  const empty = new Uint8Array();
  const username = fields.bytes("username") ?? empty;
  const response = fields.bytes("response") ?? empty;
  const maxPacketSize = Number(fields.integer("max_packet_size"));
  const writer = new PayloadWriter(128);
  if (!has(capabilities, Capability.CLIENT_PROTOCOL_41)) {
    return writer.u16(capabilities & 0xffff).u24(maxPacketSize).nulBytes(username).bytes(response).finish();
  }
  writer.u32(capabilities).u32(maxPacketSize).u8(fields.unsigned("charset", 8)).fill(23).nulBytes(username);
  switch (authDataLayout(capabilities, server)) {
    case "length-encoded":
      writer.lenencBytes(response);
      break;
    case "short":
      writer.shortBytes(response);
      break;
    case "nul":
      writer.nulBytes(response);
  }
  const both = capabilities & server;
  if (has(both, Capability.CLIENT_CONNECT_WITH_DB)) writer.nulBytes(fields.bytes("database") ?? empty);
  if (has(both, Capability.CLIENT_PLUGIN_AUTH)) writer.nulBytes(fields.bytes("auth_plugin_name") ?? empty);
  return writer.finish();
}
