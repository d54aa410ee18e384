/**
 * MySQL's wire format as pure functions over `Uint8Array`: no I/O, no clock, no Deno.
 *
 * @module
 */
export * from "./capability.ts";
export * from "./column_type.ts";
export * from "./command.ts";
export * from "./error.ts";
export * from "./error_number.ts";
export * from "./integer.ts";
export * from "./length_encoded.ts";
export * from "./packet.ts";
export * from "./payload_reader.ts";
export * from "./payload_writer.ts";
export * from "./status.ts";
export * from "./text.ts";
