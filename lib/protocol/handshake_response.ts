/**
 * The client's answer to the handshake: who it is and what it can do. Also the short form of it that asks for TLS, and the
 * form of clients before 4.1.
 *
 * Sources: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_response.html
 * and https://mariadb.com/docs/server/reference/clientserver-protocol/1-connecting/connection
 *
 * @module
 */
import { type ConnectionAttributes, readAttributes, writeAttributes } from "./attributes.ts";
import { Capability, hasCapability } from "./capability.ts";
import { ProtocolError } from "./error.ts";
import { readUint16 } from "./integer.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** The login of every client since 4.1. */
export interface HandshakeResponse41 {
  readonly kind: "response41";
  /** Bits of {@linkcode Capability}, including MariaDB's extended ones. */
  readonly capabilities: bigint;
  readonly maxPacketSize: number;
  /** The low byte of the collation that the client wants. */
  readonly charset: number;
  readonly username: string;
  readonly authResponse: Uint8Array;
  /** Present with `CLIENT_CONNECT_WITH_DB`. */
  readonly database?: string;
  /** Present with `CLIENT_PLUGIN_AUTH`. */
  readonly authPluginName?: string;
  /** Present with `CLIENT_CONNECT_ATTRS`. */
  readonly attributes?: ConnectionAttributes;
  /** Present with `CLIENT_ZSTD_COMPRESSION_ALGORITHM`. */
  readonly zstdLevel?: number;
}

/** The request to go on with TLS; the full response follows inside of it. */
export interface SslRequest {
  readonly kind: "ssl-request";
  readonly capabilities: bigint;
  readonly maxPacketSize: number;
  /** 0 in the form before 4.1, which has none. */
  readonly charset: number;
}

/** The login of clients before 4.1. */
export interface HandshakeResponse320 {
  readonly kind: "response320";
  readonly capabilities: bigint;
  readonly maxPacketSize: number;
  readonly username: string;
  readonly authResponse: Uint8Array;
  readonly database?: string;
}

/** Any answer to a handshake. */
export type HandshakeResponse = HandshakeResponse41 | SslRequest | HandshakeResponse320;

/** The length of an SSL request, and of what stands before the user name in a response; in bytes. */
export const RESPONSE_41_HEAD = 32;
/** The same before 4.1. */
export const RESPONSE_320_HEAD = 5;

/** The bytes up to the next NUL; nothing at the end of the payload, where sloppy clients stop. */
function optionalNulText(reader: PayloadReader): string | undefined {
  return reader.remaining === 0 ? undefined : reader.nulOrRestText();
}

function readAuthResponse(reader: PayloadReader, capabilities: bigint): Uint8Array {
  if (reader.remaining === 0) return new Uint8Array();
  if (hasCapability(capabilities, Capability.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)) return reader.lenencBytes();
  if (hasCapability(capabilities, Capability.CLIENT_SECURE_CONNECTION)) return reader.bytes(reader.u8());
  return reader.nulOrRestBytes();
}

/**
 * Reads the answer to a handshake. Trailing fields may be missing although their capability is set, as some clients send
 * it; a field that begins must end within the packet.
 *
 * @throws {ProtocolError} `truncated` if a length leads over the end.
 */
export function parseHandshakeResponse(payload: Uint8Array): HandshakeResponse {
  const reader = new PayloadReader(payload);
  const low = BigInt(readUint16(payload, 0));
  if (!hasCapability(low, Capability.CLIENT_PROTOCOL_41)) return parseResponse320(reader);

  let capabilities = BigInt(reader.u32());
  const maxPacketSize = reader.u32();
  const charset = reader.u8();
  reader.skip(19);
  const extended = reader.u32();
  if (!hasCapability(capabilities, Capability.CLIENT_LONG_PASSWORD)) capabilities |= BigInt(extended) << 32n;
  if (reader.remaining === 0 && hasCapability(capabilities, Capability.CLIENT_SSL)) {
    return { kind: "ssl-request", capabilities, maxPacketSize, charset };
  }

  const username = reader.nulOrRestText();
  const authResponse = readAuthResponse(reader, capabilities).slice();
  const has = (flag: bigint) => hasCapability(capabilities, flag) && reader.remaining > 0;
  const database = has(Capability.CLIENT_CONNECT_WITH_DB) ? optionalNulText(reader) : undefined;
  const authPluginName = has(Capability.CLIENT_PLUGIN_AUTH) ? optionalNulText(reader) : undefined;
  const attributes = has(Capability.CLIENT_CONNECT_ATTRS) ? readAttributes(reader) : undefined;
  const zstdLevel = has(Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM) ? reader.u8() : undefined;
  return {
    kind: "response41",
    capabilities,
    maxPacketSize,
    charset,
    username,
    authResponse,
    ...(database === undefined ? {} : { database }),
    ...(authPluginName === undefined ? {} : { authPluginName }),
    ...(attributes === undefined ? {} : { attributes }),
    ...(zstdLevel === undefined ? {} : { zstdLevel }),
  };
}

function parseResponse320(reader: PayloadReader): SslRequest | HandshakeResponse320 {
  const capabilities = BigInt(reader.u16());
  const maxPacketSize = reader.u24();
  if (reader.remaining === 0 && hasCapability(capabilities, Capability.CLIENT_SSL)) {
    return { kind: "ssl-request", capabilities, maxPacketSize, charset: 0 };
  }
  const username = reader.nulOrRestText();
  if (!hasCapability(capabilities, Capability.CLIENT_CONNECT_WITH_DB)) {
    const authResponse = reader.nulOrRestBytes().slice();
    return { kind: "response320", capabilities, maxPacketSize, username, authResponse };
  }
  const authResponse = reader.nulOrRestBytes().slice();
  const database = optionalNulText(reader);
  return {
    kind: "response320",
    capabilities,
    maxPacketSize,
    username,
    authResponse,
    ...(database === undefined ? {} : { database }),
  };
}

function writeFixedPart(writer: PayloadWriter, response: HandshakeResponse41 | SslRequest): void {
  const { capabilities } = response;
  const extended = capabilities >> 32n;
  if (extended !== 0n && hasCapability(capabilities, Capability.CLIENT_LONG_PASSWORD)) {
    throw new ProtocolError("out-of-range", "Cannot send extended capabilities together with CLIENT_LONG_PASSWORD");
  }
  writer.u32(Number(capabilities & 0xffffffffn)).u32(response.maxPacketSize).u8(response.charset);
  writer.fill(19).u32(Number(extended));
}

/**
 * Writes the answer to a handshake. Which fields are there follows from the capabilities alone; a field that they ask for
 * and that is not given is empty.
 *
 * @throws {ProtocolError} `out-of-range` if a value does not fit its field.
 */
export function encodeHandshakeResponse(response: HandshakeResponse): Uint8Array {
  const { capabilities } = response;
  const has = (flag: bigint) => hasCapability(capabilities, flag);
  const writer = new PayloadWriter(256);
  if (response.kind === "response320" || !has(Capability.CLIENT_PROTOCOL_41)) {
    writer.u16(Number(capabilities & 0xffffn)).u24(response.maxPacketSize);
    if (response.kind === "ssl-request") return writer.finish();
    writer.nulText(response.username).nulBytes(response.authResponse);
    if (has(Capability.CLIENT_CONNECT_WITH_DB)) writer.nulText(response.database ?? "");
    return writer.finish();
  }
  writeFixedPart(writer, response);
  if (response.kind === "ssl-request") return writer.finish();

  writer.nulText(response.username);
  if (has(Capability.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)) writer.lenencBytes(response.authResponse);
  else if (has(Capability.CLIENT_SECURE_CONNECTION)) writer.shortBytes(response.authResponse);
  else writer.nulBytes(response.authResponse);
  if (has(Capability.CLIENT_CONNECT_WITH_DB)) writer.nulText(response.database ?? "");
  if (has(Capability.CLIENT_PLUGIN_AUTH)) writer.nulText(response.authPluginName ?? "");
  if (has(Capability.CLIENT_CONNECT_ATTRS)) writeAttributes(writer, response.attributes ?? new Map());
  if (has(Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM)) writer.u8(response.zstdLevel ?? 3);
  return writer.finish();
}

/** Whether the client asks for TLS: the packet is the short form, with `CLIENT_SSL` set. */
export function isSslRequest(payload: Uint8Array): boolean {
  if (payload.length !== RESPONSE_41_HEAD && payload.length !== RESPONSE_320_HEAD) return false;
  return parseHandshakeResponse(payload).kind === "ssl-request";
}
