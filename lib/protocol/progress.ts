/**
 * MariaDB's progress report: an ERR packet with the error number 0xffff that ends nothing. Sent during long statements such
 * as ALTER TABLE to clients with `MARIADB_CLIENT_PROGRESS`.
 *
 * Source: https://mariadb.com/docs/server/reference/clientserver-protocol/4-server-response-packets/err_packet
 *
 * @module
 */
import { ERR_HEADER } from "./err.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** How far a statement has got. */
export interface Progress {
  /** From 1. */
  readonly stage: number;
  readonly maxStage: number;
  /** Of this stage, in thousandths of a percent: 100000 is all. */
  readonly progress: number;
  /** Such as `copy to tmp table`. */
  readonly info: string;
}

/** Whether a payload is a progress report. */
export function isProgress(payload: Uint8Array): boolean {
  return payload[0] === ERR_HEADER && payload[1] === 0xff && payload[2] === 0xff;
}

/** @throws {ProtocolError} `malformed` if it is none, `truncated` if it ends within a field. */
export function parseProgress(payload: Uint8Array): Progress {
  const reader = new PayloadReader(payload)
    .expect(ERR_HEADER, "a progress report").expect(0xff, "a progress report").expect(0xff, "a progress report");
  // The number of strings, always 1.
  reader.skip(1);
  return { stage: reader.u8(), maxStage: reader.u8(), progress: reader.u24(), info: reader.lenencText() };
}

/** Writes a progress report. */
export function encodeProgress({ stage, maxStage, progress, info }: Progress): Uint8Array {
  return new PayloadWriter()
    .u8(ERR_HEADER).u16(0xffff).u8(1).u8(stage).u8(maxStage).u24(progress).lenencText(info).finish();
}
