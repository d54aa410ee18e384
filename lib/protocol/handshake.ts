/**
 * The handshake packet (protocol version 10): the first packet on a connection, from the server.
 *
 * Sources: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
 * and, for the extended capabilities, https://mariadb.com/docs/server/reference/clientserver-protocol/1-connecting/connection
 *
 * @module
 */
import { Capability, hasCapability } from "./capability.ts";
import { ProtocolError } from "./error.ts";
import { readUint16, readUint32, writeUint16, writeUint32 } from "./integer.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** The only handshake version of the last twenty years. */
export const HANDSHAKE_VERSION = 10;

/** What a server says about itself. */
export interface Handshake {
  /** As sent; MariaDB up to 10.x begins with `5.5.5-`. See {@linkcode parseServerVersion}. */
  readonly serverVersion: string;
  /** The connection's number on the server; the low 32 bits of it. */
  readonly connectionId: number;
  /** The nonce, without the NUL after it: 20 bytes, or 8 from servers without `CLIENT_SECURE_CONNECTION`. */
  readonly authData: Uint8Array;
  /** Bits of {@linkcode Capability}, including MariaDB's extended ones. */
  readonly capabilities: bigint;
  /** The low byte of the server's default collation. */
  readonly charset: number;
  /** Bits of {@linkcode ServerStatus}. */
  readonly status: number;
  /** The server's default authentication plugin; present with `CLIENT_PLUGIN_AUTH`. */
  readonly authPluginName?: string;
}

/** Offsets from the low capability bytes. */
const HIGH_CAPABILITIES = 5;
const EXTENDED_CAPABILITIES = 14;

/** The offset of the low capability bytes: after version byte, server version, connection id, nonce part 1, filler. */
function capabilitiesOffset(payload: Uint8Array): number {
  const version = payload[0];
  if (version === undefined) throw new ProtocolError("truncated", "Expected a handshake, got an empty packet");
  if (version !== HANDSHAKE_VERSION) {
    throw new ProtocolError(
      version === 9 ? "unsupported" : "malformed",
      `Expected a handshake of version ${HANDSHAKE_VERSION}, got the byte "0x${version.toString(16)}"`,
    );
  }
  return new PayloadReader(payload, 1).skip(0).nulBytes().length + 2 + 4 + 8 + 1;
}

/**
 * Reads a handshake. Fields that servers before 4.1 leave out read as 0.
 *
 * @throws {ProtocolError} `malformed` if it is none (an ERR packet begins with 0xff), `unsupported` for version 9,
 * `truncated` if it ends within a field.
 */
export function parseHandshake(payload: Uint8Array): Handshake {
  capabilitiesOffset(payload);
  const reader = new PayloadReader(payload, 1);
  const serverVersion = reader.nulText();
  const connectionId = reader.u32();
  const part1 = reader.bytes(8);
  reader.skip(1);
  let capabilities = BigInt(reader.u16());
  if (reader.remaining === 0) {
    return { serverVersion, connectionId, authData: part1.slice(), capabilities, charset: 0, status: 0 };
  }
  const charset = reader.u8();
  const status = reader.u16();
  capabilities |= BigInt(reader.u16()) << 16n;
  const authDataLength = reader.u8();
  reader.skip(6);
  const extended = reader.u32();
  if (!hasCapability(capabilities, Capability.CLIENT_LONG_PASSWORD)) capabilities |= BigInt(extended) << 32n;

  let part2 = new Uint8Array();
  if (hasCapability(capabilities, Capability.CLIENT_SECURE_CONNECTION)) {
    part2 = reader.bytes(Math.min(Math.max(13, authDataLength - 8), reader.remaining)).slice();
    if (part2.at(-1) === 0) part2 = part2.slice(0, -1);
  }
  const authData = new Uint8Array(part1.length + part2.length);
  authData.set(part1);
  authData.set(part2, part1.length);
  const handshake = { serverVersion, connectionId, authData, capabilities, charset, status };
  if (!hasCapability(capabilities, Capability.CLIENT_PLUGIN_AUTH)) return handshake;
  // Servers before 5.5.10 and 5.6.2 sent the name without the NUL (MySQL bug 59453).
  return { ...handshake, authPluginName: reader.nulOrRestText() };
}

/**
 * Writes a handshake in its long form.
 *
 * @throws {ProtocolError} `out-of-range` if a value does not fit its field, or extended capabilities are set together
 * with `CLIENT_LONG_PASSWORD`, which says that there are none.
 */
export function encodeHandshake(handshake: Handshake): Uint8Array {
  const { authData, capabilities } = handshake;
  const extended = capabilities >> 32n;
  if (extended !== 0n && hasCapability(capabilities, Capability.CLIENT_LONG_PASSWORD)) {
    throw new ProtocolError("out-of-range", "Cannot announce extended capabilities together with CLIENT_LONG_PASSWORD");
  }
  if (authData.length < 8) {
    throw new ProtocolError("out-of-range", `Cannot send a nonce of ${authData.length} bytes: at least 8 are needed`);
  }
  const withPlugin = hasCapability(capabilities, Capability.CLIENT_PLUGIN_AUTH);
  const writer = new PayloadWriter(128)
    .u8(HANDSHAKE_VERSION)
    .nulText(handshake.serverVersion)
    .u32(handshake.connectionId)
    .bytes(authData.subarray(0, 8))
    .u8(0)
    .u16(Number(capabilities & 0xffffn))
    .u8(handshake.charset)
    .u16(handshake.status)
    .u16(Number(capabilities >> 16n & 0xffffn))
    .u8(withPlugin ? authData.length + 1 : 0)
    .fill(6)
    .u32(Number(extended));
  if (hasCapability(capabilities, Capability.CLIENT_SECURE_CONNECTION)) {
    const part2 = authData.subarray(8);
    writer.bytes(part2).fill(Math.max(1, 13 - part2.length));
  }
  if (withPlugin) writer.nulText(handshake.authPluginName ?? "");
  return writer.finish();
}

/**
 * A copy of a handshake's payload that differs in nothing but capability bits, wherever they are: in the low and high
 * halves, and in MariaDB's extended field.
 *
 * @param add bits to set, of the low 32; they win over `remove`.
 * @throws {ProtocolError} as {@linkcode parseHandshake}.
 */
export function changeCapabilities(payload: Uint8Array, remove: bigint, add: bigint): Uint8Array {
  const change = (bits: number, shift: bigint) => Number((BigInt(bits) & ~(remove >> shift) | add >> shift) & 0xffffn);
  const at = capabilitiesOffset(payload);
  const low = readUint16(payload, at);
  const copy = payload.slice();
  writeUint16(copy, at, change(low, 0n));
  if (payload.length === at + 2) return copy;
  const high = readUint16(payload, at + HIGH_CAPABILITIES);
  writeUint16(copy, at + HIGH_CAPABILITIES, change(high, 16n));
  if (!hasCapability(BigInt(low), Capability.CLIENT_LONG_PASSWORD)) {
    const extended = readUint32(payload, at + EXTENDED_CAPABILITIES);
    // ~ makes a signed number; >>> 0 makes it the unsigned field again.
    writeUint32(copy, at + EXTENDED_CAPABILITIES, (extended & ~Number(remove >> 32n & 0xffffffffn)) >>> 0);
  }
  return copy;
}
