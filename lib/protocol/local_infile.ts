/**
 * LOAD DATA LOCAL INFILE: the server answers a query with the name of a file, the client sends the file as packets of any
 * size and an empty packet, and the server answers with OK or ERR. A client that cannot send it sends the empty packet alone.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_local_infile_request.html
 *
 * @module
 */
import { ProtocolError } from "./error.ts";
import { encodePackets } from "./packet.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";
import { encodeText } from "./text.ts";

/** The first byte of the request, where a result set has its column count. */
export const LOCAL_INFILE_HEADER = 0xfb;

/** Whether the first payload of the answer to a query asks for a file. */
export function isLocalInfileRequest(payload: Uint8Array): boolean {
  return payload[0] === LOCAL_INFILE_HEADER;
}

/**
 * The name of the file that the server asks for.
 *
 * @throws {ProtocolError} `malformed` if the packet is no request.
 */
export function parseLocalInfileRequest(payload: Uint8Array): string {
  return new PayloadReader(payload).expect(LOCAL_INFILE_HEADER, "a LOCAL INFILE request").restText();
}

/** The request for a file. */
export function encodeLocalInfileRequest(fileName: string): Uint8Array {
  const bytes = encodeText(fileName);
  return new PayloadWriter(bytes.length + 1).u8(LOCAL_INFILE_HEADER).bytes(bytes).finish();
}

/**
 * A file's content as framed packets, ending with the empty packet.
 *
 * @param sequenceId That of the request plus one.
 * @throws {ProtocolError} `out-of-range` if `packetSize` is not positive.
 */
export function encodeLocalInfileData(data: Uint8Array, sequenceId: number, packetSize = 65536): Uint8Array {
  if (!(packetSize >= 1)) {
    throw new ProtocolError("out-of-range", `Cannot split a file into packets of "${packetSize}" bytes`);
  }
  const payloads: Uint8Array[] = [];
  for (let at = 0; at < data.length; at += packetSize) payloads.push(data.subarray(at, at + packetSize));
  payloads.push(new Uint8Array());
  return encodePackets(payloads, sequenceId);
}
