/**
 * The ERR packet.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_err_packet.html
 *
 * @module
 */
import { sqlStateOf } from "./error_number.ts";
import { ProtocolError } from "./error.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";
import { decodeText, encodeText } from "./text.ts";

/** The first byte of an ERR packet. */
export const ERR_HEADER = 0xff;

const SQL_STATE_MARK = 0x23; // "#"

/** A command, a login or the connection itself has failed. */
export interface ErrPacket {
  readonly errorNumber: number;
  /** Five letters and digits. Missing before the capabilities are known (and from servers before 4.1). */
  readonly sqlState?: string;
  readonly message: string;
}

/** Whether a payload is an ERR packet; MariaDB's progress reports, which share its first byte, are not. */
export function isErr(payload: Uint8Array): boolean {
  return payload[0] === ERR_HEADER && !(payload[1] === 0xff && payload[2] === 0xff);
}

/**
 * Reads an ERR packet with or without SQL state.
 *
 * @throws {ProtocolError} `malformed` if it is none, `truncated` if it has no error number.
 */
export function parseErr(payload: Uint8Array): ErrPacket {
  const reader = new PayloadReader(payload).expect(ERR_HEADER, "an ERR packet");
  const errorNumber = reader.u16();
  if (reader.peek() !== SQL_STATE_MARK || reader.remaining < 6) return { errorNumber, message: reader.restText() };
  const sqlState = decodeText(reader.skip(1).bytes(5));
  return { errorNumber, sqlState, message: reader.restText() };
}

/**
 * Writes an ERR packet, with the SQL state that is given.
 *
 * @throws {ProtocolError} `out-of-range` if the SQL state has not five bytes, or the number not 16 bits.
 */
export function encodeErr(err: ErrPacket): Uint8Array {
  const writer = new PayloadWriter(9 + err.message.length).u8(ERR_HEADER).u16(err.errorNumber);
  if (err.sqlState !== undefined) {
    const sqlState = encodeText(err.sqlState);
    if (sqlState.length !== 5) {
      throw new ProtocolError("out-of-range", `Cannot send the SQL state "${err.sqlState}": it must have five letters`);
    }
    writer.u8(SQL_STATE_MARK).bytes(sqlState);
  }
  return writer.text(err.message).finish();
}

/** An ERR packet's payload with the SQL state that belongs to the error number. */
export function encodeError(errorNumber: number, message: string): Uint8Array {
  return encodeErr({ errorNumber, sqlState: sqlStateOf(errorNumber), message });
}
