/**
 * What `read_query_result` and the result sets in it read: the functions behind `prelude/result_set.lua`.
 *
 * @module
 */
import {
  type ColumnDefinition,
  ERR_HEADER,
  HEADER_LENGTH,
  OK_HEADER,
  parseBinaryRow,
  parseColumnDefinition,
  PayloadReader,
  ProtocolError,
} from "../protocol/mod.ts";
import type { QueryResult } from "../script/mod.ts";
import { type ScriptValue, scriptValue } from "./binary_text.ts";
import type { LuaEngine, LuaFunction, State } from "./engine.ts";
import { KnownKeys } from "./known_keys.ts";
import { luaInteger } from "./lua_integer.ts";
import { OFFSETS, OutsidePackets, RecordPackets, recordSize, Slot, writeNumbers, writePackets } from "./record.ts";
import { type PacketList, partEnd, PartKind, type ResponsePart, responseParts } from "./response_shape.ts";

/** Responses above this are not copied into Lua, but read where they are. */
const INSIDE = 256 * 1024;
/** With more bytes than this outside of Lua, its garbage is collected at once: it knows nothing of their weight. */
const OUTSIDE = 64 * 1024 * 1024;

/** An area for packets on their way into Lua that is kept. */
const LARGEST_AREA = 4 * INSIDE;

/** The place of a name in a column definition, by the field of a script. */
const NAMES = new Map([
  ["catalog", 0],
  ["db", 1],
  ["schema", 1],
  ["table", 2],
  ["org_table", 3],
  ["name", 4],
  ["org_name", 5],
]);
const NUMBERS = new Map<string, (column: ColumnDefinition) => number>([
  ["type", (column) => column.type],
  ["charset", (column) => column.charset],
  ["length", (column) => column.length],
  ["flags", (column) => column.flags],
  ["decimals", (column) => column.decimals],
]);

/** What a result set is of whose response nothing is known. */
const NO_PART: ResponsePart = { kind: PartKind.OTHER, head: 0, columns: 0, firstRow: 0, rows: 0, binary: false };

/** The last result set whose shape was asked for: it is asked for again and again. */
interface Shape {
  readonly serial: number;
  readonly parts: readonly ResponsePart[];
}

/** Reads responses for scripts. One per engine. */
export class ResultSets {
  readonly #engine: LuaEngine;
  readonly #keys: KnownKeys;
  readonly #inside = new RecordPackets();
  readonly #outside = new Map<number, readonly Uint8Array[]>();
  #outsideBytes = 0;
  #outsideLimit = OUTSIDE;
  #serial = 0;
  #area = 0;
  #areaSize = 0;
  #bytes = new Uint8Array();
  #view = new DataView(new ArrayBuffer(0));
  #shape: Shape = { serial: 0, parts: [] };
  #columns: { serial: number; head: number; definitions: ColumnDefinition[] } = { serial: 0, head: 0, definitions: [] };
  #capabilities = { number: 0, bits: 0n };
  // Where #locate() has found a packet.
  #start = 0;
  #end = 0;

  constructor(engine: LuaEngine) {
    this.#engine = engine;
    this.#keys = new KnownKeys(engine, [...NAMES.keys(), ...NUMBERS.keys()]);
    this.#room(4096);
  }

  /** How many responses are kept outside of Lua. */
  get kept(): number {
    return this.#outside.size;
  }

  /** The functions, by the names that the prelude calls them by. */
  functions(): Record<string, LuaFunction> {
    return {
      record_number: (L) => this.#recordNumber(L),
      record_set: (L) => this.#recordSet(L),
      record_sets: (L) => {
        this.#engine.api.lua_pushnumber(L, this.#parts(L).length);
        return 1;
      },
      part_number: (L) => this.#partNumber(L),
      record_packet: (L) => this.#recordPacket(L),
      text_row: (L) => this.#textRow(L),
      binary_row: (L) => this.#binaryRow(L),
      field_value: (L) => this.#fieldValue(L),
      release_packets: (L) => {
        this.#release(this.#engine.api.lua_tonumberx(L, 1, 0));
        return 0;
      },
    };
  }

  /**
   * Pushes what the prelude makes an injection object of: the record, and the number of the packets outside of it or nil.
   *
   * @param command The query's command byte.
   */
  push(L: State, result: QueryResult, command: number): void {
    const { api } = this.#engine;
    const { packets } = result;
    const serial = ++this.#serial;
    const whole = recordSize(packets);
    const inside = whole <= INSIDE;
    const size = inside ? whole : OFFSETS;
    const at = this.#room(size);
    this.#renew();
    writeNumbers(this.#view, at, result, command, inside ? 0 : serial, serial);
    if (inside && packets !== undefined) writePackets({ bytes: this.#bytes, view: this.#view }, at, packets);
    api.lua_pushlstring(L, at, size);
    if (inside || packets === undefined) return api.lua_pushnil(L);
    this.#outside.set(serial, packets);
    this.#outsideBytes += whole;
    api.lua_pushnumber(L, serial);
  }

  /** Whether so much is kept outside of Lua that its garbage should be collected now. */
  get crowded(): boolean {
    return this.#outsideBytes > this.#outsideLimit;
  }

  /** What is still outside after a collection is in use: the next one is due when as much has come again. */
  relax(): void {
    this.#outsideLimit = this.#outsideBytes + OUTSIDE;
  }

  #release(serial: number): void {
    const packets = this.#outside.get(serial);
    if (packets === undefined) return;
    this.#outside.delete(serial);
    this.#outsideBytes -= recordSize(packets);
    this.#outsideLimit = Math.max(OUTSIDE, Math.min(this.#outsideLimit, this.#outsideBytes + OUTSIDE));
  }

  /** Gives back the memory that was needed for a large row. */
  shrink(): void {
    if (this.#areaSize <= LARGEST_AREA) return;
    this.#engine.api.free(this.#area);
    this.#area = this.#areaSize = 0;
  }

  /** The address of an area with room for `size` bytes. */
  #room(size: number): number {
    if (size > this.#areaSize) {
      const grown = Math.max(size, this.#areaSize * 2);
      const at = this.#engine.allocate(grown);
      if (this.#area !== 0) this.#engine.api.free(this.#area);
      this.#area = at;
      this.#areaSize = grown;
    }
    return this.#area;
  }

  #renew(): void {
    const { memory } = this.#engine;
    if (memory === this.#bytes) return;
    this.#bytes = memory;
    this.#view = new DataView(memory.buffer);
  }

  #number(record: number, slot: number): number {
    return this.#view.getFloat64(record + 8 * slot, true);
  }

  /** Almost always those of the record before, and a new bigint is dear. */
  #capabilitiesOf(record: number): bigint {
    const number = this.#number(record, Slot.CAPABILITIES);
    if (number !== this.#capabilities.number) this.#capabilities = { number, bits: BigInt(number) };
    return this.#capabilities.bits;
  }

  /** Finds a packet in the memory; one from outside is copied to the area first. False if there is none. */
  #locate(record: number, index: number): boolean {
    if (!(index >= 0 && index < this.#number(record, Slot.PACKETS))) return false;
    const outside = this.#number(record, Slot.OUTSIDE);
    if (outside === 0) {
      const entry = record + OFFSETS + 4 * index;
      this.#start = record + this.#view.getUint32(entry, true);
      this.#end = record + this.#view.getUint32(entry + 4, true);
      return true;
    }
    const packet = this.#outside.get(outside)?.[index];
    if (packet === undefined) return false;
    this.#start = this.#room(packet.length);
    this.#end = this.#start + packet.length;
    this.#renew();
    this.#bytes.set(packet, this.#start);
    return true;
  }

  #list(record: number): PacketList {
    const packets = this.#outside.get(this.#number(record, Slot.OUTSIDE));
    if (packets !== undefined) return new OutsidePackets(packets);
    return this.#inside.at({ bytes: this.#bytes, view: this.#view }, record);
  }

  /** The parts of the response whose record is the first argument; none if the packets have not been kept. */
  #parts(L: State): readonly ResponsePart[] {
    this.#renew();
    const record = this.#engine.api.lua_tolstring(L, 1, 0);
    const serial = this.#number(record, Slot.SERIAL);
    if (this.#shape.serial !== serial) {
      const capabilities = this.#capabilitiesOf(record);
      const parts = responseParts(this.#list(record), this.#number(record, Slot.COMMAND), capabilities);
      this.#shape = { serial, parts };
    }
    return this.#shape.parts;
  }

  /** (record, slot) → a number, or nil for one that there is none of. */
  #recordNumber(L: State): number {
    const { api } = this.#engine;
    this.#renew();
    const slot = api.lua_tonumberx(L, 2, 0);
    const value = this.#number(api.lua_tolstring(L, 1, 0), slot);
    if (value < 0) api.lua_pushnil(L);
    else if (value < 1e14) api.lua_pushnumber(L, value);
    else this.#engine.push(L, luaInteger(BigInt(value)));
    return 1;
  }

  /** (record, number) → kind, head, columns, first row, end of rows, binary; nothing if the packets have not been kept. */
  #recordSet(L: State): number {
    const { api } = this.#engine;
    this.#renew();
    if (this.#number(api.lua_tolstring(L, 1, 0), Slot.PACKETS) < 0) return 0;
    const part = this.#parts(L)[api.lua_tonumberx(L, 2, 0) - 1];
    const { kind, head, columns, firstRow, rows, binary } = part ?? NO_PART;
    api.lua_pushnumber(L, kind);
    api.lua_pushnumber(L, head);
    if (kind !== PartKind.ROWS) return 2;
    api.lua_pushnumber(L, columns);
    api.lua_pushnumber(L, firstRow);
    api.lua_pushnumber(L, firstRow + rows);
    api.lua_pushboolean(L, binary ? 1 : 0);
    return 6;
  }

  /** (record, slot, number) → a number of one of several result sets, or nil for one that there is none of. */
  #partNumber(L: State): number {
    const { api } = this.#engine;
    const part = this.#parts(L)[api.lua_tonumberx(L, 3, 0) - 1];
    const record = api.lua_tolstring(L, 1, 0);
    const value = part === undefined ? undefined : this.#ofPart(record, part, api.lua_tonumberx(L, 2, 0));
    this.#engine.push(L, value === undefined ? undefined : luaInteger(value));
    return 1;
  }

  #ofPart(record: number, part: ResponsePart, slot: number): number | bigint | undefined {
    const packets = this.#list(record);
    const capabilities = this.#capabilitiesOf(record);
    switch (slot) {
      case Slot.ROW_COUNT:
        return part.rows;
      case Slot.BYTES: {
        let bytes = 0;
        for (let i = part.firstRow; i < part.firstRow + part.rows; i++) bytes += packets.length(i) + HEADER_LENGTH;
        return bytes;
      }
      case Slot.STATUS:
        return part.kind === PartKind.ERR ? ERR_HEADER : part.kind === PartKind.OTHER ? undefined : OK_HEADER;
    }
    const rows = part.kind === PartKind.ROWS;
    if (rows ? slot < Slot.WARNINGS : part.kind !== PartKind.OK) return undefined;
    if (!this.#locate(record, rows ? part.firstRow + part.rows : part.head)) return 0;
    const end = partEnd(this.#bytes.slice(this.#start, this.#end), capabilities);
    switch (slot) {
      case Slot.WARNINGS:
        return end.warnings;
      case Slot.SERVER_STATUS:
        return end.status;
      default:
        return slot === Slot.AFFECTED_ROWS ? end.affectedRows : end.insertId;
    }
  }

  /** (record, index) → the packet's payload. */
  #recordPacket(L: State): number {
    const { api } = this.#engine;
    this.#renew();
    if (!this.#locate(api.lua_tolstring(L, 1, 0), api.lua_tonumberx(L, 2, 0))) return 0;
    api.lua_pushlstring(L, this.#start, this.#end - this.#start);
    return 1;
  }

  /** (record, index, columns) → the values of a row of text. */
  #textRow(L: State): number {
    const { api } = this.#engine;
    const columns = api.lua_tonumberx(L, 3, 0);
    if (columns > 15) this.#engine.reserve(L, columns + 2);
    this.#renew();
    if (!this.#locate(api.lua_tolstring(L, 1, 0), api.lua_tonumberx(L, 2, 0))) return 0;
    let bytes = this.#bytes;
    let at = this.#start;
    const end = this.#end;
    for (let i = 0; i < columns; i++) {
      // Pushing a string can make the memory grow, which takes the view away.
      if (bytes.length === 0) {
        this.#renew();
        bytes = this.#bytes;
      }
      let length = at < end ? bytes[at++] ?? 0xfb : 0xfb;
      if (length >= 0xfb) {
        if (length === 0xfb) {
          api.lua_pushnil(L);
          continue;
        }
        const width = length === 0xfc ? 2 : length === 0xfd ? 3 : 8;
        length = 0;
        for (let k = Math.min(width, 6) - 1; k >= 0; k--) length = length * 256 + (bytes[at + k] ?? 0);
        at += width;
      }
      if (length > end - at) length = Math.max(0, end - at);
      api.lua_pushlstring(L, at, length);
      at += length;
    }
    return columns;
  }

  /** (record, index, columns, head) → the values of a binary row. */
  #binaryRow(L: State): number {
    const { api } = this.#engine;
    const columns = api.lua_tonumberx(L, 3, 0);
    this.#engine.reserve(L, columns + 2);
    this.#renew();
    const record = api.lua_tolstring(L, 1, 0);
    const definitions = this.#definitions(record, api.lua_tonumberx(L, 4, 0), columns);
    if (!this.#locate(record, api.lua_tonumberx(L, 2, 0))) return 0;
    const values = parseBinaryRow(this.#bytes.slice(this.#start, this.#end), definitions);
    values.forEach((value, i) => {
      const { type = 0, decimals = 0 } = definitions[i] ?? {};
      this.#pushValue(L, scriptValue(value, type, decimals));
    });
    return columns;
  }

  #pushValue(L: State, value: ScriptValue): void {
    this.#engine.push(L, value);
  }

  /** The column definitions after the packet `head`. */
  #definitions(record: number, head: number, columns: number): ColumnDefinition[] {
    const serial = this.#number(record, Slot.SERIAL);
    if (this.#columns.serial === serial && this.#columns.head === head) return this.#columns.definitions;
    const capabilities = this.#capabilitiesOf(record);
    const definitions: ColumnDefinition[] = [];
    for (let i = 1; i <= columns; i++) {
      if (!this.#locate(record, head + i)) throw new ProtocolError("truncated", "Expected more column definitions");
      definitions.push(parseColumnDefinition(this.#bytes.slice(this.#start, this.#end), capabilities));
    }
    this.#columns = { serial, head, definitions };
    return definitions;
  }

  /** (field, key) → a field's value; field 1 is the record, field 2 the packet with its definition. */
  #fieldValue(L: State): number {
    const { api } = this.#engine;
    const key = this.#keys.at(L, 2);
    if (key === undefined) return 0;
    api.lua_rawgeti(L, 1, 1n);
    api.lua_rawgeti(L, 1, 2n);
    this.#renew();
    const record = api.lua_tolstring(L, -2, 0);
    if (record === 0 || !this.#locate(record, api.lua_tonumberx(L, -1, 0))) return 0;
    const name = NAMES.get(key);
    if (name === undefined) {
      const capabilities = this.#capabilitiesOf(record);
      const column = parseColumnDefinition(this.#bytes.slice(this.#start, this.#end), capabilities);
      api.lua_pushnumber(L, NUMBERS.get(key)?.(column) ?? 0);
      return 1;
    }
    // The bytes of the name as they are: they are not UTF-8 in every character set.
    const reader = new PayloadReader(this.#bytes.subarray(this.#start, this.#end));
    for (let i = 0; i < name; i++) reader.lenencBytes();
    const text = reader.lenencBytes();
    api.lua_pushlstring(L, text.byteOffset, text.length);
    return 1;
  }
}
