/**
 * `proxy.response` as the payloads of a response (spec 4.3).
 *
 * @module
 */
import {
  ColumnFlag,
  ColumnType,
  encodeColumnDefinition,
  encodeEof,
  encodeErr,
  encodeOk,
  encodeResultSetHeader,
  ERR_HEADER,
  PayloadWriter,
  ServerStatus,
} from "../protocol/mod.ts";
import type { LuaEngine, State } from "./engine.ts";
import { LuaType, typeName } from "./lua_api.ts";

/** What `proxy.response.type` can be. */
const ResponseType = { OK: 0, RAW: 250, ERR: 255 } as const;

const ER_UNKNOWN_ERROR = 1105;
const SQL_STATE = "07000";
const MESSAGE_LIMIT = 512;
/**
 * utf8_general_ci, which every client knows. The original said 8, latin1; drivers that believed it would garble what scripts
 * write in UTF-8.
 */
const CHARSET = 33;
const COLUMN_LENGTH = 32;
/** Fields, rows or packets between two looks at the time, where a metamethod may make more and more of them. */
const ELEMENTS_PER_POLL = 1000;
/** The largest count. */
const MOST = (1n << 64n) - 1n;

/** A `proxy.response` that no response can be made of. */
export class ResponseError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ResponseError";
  }
}

/** An ERR with the number and SQL state that the original gives its own errors. */
export function scriptErr(message: string): Uint8Array {
  return encodeErr({ errorNumber: ER_UNKNOWN_ERROR, sqlState: SQL_STATE, message });
}

/**
 * Reads the table at the top of the stack. Fields are read as a script would, through metatables, so this must run where
 * Lua errors are caught.
 *
 * @param warn Takes what is worth a line in the log, but no reason to fail.
 * @throws {ResponseError} if it is malformed.
 */
export function encodeResponse(
  engine: LuaEngine,
  L: State,
  capabilities: bigint,
  warn: (text: string) => void,
): Uint8Array[] {
  return new Encoder(engine, L, capabilities, warn).response();
}

class Encoder {
  readonly #engine: LuaEngine;
  readonly #L: State;
  readonly #capabilities: bigint;
  readonly #warn: (text: string) => void;
  #bytesSoFar = 0;
  /** The fields of columns that are missing somewhere: told once, there may be thousands of columns. */
  readonly #missing = new Set<string>();

  constructor(engine: LuaEngine, L: State, capabilities: bigint, warn: (text: string) => void) {
    this.#engine = engine;
    this.#L = L;
    this.#capabilities = capabilities;
    this.#warn = warn;
  }

  response(): Uint8Array[] {
    const { api } = this.#engine;
    this.#engine.reserve(this.#L, 16);
    if (api.lua_type(this.#L, -1) !== LuaType.TABLE) throw new ResponseError("proxy.response isn't a table");
    const type = this.#field("type");
    const number = type === LuaType.NUMBER ? api.lua_tonumberx(this.#L, -1, 0) : undefined;
    this.#pop();
    if (number === undefined) throw new ResponseError(`proxy.response.type must be a number, is a ${typeName(type)}`);
    switch (number) {
      case ResponseType.OK:
        return this.#ok();
      case ResponseType.ERR:
        return this.#err();
      case ResponseType.RAW:
        return this.#raw();
      default:
        throw new ResponseError(
          `proxy.response.type must be MYSQLD_PACKET_OK, MYSQLD_PACKET_ERR or MYSQLD_PACKET_RAW, is ${number}`,
        );
    }
  }

  /** Adds a payload, unless there are too many. A string that is there several times takes Lua no memory, but the proxy. */
  #add(payloads: Uint8Array[], payload: Uint8Array, isEndless: boolean): void {
    this.#bytesSoFar += payload.length;
    if (this.#bytesSoFar > this.#engine.memoryLimit) {
      throw new ResponseError("not enough memory for proxy.response: it is larger than --lua-memory-limit");
    }
    if (payloads.push(payload) % ELEMENTS_PER_POLL === 0 && isEndless) this.#engine.checkTimeLimit(this.#L);
  }

  /** Whether the table at the top may have elements without end: those that a metamethod makes. */
  #isEndless(): boolean {
    const { api } = this.#engine;
    if (api.luaL_getmetafield(this.#L, -1, this.#engine.cstring("__index")) === LuaType.NIL) return false;
    this.#pop();
    return true;
  }

  #pop(): void {
    this.#engine.api.lua_settop(this.#L, -2);
  }

  /** Pushes a field of the table at the top and returns its type. */
  #field(name: string): number {
    const { api } = this.#engine;
    api.lua_getfield(this.#L, -1, this.#engine.cstring(name));
    return api.lua_type(this.#L, -1);
  }

  /** A number among the fields of the table at the top; numeric strings do. */
  #number(name: string, fallback: number): number {
    const { api } = this.#engine;
    this.#field(name);
    const number = api.lua_isnumber(this.#L, -1) !== 0 ? api.lua_tonumberx(this.#L, -1, 0) : fallback;
    this.#pop();
    return Number.isFinite(number) ? Math.trunc(number) : fallback;
  }

  /** A number of so many bits; what does not fit is cut off. */
  #bits(name: string, bits: 8 | 16 | 32, fallback: number): number {
    return Number(BigInt.asUintN(bits, BigInt(this.#number(name, fallback))));
  }

  /** A count that the protocol has 64 bits for. */
  #count(name: string): number | bigint {
    const { api } = this.#engine;
    this.#field(name);
    const exact = api.lua_isinteger(this.#L, -1) !== 0 ? api.lua_tointegerx(this.#L, -1, 0) : undefined;
    this.#pop();
    const count = exact === undefined ? this.#number(name, 0) : BigInt.asUintN(64, exact);
    if (count <= Number.MAX_SAFE_INTEGER) return Math.max(0, Number(count));
    // Counts from 2^63 on are floats in Lua.
    const exactly = BigInt(count);
    return exactly > MOST ? MOST : exactly;
  }

  /** A string (or number) among the fields of the table at the top. */
  #bytes(name: string): Uint8Array | undefined {
    const type = this.#field(name);
    const string = type === LuaType.STRING || type === LuaType.NUMBER;
    const bytes = string ? this.#engine.bytes(this.#L, -1) : undefined;
    this.#pop();
    return bytes;
  }

  #text(name: string): string | undefined {
    const bytes = this.#bytes(name);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  }

  #ok(): Uint8Array[] {
    const status = this.#bits("status", 16, ServerStatus.SERVER_STATUS_AUTOCOMMIT);
    const warnings = this.#bits("warnings", 16, 0);
    const type = this.#field("resultset");
    if (type === LuaType.TABLE) {
      const payloads = this.#resultset(status, warnings);
      this.#pop();
      return payloads;
    }
    this.#pop();
    if (type !== LuaType.NIL) {
      this.#warn(`proxy.response.resultset is a ${typeName(type)} instead of a table: an OK packet is sent`);
    }
    return [encodeOk({
      affectedRows: this.#count("affected_rows"),
      lastInsertId: this.#count("insert_id"),
      status,
      warnings,
      info: this.#text("info") ?? "",
    }, this.#capabilities)];
  }

  #err(): Uint8Array[] {
    const message = this.#bytes("errmsg");
    if (message === undefined) return [scriptErr("(lua) proxy.response.errmsg is nil")];
    const errorNumber = this.#bits("errcode", 16, ER_UNKNOWN_ERROR);
    const state = this.#bytes("sqlstate");
    const writer = new PayloadWriter(9 + message.length).u8(ERR_HEADER).u16(errorNumber).text("#");
    if (state?.length === 5) writer.bytes(state);
    else writer.text(SQL_STATE);
    return [writer.bytes(message.subarray(0, MESSAGE_LIMIT)).finish()];
  }

  #raw(): Uint8Array[] {
    const { api } = this.#engine;
    const L = this.#L;
    const type = this.#field("packets");
    if (type !== LuaType.TABLE) {
      throw new ResponseError(`proxy.response.packets must be a table, is a ${typeName(type)}`);
    }
    const packets: Uint8Array[] = [];
    const isEndless = this.#isEndless();
    for (let i = 1;; i++) {
      const element = api.lua_geti(L, -1, BigInt(i));
      if (element === LuaType.NIL) break;
      if (element !== LuaType.STRING && element !== LuaType.NUMBER) {
        throw new ResponseError(`proxy.response.packets[${i}] must be a string, is a ${typeName(element)}`);
      }
      this.#add(packets, this.#engine.bytes(L, -1), isEndless);
      this.#pop();
    }
    if (packets.length === 0) throw new ResponseError("proxy.response.packets is empty");
    return packets;
  }

  /** The result set in the table at the top. */
  #resultset(status: number, warnings: number): Uint8Array[] {
    const fields = this.#field("fields");
    if (fields !== LuaType.TABLE) {
      throw new ResponseError(`proxy.response.resultset.fields must be a table, is a ${typeName(fields)}`);
    }
    const definitions = this.#definitions();
    this.#pop();
    if (definitions.length === 0) throw new ResponseError("proxy.response.resultset.fields is empty");
    const rows = this.#field("rows");
    if (rows !== LuaType.TABLE) {
      throw new ResponseError(`proxy.response.resultset.rows must be a table, is a ${typeName(rows)}`);
    }
    const eof = encodeEof({ status, warnings }, this.#capabilities);
    const columnCount = definitions.length;
    const payloads = [encodeResultSetHeader({ columnCount, metadataFollows: true }, this.#capabilities)];
    payloads.push(...definitions, eof);
    this.#rows(columnCount, payloads);
    this.#pop();
    payloads.push(eof);
    return payloads;
  }

  #definitions(): Uint8Array[] {
    const { api } = this.#engine;
    const definitions: Uint8Array[] = [];
    const isEndless = this.#isEndless();
    for (let i = 1;; i++) {
      const element = api.lua_geti(this.#L, -1, BigInt(i));
      if (element === LuaType.NIL) break;
      if (element !== LuaType.TABLE) {
        throw new ResponseError(`proxy.response.resultset.fields[${i}] must be a table, is a ${typeName(element)}`);
      }
      this.#add(definitions, this.#definition(i), isEndless);
      this.#pop();
    }
    this.#pop();
    return definitions;
  }

  #warnOfMissing(index: number, field: string, consequence: string): void {
    if (this.#missing.has(field)) return;
    this.#missing.add(field);
    this.#warn(`proxy.response.resultset.fields[${index}].${field} isn't set${consequence}`);
  }

  #definition(index: number): Uint8Array {
    const name = this.#text("name");
    if (name === undefined) this.#warnOfMissing(index, "name", "");
    const type = this.#number("type", -1);
    if (type < 0) this.#warnOfMissing(index, "type", ": it is sent as a string");
    return encodeColumnDefinition({
      catalog: "def",
      schema: this.#text("db") ?? "",
      table: this.#text("table") ?? "",
      originalTable: this.#text("org_table") ?? "",
      name: name ?? "no-field-name",
      originalName: this.#text("org_name") ?? "",
      charset: this.#bits("charset", 16, CHARSET),
      length: this.#bits("length", 32, COLUMN_LENGTH),
      type: type < 0 ? ColumnType.MYSQL_TYPE_STRING : type & 0xff,
      flags: this.#bits("flags", 16, ColumnFlag.PRI_KEY_FLAG),
      decimals: this.#bits("decimals", 8, 0),
    }, this.#capabilities);
  }

  /** The rows of the table at the top, appended to `payloads`. */
  #rows(columns: number, payloads: Uint8Array[]): void {
    const { api } = this.#engine;
    const L = this.#L;
    const isEndless = this.#isEndless();
    for (let i = 1;; i++) {
      const element = api.lua_geti(L, -1, BigInt(i));
      if (element === LuaType.NIL) break;
      if (element !== LuaType.TABLE) {
        throw new ResponseError(`proxy.response.resultset.rows[${i}] must be a table, is a ${typeName(element)}`);
      }
      const writer = new PayloadWriter();
      for (let column = 1; column <= columns; column++) {
        const type = api.lua_geti(L, -1, BigInt(column));
        // A number is turned into text as tostring() does.
        const value = type === LuaType.STRING || type === LuaType.NUMBER ? this.#engine.view(L, -1) : null;
        writer.lenencBytes(value);
        this.#pop();
      }
      this.#add(payloads, writer.finish(), isEndless);
      this.#pop();
    }
    this.#pop();
  }
}
