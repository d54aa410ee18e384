/**
 * A command on a connection of the proxy's own, and its whole response: the server's bytes go in, the outcome comes out.
 *
 * Of several results the first one counts and the others are read to their end, as after CALL. An error behind the first
 * result is the outcome nevertheless: who sees only rows would take the whole for done.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response.html
 *
 * @module
 */
import {
  Capability,
  encodePacket,
  hasCapability,
  isEof,
  isErr,
  isLocalInfileRequest,
  isOk,
  isResultSetEnd,
  PacketReader,
  parseColumnDefinition,
  parseEof,
  parseErr,
  parseOk,
  parseResultSetHeader,
  parseTextRow,
  ProtocolError,
  ServerStatus,
  sqlStateOf,
} from "../protocol/mod.ts";
import type { QueryOutcome } from "../script/mod.ts";

/** What came of a command, and what it tells about the connection. */
export interface ClientResult {
  readonly outcome: QueryOutcome;
  /** The session has another default database since. */
  readonly schemaChanged: boolean;
}

type Column = Extract<QueryOutcome, { kind: "rows" }>["columns"][number];
type Row = Extract<QueryOutcome, { kind: "rows" }>["rows"][number];

type Phase = "first" | "definitions" | "definitions-end" | "rows" | "over";

/** What a value takes in memory beside its bytes, roughly. Rows of nothing but NULL must not be free. */
const VALUE_BYTES = 64;

/** One command, which must be answered as COM_QUERY is or by a single packet. */
export class ClientQuery {
  readonly #payload: Uint8Array;
  readonly #capabilities: bigint;
  readonly #limit: number;
  readonly #reader: PacketReader;
  #phase: Phase = "first";
  #columns: Column[] = [];
  #rows: Row[] = [];
  #expected = 0;
  #size = 0;
  #outcome: QueryOutcome | undefined;
  #schemaChanged = false;

  /**
   * @param payload the command, unframed.
   * @param capabilities What client and server agreed on.
   * @param limit the longest packet to take, and the memory that a result may take, in bytes.
   */
  constructor(payload: Uint8Array, capabilities: bigint, limit: number) {
    this.#payload = payload;
    this.#capabilities = capabilities;
    this.#limit = limit;
    this.#reader = new PacketReader({ maxLength: limit });
  }

  /** The command, framed. */
  get packet(): Uint8Array {
    return encodePacket(this.#payload, 0);
  }

  /** Whether the response has come to its end. */
  get over(): boolean {
    return this.#phase === "over";
  }

  /**
   * Takes bytes of the server.
   *
   * @returns the result, once the response is whole.
   * @throws {ProtocolError} `too-large` for a result over the limit, other codes for what is no response; the connection is
   * beyond use then.
   */
  receive(chunk: Uint8Array): ClientResult | undefined {
    for (const { payload } of this.#reader.push(chunk)) {
      if (this.over) throw new ProtocolError("malformed", "More came than the response");
      this.#take(payload);
    }
    if (!this.over || this.#outcome === undefined) return undefined;
    return { outcome: this.#outcome, schemaChanged: this.#schemaChanged };
  }

  #take(payload: Uint8Array): void {
    if (isErr(payload)) {
      const { errorNumber, sqlState = sqlStateOf(errorNumber), message } = parseErr(payload);
      this.#outcome = { kind: "error", code: errorNumber, sqlState, message };
      this.#phase = "over";
      return;
    }
    switch (this.#phase) {
      case "first":
        return this.#first(payload);
      case "definitions":
        return this.#definition(payload);
      case "definitions-end":
        if (!isEof(payload)) throw new ProtocolError("malformed", "Expected the end of the column definitions");
        this.#phase = "rows";
        return;
      case "rows":
        return isResultSetEnd(payload, this.#capabilities) ? this.#rowsEnd(payload) : this.#row(payload);
    }
  }

  #first(payload: Uint8Array): void {
    if (isOk(payload)) {
      const { affectedRows, lastInsertId, warnings, status } = this.#ok(payload);
      this.#outcome ??= {
        kind: "ok",
        affectedRows: Number(affectedRows),
        insertId: Number(lastInsertId),
        warnings,
      };
      return this.#resultEnd(status);
    }
    if (isLocalInfileRequest(payload)) {
      throw new ProtocolError("malformed", "Asked for a local file, although none was offered");
    }
    this.#columns = [];
    this.#rows = [];
    this.#expected = parseResultSetHeader(payload, this.#capabilities).columnCount;
    this.#phase = "definitions";
  }

  #definition(payload: Uint8Array): void {
    const { name, type } = parseColumnDefinition(payload, this.#capabilities);
    this.#keep(payload.length + VALUE_BYTES);
    this.#columns.push({ name, type });
    if (this.#columns.length < this.#expected) return;
    this.#phase = hasCapability(this.#capabilities, Capability.CLIENT_DEPRECATE_EOF) ? "rows" : "definitions-end";
  }

  #row(payload: Uint8Array): void {
    // Of a later result.
    if (this.#outcome !== undefined) return;
    this.#keep(payload.length + this.#columns.length * VALUE_BYTES);
    this.#rows.push(parseTextRow(payload, this.#columns.length));
  }

  #rowsEnd(payload: Uint8Array): void {
    this.#outcome ??= { kind: "rows", columns: this.#columns, rows: this.#rows };
    const deprecated = hasCapability(this.#capabilities, Capability.CLIENT_DEPRECATE_EOF);
    this.#resultEnd(deprecated ? this.#ok(payload).status : parseEof(payload).status);
  }

  #ok(payload: Uint8Array): ReturnType<typeof parseOk> {
    const ok = parseOk(payload, this.#capabilities);
    if (ok.sessionState.some(({ kind }) => kind === "schema")) this.#schemaChanged = true;
    return ok;
  }

  #resultEnd(status: number): void {
    this.#phase = (status & ServerStatus.SERVER_MORE_RESULTS_EXISTS) === 0 ? "over" : "first";
  }

  /** @throws {ProtocolError} */
  #keep(bytes: number): void {
    if (this.#outcome !== undefined) return;
    this.#size += bytes;
    if (this.#size > this.#limit) {
      throw new ProtocolError(
        "too-large",
        `The result takes more than ${this.#limit} bytes, ask for fewer rows or columns (LIMIT)`,
      );
    }
  }
}
