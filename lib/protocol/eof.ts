/**
 * The EOF packet, for connections without `CLIENT_DEPRECATE_EOF`.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_eof_packet.html
 *
 * @module
 */
import { Capability, hasCapability } from "./capability.ts";
import { ProtocolError } from "./error.ts";
import { END_HEADER } from "./ok.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** The end of a list of definitions, parameters or rows. */
export interface EofPacket {
  readonly warnings: number;
  /** Bits of {@linkcode ServerStatus}. */
  readonly status: number;
}

/** Whether a payload is an EOF packet: 0xfe, and too short for a length-encoded string of 8 length bytes. */
export function isEof(payload: Uint8Array): boolean {
  return payload[0] === END_HEADER && payload.length < 9;
}

/**
 * Reads an EOF packet; the fields that it lacks before 4.1 read as 0.
 *
 * @throws {ProtocolError} `malformed` if it is none.
 */
export function parseEof(payload: Uint8Array): EofPacket {
  if (!isEof(payload)) throw new ProtocolError("malformed", "Expected an EOF packet");
  if (payload.length < 5) return { warnings: 0, status: 0 };
  const reader = new PayloadReader(payload, 1);
  return { warnings: reader.u16(), status: reader.u16() };
}

/** Writes an EOF packet; what is not given is 0. */
export function encodeEof(eof: Partial<EofPacket>, capabilities: bigint): Uint8Array {
  const writer = new PayloadWriter(5).u8(END_HEADER);
  if (hasCapability(capabilities, Capability.CLIENT_PROTOCOL_41)) writer.u16(eof.warnings ?? 0).u16(eof.status ?? 0);
  return writer.finish();
}
