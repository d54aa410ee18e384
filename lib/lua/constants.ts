/**
 * The constants that scripts find in `proxy` (spec 4.8).
 *
 * @module
 */
import { ColumnType, Command } from "../protocol/mod.ts";

/** What a client sees of a version: major, minor and patch, one byte each. */
const PROXY_VERSION = 0x000900;

/** Numbers that protocol documentation of today names differently, or not at all. */
const commands = {
  COM_SLEEP: Command.COM_SLEEP,
  COM_QUIT: Command.COM_QUIT,
  COM_INIT_DB: Command.COM_INIT_DB,
  COM_QUERY: Command.COM_QUERY,
  COM_FIELD_LIST: Command.COM_FIELD_LIST,
  COM_CREATE_DB: Command.COM_CREATE_DB,
  COM_DROP_DB: Command.COM_DROP_DB,
  COM_REFRESH: Command.COM_REFRESH,
  COM_SHUTDOWN: Command.COM_SHUTDOWN,
  COM_STATISTICS: Command.COM_STATISTICS,
  COM_PROCESS_INFO: Command.COM_PROCESS_INFO,
  COM_CONNECT: Command.COM_CONNECT,
  COM_PROCESS_KILL: Command.COM_PROCESS_KILL,
  COM_DEBUG: Command.COM_DEBUG,
  COM_PING: Command.COM_PING,
  COM_TIME: Command.COM_TIME,
  COM_DELAYED_INSERT: Command.COM_DELAYED_INSERT,
  COM_CHANGE_USER: Command.COM_CHANGE_USER,
  COM_BINLOG_DUMP: Command.COM_BINLOG_DUMP,
  COM_TABLE_DUMP: Command.COM_TABLE_DUMP,
  COM_CONNECT_OUT: Command.COM_CONNECT_OUT,
  COM_REGISTER_SLAVE: Command.COM_REGISTER_SLAVE,
  COM_STMT_PREPARE: Command.COM_STMT_PREPARE,
  COM_STMT_EXECUTE: Command.COM_STMT_EXECUTE,
  COM_STMT_SEND_LONG_DATA: Command.COM_STMT_SEND_LONG_DATA,
  COM_STMT_CLOSE: Command.COM_STMT_CLOSE,
  COM_STMT_RESET: Command.COM_STMT_RESET,
  COM_SET_OPTION: Command.COM_SET_OPTION,
  COM_STMT_FETCH: Command.COM_STMT_FETCH,
  COM_DAEMON: Command.COM_DAEMON,
  COM_BINLOG_DUMP_GTID: Command.COM_BINLOG_DUMP_GTID,
  COM_RESET_CONNECTION: Command.COM_RESET_CONNECTION,
} as const;

/** The fields of the global `proxy`, by name. */
export const CONSTANTS: Readonly<Record<string, number>> = {
  PROXY_VERSION,
  PROXY_SEND_QUERY: 1,
  PROXY_SEND_RESULT: 2,
  PROXY_IGNORE_RESULT: 4,
  MYSQLD_PACKET_OK: 0,
  MYSQLD_PACKET_RAW: 250,
  MYSQLD_PACKET_EOF: 254,
  MYSQLD_PACKET_ERR: 255,
  BACKEND_STATE_UNKNOWN: 0,
  BACKEND_STATE_UP: 1,
  BACKEND_STATE_DOWN: 2,
  BACKEND_TYPE_UNKNOWN: 0,
  BACKEND_TYPE_RW: 1,
  BACKEND_TYPE_RO: 2,
  ...commands,
  ...ColumnType,
};
