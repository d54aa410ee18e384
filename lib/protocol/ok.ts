/**
 * The OK packet. It begins with 0x00, or with 0xfe where it ends a result set in place of an EOF packet
 * (`CLIENT_DEPRECATE_EOF`).
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_ok_packet.html
 *
 * @module
 */
import { Capability, hasCapability } from "./capability.ts";
import { ProtocolError } from "./error.ts";
import type { Integer } from "./length_encoded.ts";
import { MAX_PAYLOAD } from "./packet.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";
import { encodeSessionState, parseSessionState, type SessionStateChange } from "./session_state.ts";
import { ServerStatus } from "./status.ts";

/** The first byte of an OK packet. */
export const OK_HEADER = 0x00;
/** The first byte of an OK packet that ends a result set, and of an EOF packet. */
export const END_HEADER = 0xfe;

/** A command has succeeded. */
export interface OkPacket {
  readonly affectedRows: Integer;
  readonly lastInsertId: Integer;
  /** Bits of {@linkcode ServerStatus}; 0 where the capabilities have no place for it. */
  readonly status: number;
  readonly warnings: number;
  /** Human-readable, such as `Rows matched: 1  Changed: 1  Warnings: 0`. */
  readonly info: string;
  readonly sessionState: readonly SessionStateChange[];
}

/** Whether a response's first payload is an OK packet. */
export function isOk(payload: Uint8Array): boolean {
  return payload[0] === OK_HEADER;
}

/**
 * Whether a payload among the rows of a result set ends it: an EOF packet, or an OK packet that begins with 0xfe. A row can
 * begin with 0xfe too, but only if its first value has 16 MB or more.
 */
export function isResultSetEnd(payload: Uint8Array, capabilities: bigint): boolean {
  const limit = hasCapability(capabilities, Capability.CLIENT_DEPRECATE_EOF) ? MAX_PAYLOAD : 9;
  return payload[0] === END_HEADER && payload.length < limit;
}

/**
 * Reads an OK packet, beginning with 0x00 or 0xfe.
 *
 * @param capabilities What client and server agreed on.
 * @throws {ProtocolError} `malformed` if it is none, `truncated` if it ends within a field.
 */
export function parseOk(payload: Uint8Array, capabilities: bigint): OkPacket {
  const reader = new PayloadReader(payload);
  const header = reader.u8();
  if (header !== OK_HEADER && header !== END_HEADER) {
    throw new ProtocolError("malformed", `Expected an OK packet, got the byte "0x${header.toString(16)}"`);
  }
  const affectedRows = reader.lenencInt();
  const lastInsertId = reader.lenencInt();
  let status = 0;
  let warnings = 0;
  if (hasCapability(capabilities, Capability.CLIENT_PROTOCOL_41)) {
    status = reader.u16();
    warnings = reader.u16();
  } else if (hasCapability(capabilities, Capability.CLIENT_TRANSACTIONS)) {
    status = reader.u16();
  }
  // The documentation has the rest of the packet as info without session tracking; servers send its length all the same.
  const info = reader.remaining > 0 ? reader.lenencText() : "";
  const tracked = hasCapability(capabilities, Capability.CLIENT_SESSION_TRACK) &&
    (status & ServerStatus.SERVER_SESSION_STATE_CHANGED) !== 0 && reader.remaining > 0;
  const sessionState = tracked ? parseSessionState(reader.lenencBytes()) : [];
  return { affectedRows, lastInsertId, status, warnings, info, sessionState };
}

/**
 * Writes an OK packet. What is not given is 0 or empty; session state sets `SERVER_SESSION_STATE_CHANGED` by itself and is
 * left out where `CLIENT_SESSION_TRACK` was not agreed on.
 *
 * @param header 0x00, or 0xfe to end a result set.
 */
export function encodeOk(
  ok: Partial<OkPacket>,
  capabilities: bigint,
  header: typeof OK_HEADER | typeof END_HEADER = OK_HEADER,
): Uint8Array {
  const info = ok.info ?? "";
  const track = hasCapability(capabilities, Capability.CLIENT_SESSION_TRACK);
  const sessionState = track ? encodeSessionState(ok.sessionState ?? []) : new Uint8Array();
  const changed = ServerStatus.SERVER_SESSION_STATE_CHANGED;
  const status = (ok.status ?? 0) & ~changed | (sessionState.length > 0 ? changed : 0);
  const writer = new PayloadWriter().u8(header).lenencInt(ok.affectedRows ?? 0).lenencInt(ok.lastInsertId ?? 0);
  if (hasCapability(capabilities, Capability.CLIENT_PROTOCOL_41)) writer.u16(status).u16(ok.warnings ?? 0);
  else if (hasCapability(capabilities, Capability.CLIENT_TRANSACTIONS)) writer.u16(status);
  if (info !== "" || sessionState.length > 0) writer.lenencText(info);
  if (sessionState.length > 0) writer.lenencBytes(sessionState);
  return writer.finish();
}
