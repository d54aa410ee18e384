/**
 * Connection attributes: what a client tells about itself at login and at COM_CHANGE_USER.
 *
 * @module
 */
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** Names such as `_client_name`, `_pid`, `program_name` and their values. */
export type ConnectionAttributes = ReadonlyMap<string, string>;

/**
 * Reads the block of length-encoded names and values, behind the length-encoded size of the block.
 *
 * @throws {ProtocolError} `truncated` if the block or a text in it overruns.
 */
export function readAttributes(reader: PayloadReader): ConnectionAttributes {
  const block = new PayloadReader(reader.lenencBytes());
  const attributes = new Map<string, string>();
  while (block.remaining > 0) attributes.set(block.lenencText(), block.lenencText());
  return attributes;
}

/** Writes the block with its size in front. */
export function writeAttributes(writer: PayloadWriter, attributes: ConnectionAttributes): void {
  const block = new PayloadWriter();
  for (const [name, value] of attributes) block.lenencText(name).lenencText(value);
  writer.lenencBytes(block.finish());
}
