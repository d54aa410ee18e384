/**
 * Error numbers and SQL states that a proxy or a small server sends or reacts to.
 *
 * Sources: https://dev.mysql.com/doc/mysql-errors/9.0/en/server-error-reference.html and
 * https://dev.mysql.com/doc/mysql-errors/9.0/en/client-error-reference.html
 *
 * @module
 */

/** Error numbers by the names that the documentation uses: `ER_` from servers, `CR_` made by client libraries. */
export const ErrorNumber = {
  ER_CON_COUNT_ERROR: 1040,
  ER_OUT_OF_RESOURCES: 1041,
  ER_BAD_HOST_ERROR: 1042,
  ER_HANDSHAKE_ERROR: 1043,
  ER_DBACCESS_DENIED_ERROR: 1044,
  ER_ACCESS_DENIED_ERROR: 1045,
  ER_NO_DB_ERROR: 1046,
  ER_UNKNOWN_COM_ERROR: 1047,
  ER_BAD_NULL_ERROR: 1048,
  ER_BAD_DB_ERROR: 1049,
  ER_TABLE_EXISTS_ERROR: 1050,
  ER_BAD_TABLE_ERROR: 1051,
  ER_SERVER_SHUTDOWN: 1053,
  ER_BAD_FIELD_ERROR: 1054,
  ER_DUP_ENTRY: 1062,
  ER_PARSE_ERROR: 1064,
  ER_EMPTY_QUERY: 1065,
  ER_NO_SUCH_THREAD: 1094,
  ER_KILL_DENIED_ERROR: 1095,
  ER_UNKNOWN_ERROR: 1105,
  ER_HOST_IS_BLOCKED: 1129,
  ER_HOST_NOT_PRIVILEGED: 1130,
  ER_WRONG_VALUE_COUNT_ON_ROW: 1136,
  ER_TABLEACCESS_DENIED_ERROR: 1142,
  ER_NO_SUCH_TABLE: 1146,
  ER_NOT_ALLOWED_COMMAND: 1148,
  ER_SYNTAX_ERROR: 1149,
  ER_ABORTING_CONNECTION: 1152,
  ER_NET_PACKET_TOO_LARGE: 1153,
  ER_NET_READ_ERROR: 1158,
  ER_NET_READ_INTERRUPTED: 1159,
  ER_NET_ERROR_ON_WRITE: 1160,
  ER_NET_PACKETS_OUT_OF_ORDER: 1156,
  ER_UNKNOWN_SYSTEM_VARIABLE: 1193,
  ER_LOCK_WAIT_TIMEOUT: 1205,
  ER_WRONG_ARGUMENTS: 1210,
  ER_LOCK_DEADLOCK: 1213,
  ER_NOT_SUPPORTED_YET: 1235,
  ER_UNKNOWN_STMT_HANDLER: 1243,
  ER_NOT_SUPPORTED_AUTH_MODE: 1251,
  ER_OPTION_PREVENTS_STATEMENT: 1290,
  ER_QUERY_INTERRUPTED: 1317,
  ER_UNSUPPORTED_PS: 1295,
  ER_ROW_IS_REFERENCED_2: 1451,
  ER_NO_REFERENCED_ROW_2: 1452,
  ER_MALFORMED_PACKET: 1835,
  ER_READ_ONLY_MODE: 1836,
  ER_MUST_CHANGE_PASSWORD_LOGIN: 1862,
  ER_QUERY_TIMEOUT: 3024,
  ER_SECURE_TRANSPORT_REQUIRED: 3159,
  /** MySQL 8.0.24 and later: sent, unasked, before a server closes an idle connection. */
  ER_CLIENT_INTERACTION_TIMEOUT: 4031,
  /** MariaDB: the connection was killed. */
  ER_CONNECTION_KILLED: 1927,
  CR_UNKNOWN_ERROR: 2000,
  CR_CONNECTION_ERROR: 2002,
  CR_CONN_HOST_ERROR: 2003,
  CR_SERVER_GONE_ERROR: 2006,
  CR_VERSION_ERROR: 2007,
  CR_SERVER_HANDSHAKE_ERR: 2012,
  CR_SERVER_LOST: 2013,
  CR_COMMANDS_OUT_OF_SYNC: 2014,
  CR_NET_PACKET_TOO_LARGE: 2020,
  CR_SSL_CONNECTION_ERROR: 2026,
  CR_MALFORMED_PACKET: 2027,
  CR_AUTH_PLUGIN_ERR: 2061,
} as const;

/** The name of an error number. */
export type ErrorNumberName = keyof typeof ErrorNumber;

const states = new Map<number, string>([
  [ErrorNumber.ER_CON_COUNT_ERROR, "08004"],
  [ErrorNumber.ER_BAD_HOST_ERROR, "08S01"],
  [ErrorNumber.ER_HANDSHAKE_ERROR, "08S01"],
  [ErrorNumber.ER_DBACCESS_DENIED_ERROR, "42000"],
  [ErrorNumber.ER_ACCESS_DENIED_ERROR, "28000"],
  [ErrorNumber.ER_NO_DB_ERROR, "3D000"],
  [ErrorNumber.ER_UNKNOWN_COM_ERROR, "08S01"],
  [ErrorNumber.ER_BAD_NULL_ERROR, "23000"],
  [ErrorNumber.ER_BAD_DB_ERROR, "42000"],
  [ErrorNumber.ER_TABLE_EXISTS_ERROR, "42S01"],
  [ErrorNumber.ER_BAD_TABLE_ERROR, "42S02"],
  [ErrorNumber.ER_SERVER_SHUTDOWN, "08S01"],
  [ErrorNumber.ER_BAD_FIELD_ERROR, "42S22"],
  [ErrorNumber.ER_DUP_ENTRY, "23000"],
  [ErrorNumber.ER_PARSE_ERROR, "42000"],
  [ErrorNumber.ER_EMPTY_QUERY, "42000"],
  [ErrorNumber.ER_WRONG_VALUE_COUNT_ON_ROW, "21S01"],
  [ErrorNumber.ER_TABLEACCESS_DENIED_ERROR, "42000"],
  [ErrorNumber.ER_NO_SUCH_TABLE, "42S02"],
  [ErrorNumber.ER_NOT_ALLOWED_COMMAND, "42000"],
  [ErrorNumber.ER_SYNTAX_ERROR, "42000"],
  [ErrorNumber.ER_ABORTING_CONNECTION, "08S01"],
  [ErrorNumber.ER_NET_PACKET_TOO_LARGE, "08S01"],
  [ErrorNumber.ER_NET_PACKETS_OUT_OF_ORDER, "08S01"],
  [ErrorNumber.ER_NET_READ_ERROR, "08S01"],
  [ErrorNumber.ER_NET_READ_INTERRUPTED, "08S01"],
  [ErrorNumber.ER_NET_ERROR_ON_WRITE, "08S01"],
  [ErrorNumber.ER_LOCK_DEADLOCK, "40001"],
  [ErrorNumber.ER_NOT_SUPPORTED_YET, "42000"],
  [ErrorNumber.ER_NOT_SUPPORTED_AUTH_MODE, "08004"],
  [ErrorNumber.ER_QUERY_INTERRUPTED, "70100"],
  [ErrorNumber.ER_ROW_IS_REFERENCED_2, "23000"],
  [ErrorNumber.ER_NO_REFERENCED_ROW_2, "23000"],
  [ErrorNumber.ER_CONNECTION_KILLED, "70100"],
]);

/** The SQL state that servers send with an error number: `HY000`, "general error", for those without their own. */
export function sqlStateOf(errorNumber: number): string {
  return states.get(errorNumber) ?? "HY000";
}
