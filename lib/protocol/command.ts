/**
 * Command numbers: the first byte of the packet that opens an exchange.
 *
 * Sources: https://dev.mysql.com/doc/dev/mysql-server/latest/my__command_8h.html and, from 0xfa on,
 * https://mariadb.com/docs/server/reference/clientserver-protocol
 *
 * @module
 */
import { PayloadWriter } from "./payload_writer.ts";
import { encodeText } from "./text.ts";

/** The commands by the names that the protocol documentation uses. */
export const Command = {
  COM_SLEEP: 0x00,
  COM_QUIT: 0x01,
  COM_INIT_DB: 0x02,
  COM_QUERY: 0x03,
  COM_FIELD_LIST: 0x04,
  COM_CREATE_DB: 0x05,
  COM_DROP_DB: 0x06,
  /** MySQL 9 reserves the number. */
  COM_REFRESH: 0x07,
  COM_SHUTDOWN: 0x08,
  COM_STATISTICS: 0x09,
  COM_PROCESS_INFO: 0x0a,
  COM_CONNECT: 0x0b,
  COM_PROCESS_KILL: 0x0c,
  COM_DEBUG: 0x0d,
  COM_PING: 0x0e,
  COM_TIME: 0x0f,
  COM_DELAYED_INSERT: 0x10,
  COM_CHANGE_USER: 0x11,
  COM_BINLOG_DUMP: 0x12,
  COM_TABLE_DUMP: 0x13,
  COM_CONNECT_OUT: 0x14,
  COM_REGISTER_SLAVE: 0x15,
  COM_STMT_PREPARE: 0x16,
  COM_STMT_EXECUTE: 0x17,
  COM_STMT_SEND_LONG_DATA: 0x18,
  COM_STMT_CLOSE: 0x19,
  COM_STMT_RESET: 0x1a,
  COM_SET_OPTION: 0x1b,
  COM_STMT_FETCH: 0x1c,
  COM_DAEMON: 0x1d,
  /** MySQL; MariaDB has COM_UNIMPLEMENTED here. */
  COM_BINLOG_DUMP_GTID: 0x1e,
  COM_RESET_CONNECTION: 0x1f,
  COM_CLONE: 0x20,
  COM_SUBSCRIBE_GROUP_REPLICATION_STREAM: 0x21,
  /** MariaDB. */
  COM_STMT_BULK_EXECUTE: 0xfa,
  /** MariaDB, internal to its servers. */
  COM_SLAVE_WORKER: 0xfb,
  /** MariaDB, internal to its servers. */
  COM_SLAVE_IO: 0xfc,
  /** MariaDB, internal to its servers. */
  COM_SLAVE_SQL: 0xfd,
  /** MariaDB 10.2 only. */
  COM_MULTI: 0xfe,
} as const;

/** The name of a command. */
export type CommandName = keyof typeof Command;

const names = new Map<number, string>(Object.entries(Command).map(([name, number]) => [number, name]));

/** The name of a command byte; one without a name appears as `COM_0x99`. */
export function commandName(byte: number): string {
  return names.get(byte) ?? `COM_0x${byte.toString(16).padStart(2, "0")}`;
}

/**
 * The payload of a command: its byte and, for the simple ones such as COM_INIT_DB, its argument.
 *
 * @param argument Text is written as UTF-8.
 */
export function encodeCommand(command: number, argument: Uint8Array | string = ""): Uint8Array {
  const bytes = typeof argument === "string" ? encodeText(argument) : argument;
  return new PayloadWriter(bytes.length + 1).u8(command).bytes(bytes).finish();
}
