/**
 * A small MySQL client for the demo's tour: one connection, text queries and prepared statements, every wait bounded.
 * It uses TLS where that is offered, and does not ask who the server is: it is on this machine.
 *
 * @module
 */
import { parseAddress, resolveAddress } from "../../lib/net/address.ts";
import { connect } from "../../lib/net/connect.ts";
import type { Stream } from "../../lib/net/stream.ts";
import { clientTlsContext } from "../../lib/net/tls_context.ts";
import type { TlsPeer } from "../../lib/net/tls_engine.ts";
import { tlsAvailable } from "../../lib/net/tls_provider.ts";
import { parseAuthMoreData, parseAuthSwitchRequest } from "../../lib/protocol/auth_switch.ts";
import type { BinaryValue } from "../../lib/protocol/binary_value.ts";
import { parseBinaryRow } from "../../lib/protocol/binary_row.ts";
import { Capability, hasCapability } from "../../lib/protocol/capability.ts";
import { type ColumnDefinition, parseColumnDefinition } from "../../lib/protocol/column_definition.ts";
import { ColumnType } from "../../lib/protocol/column_type.ts";
import { Command } from "../../lib/protocol/command.ts";
import { isEof } from "../../lib/protocol/eof.ts";
import { isErr, parseErr } from "../../lib/protocol/err.ts";
import { parseHandshake } from "../../lib/protocol/handshake.ts";
import { encodeHandshakeResponse } from "../../lib/protocol/handshake_response.ts";
import { isOk, isResultSetEnd, parseOk } from "../../lib/protocol/ok.ts";
import { encodePacket, type Packet, PacketReader } from "../../lib/protocol/packet.ts";
import { encodeQuery } from "../../lib/protocol/query.ts";
import { parseResultSetHeader } from "../../lib/protocol/result_set.ts";
import { nonceOf, scrambleCachingSha2, scrambleNativePassword } from "../../lib/protocol/scramble.ts";
import { parsePrepareOk } from "../../lib/protocol/statement.ts";
import { encodeStatementExecute } from "../../lib/protocol/statement_execute.ts";
import { decodeText, encodeText } from "../../lib/protocol/text.ts";
import { parseTextRow } from "../../lib/protocol/text_row.ts";

/** What went wrong: the server said no, the connection ended, or time was up. */
export type ClientErrorCode = "refused" | "closed" | "timed-out" | "unexpected";

/** An error of the client; `errorNumber` and `sqlState` are those of the server's ERR packet. */
export class ClientError extends Error {
  readonly code: ClientErrorCode;
  readonly errorNumber: number | undefined;
  readonly sqlState: string | undefined;

  constructor(code: ClientErrorCode, message: string, err?: { errorNumber: number; sqlState?: string }) {
    super(message);
    this.name = "ClientError";
    this.code = code;
    this.errorNumber = err?.errorNumber;
    this.sqlState = err?.sqlState;
  }
}

/** How to connect. */
export interface ClientOptions {
  /** `HOST:PORT`, or the path of a Unix socket. */
  readonly address: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** The longest wait for connecting and for each answer, in seconds. */
  readonly timeout: number;
}

/** The answer to a statement; values as text, as a client would show them. */
export interface ClientResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly affectedRows: number;
  readonly lastInsertId: number;
}

const CAPABILITIES = Capability.CLIENT_LONG_PASSWORD | Capability.CLIENT_LONG_FLAG |
  Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_TRANSACTIONS | Capability.CLIENT_SECURE_CONNECTION |
  Capability.CLIENT_PLUGIN_AUTH | Capability.CLIENT_CONNECT_WITH_DB | Capability.CLIENT_DEPRECATE_EOF;

/** utf8mb4_general_ci. */
const CHARSET = 45;

const MAX_PACKET = 0xffffff;

/** One connection. */
export class Client {
  readonly #stream: Stream;
  readonly #timeout: number;
  readonly #reader = new PacketReader();
  readonly #packets: Packet[] = [];
  #closed = false;
  #arrived: (() => void) | undefined;
  #nextSequenceId = 0;
  #capabilities = CAPABILITIES;
  #peer: TlsPeer | undefined;

  private constructor(stream: Stream, timeout: number) {
    this.#stream = stream;
    this.#timeout = timeout;
    const ended = () => {
      this.#closed = true;
      this.#arrived?.();
    };
    stream.run({
      data: (view) => {
        this.#packets.push(...this.#reader.push(view));
        this.#arrived?.();
        return undefined;
      },
      busy: () => false,
      broken: ended,
    }).then(ended, ended);
  }

  /**
   * Connects and logs in.
   *
   * @throws {ClientError}
   * @throws {NetError}
   */
  static async connect(options: ClientOptions): Promise<Client> {
    const address = await resolveAddress(parseAddress(options.address));
    const client = new Client(await connect(address, { timeout: options.timeout }), options.timeout);
    try {
      await client.#logIn(options);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** Runs a statement as text. @throws {ClientError} */
  async query(sql: string): Promise<ClientResult> {
    this.#begin(encodeQuery(sql, this.#capabilities));
    return await this.#result("text");
  }

  /** Prepares a statement, runs it with text parameters, and closes it. @throws {ClientError} */
  async execute(sql: string, parameters: readonly string[]): Promise<ClientResult> {
    const text = encodeText(sql);
    const prepare = new Uint8Array(text.length + 1);
    prepare[0] = Command.COM_STMT_PREPARE;
    prepare.set(text, 1);
    this.#begin(prepare);
    const { statementId, parameterCount, columnCount } = parsePrepareOk(await this.#answer(), this.#capabilities);
    for (const definitions of [parameterCount, columnCount]) {
      for (let left = definitions; left > 0; left--) await this.#answer();
      if (definitions > 0) await this.#definitionsEnd();
    }
    this.#begin(encodeStatementExecute({
      statementId,
      flags: 0,
      iterations: 1,
      typesSent: true,
      parameters: parameters.map((value) => ({
        type: ColumnType.MYSQL_TYPE_VAR_STRING,
        unsigned: false,
        value: encodeText(value),
      })),
    }, this.#capabilities));
    const result = await this.#result("binary");
    this.#begin(
      Uint8Array.of(
        Command.COM_STMT_CLOSE,
        statementId & 255,
        statementId >> 8 & 255,
        statementId >> 16 & 255,
        statementId >>> 24,
      ),
    );
    return result;
  }

  /** How the connection is encrypted; undefined if it is not. */
  get tls(): TlsPeer | undefined {
    return this.#peer;
  }

  /** Says goodbye. */
  close(): void {
    if (!this.#closed) this.#begin(Uint8Array.of(Command.COM_QUIT));
    this.#closed = true;
    this.#stream.end(false);
  }

  async #logIn({ user, password, database }: ClientOptions): Promise<void> {
    const handshake = parseHandshake(await this.#answer());
    this.#capabilities = CAPABILITIES & (handshake.capabilities | Capability.CLIENT_LONG_PASSWORD);
    if (hasCapability(handshake.capabilities, Capability.CLIENT_SSL) && tlsAvailable()) await this.#secure();
    let authPluginName = handshake.authPluginName ?? "mysql_native_password";
    const scramble = (nonce: Uint8Array) =>
      authPluginName === "mysql_native_password"
        ? scrambleNativePassword(password, nonce)
        : scrambleCachingSha2(password, nonce);
    this.#send(encodeHandshakeResponse({
      kind: "response41",
      capabilities: this.#capabilities,
      maxPacketSize: MAX_PACKET,
      charset: CHARSET,
      username: user,
      authResponse: scramble(handshake.authData),
      database,
      authPluginName,
    }));
    for (;;) {
      const payload = await this.#answer();
      if (isOk(payload)) return;
      if (payload[0] === 0xfe) {
        const request = parseAuthSwitchRequest(payload);
        if (request.kind !== "plugin") {
          throw new ClientError("unexpected", "The server wants a password from before 4.1");
        }
        authPluginName = request.pluginName;
        this.#send(scramble(nonceOf(request.data)));
      } else if (parseAuthMoreData(payload)[0] !== 0x03) {
        throw new ClientError("unexpected", "The server wants the whole password, which this client does not send");
      }
    }
  }

  async #secure(): Promise<void> {
    this.#capabilities |= Capability.CLIENT_SSL;
    const capabilities = this.#capabilities;
    this.#send(
      encodeHandshakeResponse({ kind: "ssl-request", capabilities, maxPacketSize: MAX_PACKET, charset: CHARSET }),
    );
    this.#stream.secure(clientTlsContext({ verification: "none" }), new Uint8Array(), (outcome) => {
      if (outcome.kind === "secured") this.#peer = outcome.peer;
      else this.#closed = true;
      this.#arrived?.();
    });
    this.#nextSequenceId++;
    await this.#until(() => this.#peer !== undefined);
  }

  async #result(format: "text" | "binary"): Promise<ClientResult> {
    const first = await this.#answer();
    if (isOk(first)) {
      const { affectedRows, lastInsertId } = parseOk(first, this.#capabilities);
      return { columns: [], rows: [], affectedRows: Number(affectedRows), lastInsertId: Number(lastInsertId) };
    }
    const { columnCount } = parseResultSetHeader(first, this.#capabilities);
    const columns: ColumnDefinition[] = [];
    while (columns.length < columnCount) {
      columns.push(parseColumnDefinition(await this.#answer(), this.#capabilities));
    }
    await this.#definitionsEnd();
    const rows: (string | null)[][] = [];
    for (let row; !isResultSetEnd(row = await this.#answer(), this.#capabilities);) {
      const values = format === "text" ? parseTextRow(row, columns.length) : parseBinaryRow(row, columns);
      rows.push(values.map(show));
    }
    return { columns: columns.map(({ name }) => name), rows, affectedRows: 0, lastInsertId: 0 };
  }

  /** Takes the EOF packet behind definitions, from servers that still send it. */
  async #definitionsEnd(): Promise<void> {
    if (hasCapability(this.#capabilities, Capability.CLIENT_DEPRECATE_EOF)) return;
    if (!isEof(await this.#answer())) throw new ClientError("unexpected", "Expected an EOF packet");
  }

  /** Sends the first packet of a command. */
  #begin(payload: Uint8Array): void {
    this.#nextSequenceId = 0;
    this.#send(payload);
  }

  #send(payload: Uint8Array): void {
    this.#stream.write(encodePacket(payload, this.#nextSequenceId));
  }

  /** The next payload. @throws {ClientError} what an ERR packet says, or if there is none in time. */
  async #answer(): Promise<Uint8Array> {
    await this.#until(() => this.#packets.length > 0);
    const packet = this.#packets.shift();
    if (packet === undefined) throw new TypeError("No packet after waiting for it");
    this.#nextSequenceId = packet.lastSequenceId + 1;
    if (!isErr(packet.payload)) return packet.payload;
    const err = parseErr(packet.payload);
    throw new ClientError("refused", err.message, err);
  }

  /** @throws {ClientError} if the connection ends before `done()` is true, or time is up. */
  async #until(done: () => boolean): Promise<void> {
    const deadline = Date.now() + this.#timeout * 1000;
    while (!done()) {
      if (this.#closed) throw new ClientError("closed", "The server closed the connection");
      if (Date.now() >= deadline) throw new ClientError("timed-out", `No answer within ${this.#timeout} s`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#arrived = resolve;
      const timer = setTimeout(resolve, Math.max(deadline - Date.now(), 0));
      await promise;
      clearTimeout(timer);
      this.#arrived = undefined;
    }
  }
}

function show(value: BinaryValue): string | null {
  if (value === null) return null;
  if (value instanceof Uint8Array) return decodeText(value);
  if (typeof value !== "object") return String(value);
  const two = (part: number) => String(part).padStart(2, "0");
  const clock = `${two(value.hour)}:${two(value.minute)}:${two(value.second)}`;
  if (value.kind === "time") return `${value.negative ? "-" : ""}${clock}`;
  const date = `${value.year}-${two(value.month)}-${two(value.day)}`;
  return value.hour + value.minute + value.second === 0 ? date : `${date} ${clock}`;
}
