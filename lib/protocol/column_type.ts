/**
 * Column types and flags, in column definitions and in the parameters of statements.
 *
 * Sources: https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html and
 * https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__column__definition__flags.html
 *
 * @module
 */

/** The column types by the names that the protocol documentation uses. */
export const ColumnType = {
  MYSQL_TYPE_DECIMAL: 0x00,
  MYSQL_TYPE_TINY: 0x01,
  MYSQL_TYPE_SHORT: 0x02,
  MYSQL_TYPE_LONG: 0x03,
  MYSQL_TYPE_FLOAT: 0x04,
  MYSQL_TYPE_DOUBLE: 0x05,
  MYSQL_TYPE_NULL: 0x06,
  MYSQL_TYPE_TIMESTAMP: 0x07,
  MYSQL_TYPE_LONGLONG: 0x08,
  MYSQL_TYPE_INT24: 0x09,
  MYSQL_TYPE_DATE: 0x0a,
  MYSQL_TYPE_TIME: 0x0b,
  MYSQL_TYPE_DATETIME: 0x0c,
  MYSQL_TYPE_YEAR: 0x0d,
  MYSQL_TYPE_NEWDATE: 0x0e,
  MYSQL_TYPE_VARCHAR: 0x0f,
  MYSQL_TYPE_BIT: 0x10,
  MYSQL_TYPE_TIMESTAMP2: 0x11,
  MYSQL_TYPE_DATETIME2: 0x12,
  MYSQL_TYPE_TIME2: 0x13,
  MYSQL_TYPE_TYPED_ARRAY: 0x14,
  /** MySQL 9. */
  MYSQL_TYPE_VECTOR: 0xf2,
  MYSQL_TYPE_INVALID: 0xf3,
  MYSQL_TYPE_BOOL: 0xf4,
  MYSQL_TYPE_JSON: 0xf5,
  MYSQL_TYPE_NEWDECIMAL: 0xf6,
  MYSQL_TYPE_ENUM: 0xf7,
  MYSQL_TYPE_SET: 0xf8,
  MYSQL_TYPE_TINY_BLOB: 0xf9,
  MYSQL_TYPE_MEDIUM_BLOB: 0xfa,
  MYSQL_TYPE_LONG_BLOB: 0xfb,
  MYSQL_TYPE_BLOB: 0xfc,
  MYSQL_TYPE_VAR_STRING: 0xfd,
  MYSQL_TYPE_STRING: 0xfe,
  MYSQL_TYPE_GEOMETRY: 0xff,
} as const;

/** The name of a column type. */
export type ColumnTypeName = keyof typeof ColumnType;

const typeNames = new Map<number, string>(Object.entries(ColumnType).map(([name, number]) => [number, name]));

/** The name of a column type; one without a name appears as `MYSQL_TYPE_0x77`. */
export function columnTypeName(type: number): string {
  return typeNames.get(type) ?? `MYSQL_TYPE_0x${type.toString(16).padStart(2, "0")}`;
}

/** The flags of a column definition that travel on the wire (the low 16 bits). */
export const ColumnFlag = {
  NOT_NULL_FLAG: 0x0001,
  PRI_KEY_FLAG: 0x0002,
  UNIQUE_KEY_FLAG: 0x0004,
  MULTIPLE_KEY_FLAG: 0x0008,
  BLOB_FLAG: 0x0010,
  UNSIGNED_FLAG: 0x0020,
  ZEROFILL_FLAG: 0x0040,
  BINARY_FLAG: 0x0080,
  ENUM_FLAG: 0x0100,
  AUTO_INCREMENT_FLAG: 0x0200,
  TIMESTAMP_FLAG: 0x0400,
  SET_FLAG: 0x0800,
  NO_DEFAULT_VALUE_FLAG: 0x1000,
  ON_UPDATE_NOW_FLAG: 0x2000,
  /** The column is part of some key. */
  PART_KEY_FLAG: 0x4000,
  /** The column is numeric; client libraries set it themselves. */
  NUM_FLAG: 0x8000,
} as const;

/** The name of a column flag. */
export type ColumnFlagName = keyof typeof ColumnFlag;

/** The collation number of binary data, in column definitions. */
export const CHARSET_BINARY = 63;
/** The collation number of utf8mb4_general_ci, which MySQL and MariaDB both know. */
export const CHARSET_UTF8MB4 = 45;
