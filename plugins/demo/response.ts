/**
 * Sends the payloads of one answer: numbers them, joins small ones into one write, and waits for the peer to take them.
 *
 * @module
 */
import type { ColumnDefinition } from "../../lib/protocol/column_definition.ts";
import { ColumnType } from "../../lib/protocol/column_type.ts";
import type { BinaryValue, DateTimeValue, TimeValue } from "../../lib/protocol/binary_value.ts";
import { encodePackets, fragmentCount } from "../../lib/protocol/packet.ts";
import { type ResultSet, resultSetPayloads } from "../../lib/protocol/result_set.ts";
import type { RowsOutcome } from "./sql/outcome.ts";
import { isFloatType, isTimeType, textOfValue, type Value } from "./sql/value_type.ts";

/** So many bytes of an answer are written at a time. */
const CHUNK = 256 * 1024;

/** One answer under way. */
export class Response {
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  #sequenceId: number;
  #payloads: Uint8Array[] = [];
  #size = 0;

  /** `sequenceId` is the number of the answer's first packet: the request's last one and one. */
  constructor(sequenceId: number, write: (bytes: Uint8Array) => Promise<void>) {
    this.#sequenceId = sequenceId;
    this.#write = write;
  }

  /** Adds a payload. A promise means that the peer should take what there is first. */
  add(payload: Uint8Array): Promise<void> | undefined {
    this.#payloads.push(payload);
    this.#size += payload.length;
    return this.#size >= CHUNK ? this.flush() : undefined;
  }

  async addAll(payloads: Iterable<Uint8Array>): Promise<void> {
    for (const payload of payloads) {
      const full = this.add(payload);
      if (full !== undefined) await full;
    }
  }

  /** Writes what there is. */
  async flush(): Promise<void> {
    if (this.#payloads.length === 0) return;
    const payloads = this.#payloads;
    const bytes = encodePackets(payloads, this.#sequenceId % 256);
    for (const { length } of payloads) this.#sequenceId += fragmentCount(length);
    this.#payloads = [];
    this.#size = 0;
    await this.#write(bytes);
  }
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})(?: (\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?)?$/;
const TIME = /^(-?)(\d{1,3}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?$/;

function microseconds(fraction: string | undefined): number {
  return Number((fraction ?? "").padEnd(6, "0"));
}

function readDate(text: string): DateTimeValue | null {
  const match = text.match(DATE);
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map((part) =>
    Number(part ?? 0)
  );
  return { kind: "datetime", year, month, day, hour, minute, second, microsecond: microseconds(match[7]) };
}

function readTime(text: string): TimeValue | null {
  const match = text.match(TIME);
  if (match === null) return null;
  const [hours = 0, minute = 0, second = 0] = match.slice(2, 5).map(Number);
  const microsecond = microseconds(match[5]);
  return {
    kind: "time",
    negative: match[1] === "-",
    days: Math.floor(hours / 24),
    hour: hours % 24,
    minute,
    second,
    microsecond,
  };
}

function binaryOf(value: Value, column: ColumnDefinition): BinaryValue | string {
  if (value === null || value instanceof Uint8Array) return value;
  if (isFloatType(column.type)) return Number(value);
  if (isTimeType(column.type)) {
    return column.type === ColumnType.MYSQL_TYPE_TIME ? readTime(String(value)) : readDate(String(value));
  }
  if (typeof value === "bigint" && column.type !== ColumnType.MYSQL_TYPE_NEWDECIMAL && column.charset === 63) {
    return value;
  }
  return textOfValue(value, column);
}

/** The payloads of a result set, in the text or the binary protocol. */
export function* rowPayloads(
  { columns, rows }: RowsOutcome,
  format: ResultSet["format"],
  status: number,
  capabilities: bigint,
): Generator<Uint8Array> {
  function* texts() {
    for (const row of rows) yield columns.map((column, at) => textOfValue(row[at] ?? null, column));
  }
  function* binaries() {
    for (const row of rows) yield columns.map((column, at) => binaryOf(row[at] ?? null, column));
  }
  yield* format === "text"
    ? resultSetPayloads({ format, columns, rows: texts(), status }, capabilities)
    : resultSetPayloads({ format, columns, rows: binaries(), status }, capabilities);
}

/** A statement's parameter as SQLite takes it. */
export function parameterValue(value: BinaryValue, type: number, longData: Uint8Array | undefined): Value {
  if (longData !== undefined) return bytesOrText(longData, type);
  if (value === null || typeof value === "bigint") return value;
  if (typeof value === "number") {
    const float = type === ColumnType.MYSQL_TYPE_FLOAT || type === ColumnType.MYSQL_TYPE_DOUBLE;
    return float ? value : BigInt(value);
  }
  if (value instanceof Uint8Array) return bytesOrText(value, type);
  const two = (part: number) => String(part).padStart(2, "0");
  const fraction = value.microsecond === 0 ? "" : `.${String(value.microsecond).padStart(6, "0")}`;
  const clock = `${two(value.minute)}:${two(value.second)}${fraction}`;
  if (value.kind === "time") return `${value.negative ? "-" : ""}${two(value.days * 24 + value.hour)}:${clock}`;
  const date = `${String(value.year).padStart(4, "0")}-${two(value.month)}-${two(value.day)}`;
  return type === ColumnType.MYSQL_TYPE_DATE ? date : `${date} ${two(value.hour)}:${clock}`;
}

const BLOB_TYPES: ReadonlySet<number> = new Set([
  ColumnType.MYSQL_TYPE_TINY_BLOB,
  ColumnType.MYSQL_TYPE_BLOB,
  ColumnType.MYSQL_TYPE_MEDIUM_BLOB,
  ColumnType.MYSQL_TYPE_LONG_BLOB,
  ColumnType.MYSQL_TYPE_BIT,
  ColumnType.MYSQL_TYPE_GEOMETRY,
]);

/** Most clients send text with a text type, and bytes with a blob's; text that is none stays bytes too. */
function bytesOrText(bytes: Uint8Array, type: number): Value {
  if (BLOB_TYPES.has(type) || bytes.includes(0)) return bytes;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes;
  }
}
