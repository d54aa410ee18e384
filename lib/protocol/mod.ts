/**
 * MySQL's wire format as pure functions over `Uint8Array`: no I/O, no clock, no Deno.
 *
 * @module
 */
export * from "./attributes.ts";
export * from "./auth_switch.ts";
export * from "./binary_row.ts";
export * from "./binary_value.ts";
export * from "./binlog_dump.ts";
export * from "./capability.ts";
export * from "./change_user.ts";
export * from "./column_definition.ts";
export * from "./column_type.ts";
export * from "./command.ts";
export * from "./compressed_packet.ts";
export * from "./concat.ts";
export * from "./compression.ts";
export * from "./crc32c.ts";
export * from "./eof.ts";
export * from "./err.ts";
export * from "./error.ts";
export * from "./error_number.ts";
export * from "./handshake.ts";
export * from "./handshake_response.ts";
export * from "./integer.ts";
export * from "./ip_address.ts";
export * from "./length_encoded.ts";
export * from "./local_infile.ts";
export * from "./ok.ts";
export * from "./packet.ts";
export * from "./packet_collector.ts";
export * from "./packet_renumbering.ts";
export * from "./packet_walker.ts";
export * from "./parameter.ts";
export * from "./payload_reader.ts";
export * from "./payload_writer.ts";
export * from "./progress.ts";
export * from "./proxy_header.ts";
export * from "./query.ts";
export * from "./response_change.ts";
export * from "./response_tracker.ts";
export * from "./result_set.ts";
export * from "./rsa_password.ts";
export * from "./scramble.ts";
export * from "./server_version.ts";
export * from "./session_state.ts";
export * from "./statement.ts";
export * from "./statement_bulk_execute.ts";
export * from "./statement_execute.ts";
export * from "./status.ts";
export * from "./text.ts";
export * from "./text_row.ts";
