/**
 * Finds the end of every response, from a few bytes of each of its packets.
 *
 * One table says which grammar answers which command; one small machine per grammar follows the packets. The tracker
 * only watches: whatever it sees, the bytes go through. Commands may be pipelined; their responses come in order.
 *
 * Sources: "Command Phase" and "COM_QUERY Response" in the protocol documentation, and what MySQL 9.7 and MariaDB 10.11
 * were seen to send where that is silent (metadata flag after the column count, out parameters, cursors).
 *
 * @module
 */
import { Command } from "./command.ts";
import type { PacketVisitor } from "./packet_walker.ts";
import { ServerStatus } from "./status.ts";

/** How a command is answered. */
export type ResponseGrammar =
  /** Not at all. */
  | "none"
  /** One packet, whatever it is. */
  | "single"
  /** OK, ERR, a request for a local file, or a result set; more of them while the status says so. */
  | "result"
  /** A statement's id and the definitions of its parameters and columns. */
  | "prepare"
  /** Column definitions up to an EOF. */
  | "fields"
  /** Rows up to an EOF. */
  | "rows"
  /** Packets without end; the client may send some too. An EOF or ERR ends it. */
  | "stream"
  /** An exchange of authentication packets up to OK or ERR. */
  | "authentication"
  /** After an OK the connection speaks another protocol for good. */
  | "handover";

/** The grammar of each command that is not answered by one packet. */
const GRAMMARS: Readonly<Record<number, ResponseGrammar>> = {
  [Command.COM_QUIT]: "none",
  [Command.COM_QUERY]: "result",
  [Command.COM_FIELD_LIST]: "fields",
  [Command.COM_PROCESS_INFO]: "result",
  [Command.COM_CHANGE_USER]: "authentication",
  [Command.COM_BINLOG_DUMP]: "stream",
  [Command.COM_BINLOG_DUMP_GTID]: "stream",
  [Command.COM_STMT_PREPARE]: "prepare",
  [Command.COM_STMT_EXECUTE]: "result",
  [Command.COM_STMT_BULK_EXECUTE]: "result",
  [Command.COM_STMT_SEND_LONG_DATA]: "none",
  [Command.COM_STMT_CLOSE]: "none",
  [Command.COM_STMT_FETCH]: "rows",
  [Command.COM_CLONE]: "handover",
  [Command.COM_SUBSCRIBE_GROUP_REPLICATION_STREAM]: "handover",
  [Command.COM_MULTI]: "result",
};

/** How `command` (the first byte of a command packet) is answered. */
export function responseGrammar(command: number): ResponseGrammar {
  return GRAMMARS[command] ?? "single";
}

/** What the two sides agreed on at login, as far as it changes how responses look. */
export interface ResponseFormat {
  /** CLIENT_DEPRECATE_EOF: no EOF after definitions, and an OK with header 0xfe after rows. */
  readonly deprecateEof: boolean;
  /** CLIENT_OPTIONAL_RESULTSET_METADATA or MARIADB_CLIENT_CACHE_METADATA: a byte says whether definitions follow. */
  readonly optionalMetadata: boolean;
}

const Phase = {
  idle: 0,
  first: 1,
  definitions: 2,
  definitionsEnd: 3,
  rows: 4,
  localInfile: 5,
  prepare: 6,
  fields: 7,
  single: 8,
  stream: 9,
  authentication: 10,
  handover: 11,
  foreign: 12,
} as const;
type Phase = typeof Phase[keyof typeof Phase];

const FIRST_PHASE: Readonly<Record<ResponseGrammar, Phase>> = {
  none: Phase.idle,
  single: Phase.single,
  result: Phase.first,
  prepare: Phase.prepare,
  fields: Phase.fields,
  rows: Phase.rows,
  stream: Phase.stream,
  authentication: Phase.authentication,
  handover: Phase.handover,
};

/** The phase that each command begins with; idle for one without a response. A table, for it is read for every query. */
const FIRST_PHASE_OF = Uint8Array.from({ length: 256 }, (_, command) => FIRST_PHASE[responseGrammar(command)]);

const OK = 0x00;
const LOCAL_INFILE = 0xfb;
const EOF = 0xfe;
const ERR = 0xff;
/** MariaDB reports progress in an ERR packet with this number; it ends nothing. */
const PROGRESS = 0xffff;

/** Follows the responses of one server connection. Give it to a `PacketWalker` over the server's bytes. */
export class ResponseTracker implements PacketVisitor {
  readonly #format: ResponseFormat;
  #phase: number = Phase.idle;
  /** The command that is being answered; meaningful unless idle. */
  #command = 0;
  /** Commands sent after it, in order. */
  readonly #queue: number[] = [];
  /** Column definitions still to come in the current group. */
  #definitions = 0;
  /** For a prepared statement: columns whose definitions follow those of the parameters, or 0. */
  #columns = 0;
  /** The response is that of a prepare, which has no rows. */
  #preparing = false;
  /** The result set carries out parameters, and the status that counts came with its definitions. */
  #outParameters = false;
  /** The definitions of this prepare are left out, only their EOFs come. */
  #withoutDefinitions = false;

  /** The status flags of the last OK or EOF. */
  serverStatus = 0;
  /** How many responses have ended. */
  completed = 0;
  /** How many of them ended with an ERR packet. */
  errors = 0;
  /** Packets that came while no command was waiting for an answer. */
  unsolicited = 0;
  /** Whether the last response that ended was the refusal of a change of user, after which MySQL closes. */
  changeRefused = false;
  /** Whether a packet of the current response has gone by since the client last had the turn. */
  started = false;

  constructor(format: ResponseFormat) {
    this.#format = format;
  }

  /** Whether nothing is being answered. */
  get idle(): boolean {
    return this.#phase === Phase.idle;
  }

  /** How many commands wait for the end of their response. */
  get pending(): number {
    return this.#phase === Phase.idle ? 0 : 1 + this.#queue.length;
  }

  /** Whether a transaction is open, by the last status the server sent. */
  get inTransaction(): boolean {
    return (this.serverStatus & ServerStatus.SERVER_STATUS_IN_TRANS) !== 0;
  }

  /** The command that is being answered, or `undefined` when idle. */
  get command(): number | undefined {
    return this.#phase === Phase.idle ? undefined : this.#command;
  }

  /** Whether the server has asked for a local file and waits for its content. */
  get wantsLocalInfile(): boolean {
    return this.#phase === Phase.localInfile;
  }

  /** Whether the next packet is a row, or ends the rows. */
  get inRows(): boolean {
    return this.#phase === Phase.rows;
  }

  /** Whether the next packet begins a result, or is all there is to it. */
  get atResult(): boolean {
    return this.#phase === Phase.first || this.#phase === Phase.single || this.#phase === Phase.localInfile;
  }

  /** Whether packets of the client belong to the exchange at hand and are not commands. */
  get inExchange(): boolean {
    if (this.#phase === Phase.authentication || this.#phase === Phase.stream || this.#phase === Phase.foreign) {
      return true;
    }
    return this.#queue.length > 0 && isExchange(this.#queue.at(-1)!);
  }

  /** Whether the connection has been handed over to a protocol that is not followed. */
  get foreign(): boolean {
    return this.#phase === Phase.foreign;
  }

  /** Whether the response has no end to wait for: a stream of a replica, or another protocol. */
  get endless(): boolean {
    return this.#phase === Phase.stream || this.#phase === Phase.foreign;
  }

  /** Takes the first status from the OK packet, at `ok[start..end)`, that ended the login. */
  loggedIn(ok: Uint8Array, start: number, end: number): void {
    this.#readStatus(ok, start, end);
  }

  /** The client has sent `command`; its response comes after those of the commands before it. */
  expect(command: number): void {
    const phase = FIRST_PHASE_OF[command]!;
    if (phase === Phase.idle) return;
    if (this.#phase !== Phase.idle) {
      this.#queue.push(command);
      return;
    }
    this.#command = command;
    this.#phase = phase;
    this.started = false;
  }

  /** The client has sent a packet that belongs to the exchange at hand. */
  exchanged(): void {
    if (this.#phase === Phase.authentication) this.started = false;
  }

  /** The client has sent the empty packet that ends its local file; the server's verdict follows. */
  localInfileSent(): void {
    if (this.#phase !== Phase.localInfile) return;
    this.#phase = Phase.first;
    this.started = false;
  }

  packet(bytes: Uint8Array, start: number, end: number, length: number): void {
    const first = start < end ? bytes[start]! : OK;
    this.started = true;
    if (this.#phase === Phase.rows && first < EOF) return;
    if (first === ERR && this.#phase !== Phase.foreign) return this.#error(bytes, start, end);
    switch (this.#phase) {
      case Phase.idle:
        this.unsolicited++;
        return;
      case Phase.first:
      case Phase.localInfile:
        return this.#firstPacket(bytes, start, end, length);
      case Phase.definitions:
        if (--this.#definitions === 0) this.#definitionsDone();
        return;
      case Phase.definitionsEnd:
        return this.#definitionsEof(bytes, start, end);
      case Phase.rows:
        if (this.#isEof(first, length)) this.#resultSetDone(bytes, start, end);
        return;
      case Phase.prepare:
        return this.#prepared(bytes, start, end);
      case Phase.fields:
      case Phase.stream:
        if (this.#isEof(first, length)) {
          this.#readStatus(bytes, start, end);
          this.#finish();
        }
        return;
      case Phase.authentication:
        if (first !== OK) return;
        this.#readStatus(bytes, start, end);
        return this.#finish();
      case Phase.single:
        if (this.#command !== Command.COM_STATISTICS) this.#readStatus(bytes, start, end);
        return this.#finish();
      case Phase.handover:
        this.#phase = Phase.foreign;
        return;
      case Phase.foreign:
        return;
    }
  }

  #finish(): void {
    this.completed++;
    this.started = false;
    this.changeRefused = false;
    this.#phase = Phase.idle;
    this.#preparing = false;
    this.#outParameters = false;
    if (this.#queue.length > 0) this.expect(this.#queue.shift()!);
  }

  #error(bytes: Uint8Array, start: number, end: number): void {
    if (end - start >= 3 && (bytes[start + 1]! | bytes[start + 2]! << 8) === PROGRESS) return;
    if (this.#phase === Phase.idle) {
      this.unsolicited++;
      return;
    }
    // A failed statement rolls nothing back by itself, and an ERR packet has no status: the flags stay, but nothing
    // follows an error.
    this.serverStatus &= ~ServerStatus.SERVER_MORE_RESULTS_EXISTS;
    this.errors++;
    const changeRefused = this.#phase === Phase.authentication;
    this.#finish();
    this.changeRefused = changeRefused;
  }

  #firstPacket(bytes: Uint8Array, start: number, end: number, length: number): void {
    const first = start < end ? bytes[start]! : OK;
    if (first === OK || (first === EOF && length < 9)) {
      this.#readStatus(bytes, start, end);
      return this.#resultDone(this.serverStatus);
    }
    if (first === LOCAL_INFILE) {
      this.#phase = Phase.localInfile;
      return;
    }
    const width = lengthEncodedWidth(first);
    this.#definitions = width === 1 ? first : lengthEncoded(bytes, start, end);
    const flagAt = start + width;
    if (this.#format.optionalMetadata && flagAt < end && bytes[flagAt] === 0) this.#definitions = 0;
    if (this.#definitions > 0) this.#phase = Phase.definitions;
    else this.#definitionsDone();
  }

  #definitionsDone(): void {
    if (!this.#format.deprecateEof) this.#phase = Phase.definitionsEnd;
    else this.#groupDone();
  }

  #definitionsEof(bytes: Uint8Array, start: number, end: number): void {
    this.#readStatus(bytes, start, end);
    const status = this.serverStatus;
    // MySQL 9.7 does this when a statement that had a cursor is run without one: an OK, and neither EOF nor rows.
    if (bytes[start] === OK && !this.#preparing) return this.#resultDone(status);
    this.#outParameters = (status & ServerStatus.SERVER_PS_OUT_PARAMS) !== 0;
    const cursorOpened = !this.#preparing && this.#command === Command.COM_STMT_EXECUTE &&
      (status & ServerStatus.SERVER_STATUS_CURSOR_EXISTS) !== 0 &&
      (status & ServerStatus.SERVER_MORE_RESULTS_EXISTS) === 0;
    if (cursorOpened) this.#finish();
    else this.#groupDone();
  }

  /** All definitions of a group have come, with their EOF: of a result set, or of a statement's parameters or columns. */
  #groupDone(): void {
    if (!this.#preparing) this.#phase = Phase.rows;
    else if (this.#columns > 0) this.#beginColumns();
    else this.#finish();
  }

  #prepared(bytes: Uint8Array, start: number, end: number): void {
    // 00, statement id (4), columns (2), parameters (2), filler, warnings (2), and whether definitions follow.
    if (end - start < 9) return this.#finish();
    const columns = bytes[start + 5]! | bytes[start + 6]! << 8;
    const parameters = bytes[start + 7]! | bytes[start + 8]! << 8;
    this.#preparing = true;
    this.#columns = columns;
    this.#withoutDefinitions = this.#format.optionalMetadata && end - start > 12 && bytes[start + 12] === 0;
    if (parameters > 0) this.#beginDefinitions(parameters);
    else if (columns > 0) this.#beginColumns();
    else this.#finish();
  }

  #beginColumns(): void {
    const columns = this.#columns;
    this.#columns = 0;
    this.#beginDefinitions(columns);
  }

  #beginDefinitions(count: number): void {
    this.#definitions = this.#withoutDefinitions ? 0 : count;
    if (this.#definitions > 0) this.#phase = Phase.definitions;
    else this.#definitionsDone();
  }

  #resultSetDone(bytes: Uint8Array, start: number, end: number): void {
    const before = this.serverStatus;
    this.#readStatus(bytes, start, end);
    // MySQL clears the flag on the EOF after out parameters although an OK follows; the EOF before them was right.
    const status = this.#outParameters ? before : this.serverStatus;
    this.#outParameters = false;
    this.#resultDone(status);
  }

  #resultDone(status: number): void {
    if (this.#command !== Command.COM_STMT_FETCH && (status & ServerStatus.SERVER_MORE_RESULTS_EXISTS) !== 0) {
      this.#phase = Phase.first;
    } else {
      this.#finish();
    }
  }

  #isEof(first: number, length: number): boolean {
    // A row can begin with 0xfe too, as the length of a value of 16 MB and more: then the packet is as long.
    return first === EOF && length < (this.#format.deprecateEof ? 0xffffff : 9);
  }

  /** Takes the status flags out of an OK (header 0x00 or 0xfe) or EOF packet. */
  #readStatus(bytes: Uint8Array, start: number, end: number): void {
    let at = start + 1;
    if (bytes[start] === EOF && !(this.#format.deprecateEof && end - start >= 7)) {
      at += 2;
    } else {
      if (at < end) at += lengthEncodedWidth(bytes[at]!);
      if (at < end) at += lengthEncodedWidth(bytes[at]!);
    }
    if (at + 2 <= end) this.serverStatus = bytes[at]! | bytes[at + 1]! << 8;
  }
}

function isExchange(command: number): boolean {
  const grammar = responseGrammar(command);
  return grammar === "authentication" || grammar === "stream" || grammar === "handover";
}

/** How many bytes a length-encoded integer takes, by its first byte. */
function lengthEncodedWidth(first: number): number {
  return first < 0xfb ? 1 : first === 0xfc ? 3 : first === 0xfd ? 4 : first === 0xfe ? 9 : 1;
}

/** A length-encoded integer of more than one byte; a column count never needs more than three of them. */
function lengthEncoded(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 3) return 0;
  const low = bytes[start + 1]! | bytes[start + 2]! << 8;
  return bytes[start] === 0xfc || end - start < 4 ? low : low | bytes[start + 3]! << 16;
}
