/**
 * The column definition packet (4.1), for result sets, the parameters of prepared statements and COM_FIELD_LIST.
 *
 * Sources: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html
 * and, for the extended metadata, https://mariadb.com/docs/server/reference/clientserver-protocol/4-server-response-packets/result-set-packets
 *
 * @module
 */
import { Capability, hasCapability } from "./capability.ts";
import { CHARSET_BINARY, CHARSET_UTF8MB4, ColumnFlag, ColumnType } from "./column_type.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** MariaDB's further description of a type that the type number does not tell, such as `inet6` or `json`. */
export interface ExtendedMetadata {
  readonly typeName?: string;
  readonly formatName?: string;
}

/** What a client learns about a column. */
export interface ColumnDefinition {
  /** Always `def`. */
  readonly catalog: string;
  readonly schema: string;
  /** The table's alias. */
  readonly table: string;
  readonly originalTable: string;
  /** The column's alias. */
  readonly name: string;
  readonly originalName: string;
  /** MariaDB only, with `MARIADB_CLIENT_EXTENDED_METADATA`. */
  readonly extended?: ExtendedMetadata;
  /** The collation's number; {@linkcode CHARSET_BINARY} for what is not text. */
  readonly charset: number;
  /** The longest value, in bytes. */
  readonly length: number;
  /** A value of {@linkcode ColumnType}. */
  readonly type: number;
  /** Bits of {@linkcode ColumnFlag}. */
  readonly flags: number;
  /** 0 for integers and strings, 0x1f for floats, else the digits shown. */
  readonly decimals: number;
  /** Only in answers to COM_FIELD_LIST. */
  readonly defaultValue?: Uint8Array | null;
}

/** The length of the fixed fields, which is sent before them. */
const FIXED_LENGTH = 0x0c;
const EXTENDED_TYPE = 0;
const EXTENDED_FORMAT = 1;

const textTypes: ReadonlySet<number> = new Set([
  ColumnType.MYSQL_TYPE_VARCHAR,
  ColumnType.MYSQL_TYPE_ENUM,
  ColumnType.MYSQL_TYPE_SET,
  ColumnType.MYSQL_TYPE_VAR_STRING,
  ColumnType.MYSQL_TYPE_STRING,
]);

/** A definition of a column that belongs to no table, as of an expression; text types are utf8mb4, others binary. */
export function newColumn(name: string, type: number, more: Partial<ColumnDefinition> = {}): ColumnDefinition {
  const text = textTypes.has(type);
  return {
    catalog: "def",
    schema: "",
    table: "",
    originalTable: "",
    name,
    originalName: "",
    charset: text ? CHARSET_UTF8MB4 : CHARSET_BINARY,
    length: text ? 1024 : 21,
    type,
    flags: text ? 0 : ColumnFlag.BINARY_FLAG,
    decimals: type === ColumnType.MYSQL_TYPE_FLOAT || type === ColumnType.MYSQL_TYPE_DOUBLE ? 0x1f : 0,
    ...more,
  };
}

function parseExtended(block: Uint8Array): ExtendedMetadata {
  const reader = new PayloadReader(block);
  let extended: ExtendedMetadata = {};
  while (reader.remaining > 0) {
    const kind = reader.u8();
    const text = reader.lenencText();
    if (kind === EXTENDED_TYPE) extended = { ...extended, typeName: text };
    if (kind === EXTENDED_FORMAT) extended = { ...extended, formatName: text };
  }
  return extended;
}

/**
 * Reads a column definition, with the default value that answers to COM_FIELD_LIST have.
 *
 * @param capabilities What client and server agreed on.
 * @throws {ProtocolError} `truncated` if it ends within a field.
 */
export function parseColumnDefinition(payload: Uint8Array, capabilities: bigint): ColumnDefinition {
  const reader = new PayloadReader(payload);
  const names = {
    catalog: reader.lenencText(),
    schema: reader.lenencText(),
    table: reader.lenencText(),
    originalTable: reader.lenencText(),
    name: reader.lenencText(),
    originalName: reader.lenencText(),
  };
  const extended = hasCapability(capabilities, Capability.MARIADB_CLIENT_EXTENDED_METADATA)
    ? { extended: parseExtended(reader.lenencBytes()) }
    : {};
  const fixed = new PayloadReader(reader.lenencBytes());
  const definition = {
    ...names,
    ...extended,
    charset: fixed.u16(),
    length: fixed.u32(),
    type: fixed.u8(),
    flags: fixed.u16(),
    decimals: fixed.u8(),
  };
  if (reader.remaining === 0) return definition;
  return { ...definition, defaultValue: reader.lenencNullable()?.slice() ?? null };
}

/** Writes a column definition; `defaultValue`, if there is one, as in an answer to COM_FIELD_LIST. */
export function encodeColumnDefinition(column: ColumnDefinition, capabilities: bigint): Uint8Array {
  const writer = new PayloadWriter(128)
    .lenencText(column.catalog)
    .lenencText(column.schema)
    .lenencText(column.table)
    .lenencText(column.originalTable)
    .lenencText(column.name)
    .lenencText(column.originalName);
  if (hasCapability(capabilities, Capability.MARIADB_CLIENT_EXTENDED_METADATA)) {
    const block = new PayloadWriter();
    const { typeName, formatName } = column.extended ?? {};
    if (typeName !== undefined) block.u8(EXTENDED_TYPE).lenencText(typeName);
    if (formatName !== undefined) block.u8(EXTENDED_FORMAT).lenencText(formatName);
    writer.lenencBytes(block.finish());
  }
  writer
    .lenencInt(FIXED_LENGTH)
    .u16(column.charset)
    .u32(column.length)
    .u8(column.type)
    .u16(column.flags)
    .u8(column.decimals)
    .fill(2);
  if (column.defaultValue !== undefined) writer.lenencBytes(column.defaultValue);
  return writer.finish();
}
