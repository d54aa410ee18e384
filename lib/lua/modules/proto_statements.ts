/**
 * The packets of prepared statements for scripts.
 *
 * Source: spec section 4.9. Integers keep their sign, which the original dropped.
 *
 * @module
 */
import {
  checkParameterCount,
  ColumnType,
  columnTypeName,
  Command,
  CursorFlag,
  type Parameter,
  parameterBitmapLength,
  parsePrepareOk,
  PayloadReader,
  ProtocolError,
  readParameterTypes,
  readParameterValues,
} from "../../protocol/mod.ts";
import type { LuaValue } from "../lua_values.ts";
import { luaInteger } from "../lua_integer.ts";
import { record } from "./fields.ts";

export function fromStmtPreparePacket(payload: Uint8Array): LuaValue {
  return record({ stmt_text: new PayloadReader(payload).expect(Command.COM_STMT_PREPARE, "COM_STMT_PREPARE").rest() });
}

export function fromStmtPrepareOkPacket(payload: Uint8Array): LuaValue {
  const { statementId, columnCount, parameterCount, warnings } = parsePrepareOk(payload, 0n);
  return { stmt_id: statementId, num_columns: columnCount, num_params: parameterCount, warnings };
}

export function fromStmtClosePacket(payload: Uint8Array): LuaValue {
  return { stmt_id: new PayloadReader(payload).expect(Command.COM_STMT_CLOSE, "COM_STMT_CLOSE").u32() };
}

export function stmtIdFromStmtExecutePacket(payload: Uint8Array): number {
  return new PayloadReader(payload).expect(Command.COM_STMT_EXECUTE, "COM_STMT_EXECUTE").u32();
}

const knownTypes: ReadonlySet<number> = new Set(Object.values(ColumnType));

function padded(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

/** A parameter's value as scripts know it; the wire's microseconds stand in nine digits, as they always did. */
function luaValue({ type, value }: Parameter): LuaValue {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" || value instanceof Uint8Array) return value;
  if (typeof value === "bigint") return luaInteger(value);
  const time = `${padded(value.hour, 2)}:${padded(value.minute, 2)}:${padded(value.second, 2)}.` +
    padded(value.microsecond, 9);
  if (value.kind === "time") return `${value.negative ? "-" : ""}${value.days} ${time}`;
  const date = `${padded(value.year, 4)}-${padded(value.month, 2)}-${padded(value.day, 2)}`;
  return type === ColumnType.MYSQL_TYPE_DATE ? date : `${date} ${time}`;
}

/**
 * A COM_STMT_EXECUTE. `params` is there if the packet has the types; query attributes are left aside.
 *
 * @param parameterCount From the answer to COM_STMT_PREPARE.
 * @throws {ProtocolError} if it is none, if it ends within a field, or if a parameter's type is unknown.
 */
export function fromStmtExecutePacket(payload: Uint8Array, parameterCount: number): LuaValue {
  const reader = new PayloadReader(payload).expect(Command.COM_STMT_EXECUTE, "COM_STMT_EXECUTE");
  const head = { stmt_id: reader.u32(), flags: reader.u8(), iteration_count: reader.u32() };
  // A client that has agreed on CLIENT_QUERY_ATTRIBUTES always sets the flag.
  const named = (head.flags & CursorFlag.PARAMETER_COUNT_AVAILABLE) !== 0;
  const count = named ? reader.lenencCount() : parameterCount;
  if (count === 0) return { ...head, new_params_bound: false };
  checkParameterCount(reader, count);
  const bitmap = reader.bytes(parameterBitmapLength(count));
  if (reader.u8() === 0) return { ...head, new_params_bound: false };

  const types = readParameterTypes(reader, count, named);
  for (const { type } of types) {
    if (!knownTypes.has(type)) {
      throw new ProtocolError("malformed", `Expected a type of parameters, got "${columnTypeName(type)}"`);
    }
  }
  const params = readParameterValues(reader, types, bitmap).slice(0, parameterCount).map((parameter) => {
    return { type: parameter.type, value: luaValue(parameter) };
  });
  return { ...head, new_params_bound: true, params };
}
