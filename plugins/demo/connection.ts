/**
 * One client of a demo server, from the handshake to the end.
 *
 * @module
 */
import type { Stream } from "../../lib/net/stream.ts";
import { Capability, hasCapability } from "../../lib/protocol/capability.ts";
import { parseChangeUser } from "../../lib/protocol/change_user.ts";
import { Command } from "../../lib/protocol/command.ts";
import { encodeErr } from "../../lib/protocol/err.ts";
import { ProtocolError } from "../../lib/protocol/error.ts";
import { encodeHandshake } from "../../lib/protocol/handshake.ts";
import { parseHandshakeResponse } from "../../lib/protocol/handshake_response.ts";
import { encodeOk } from "../../lib/protocol/ok.ts";
import { type Packet, PacketReader } from "../../lib/protocol/packet.ts";
import { ServerStatus } from "../../lib/protocol/status.ts";
import { Commands } from "./commands.ts";
import { DEFAULT_PLUGIN, Login, newNonce } from "./login.ts";
import { Response } from "./response.ts";
import type { Process } from "./sql/schema_sources.ts";
import { Session, type SessionServer } from "./sql/session.ts";
import { SqlError } from "./sql/sql_error.ts";
import { CHARSET_TEXT } from "./sql/value_type.ts";
import { MAX_ALLOWED_PACKET, SERVER_VERSION } from "./sql/variables.ts";

/** What the servers can do; no TLS, no compression, no LOAD DATA LOCAL. */
export const CAPABILITIES = Capability.CLIENT_LONG_PASSWORD | Capability.CLIENT_FOUND_ROWS |
  Capability.CLIENT_LONG_FLAG | Capability.CLIENT_CONNECT_WITH_DB | Capability.CLIENT_IGNORE_SPACE |
  Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_INTERACTIVE | Capability.CLIENT_TRANSACTIONS |
  Capability.CLIENT_SECURE_CONNECTION | Capability.CLIENT_MULTI_STATEMENTS | Capability.CLIENT_MULTI_RESULTS |
  Capability.CLIENT_PS_MULTI_RESULTS | Capability.CLIENT_PLUGIN_AUTH | Capability.CLIENT_CONNECT_ATTRS |
  Capability.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA | Capability.CLIENT_SESSION_TRACK | Capability.CLIENT_DEPRECATE_EOF;

/** So many commands may wait; a client that sends more without reading the answers is not read any further. */
const QUEUE_LIMIT = 64;

/** What the next packet is. */
type Phase =
  | { readonly kind: "login" }
  /** The answer to an auth switch request. */
  | { readonly kind: "switched"; readonly login: Login; readonly enter: () => void }
  | { readonly kind: "commands" };

/** One connection. */
export class Connection {
  readonly id: number;
  readonly #stream: Stream;
  readonly #server: SessionServer;
  readonly #password: string;
  readonly #session: Session;
  readonly #commands: Commands;
  readonly #reader = new PacketReader({ maxLength: MAX_ALLOWED_PACKET });
  readonly #queue: Packet[] = [];
  readonly #nonce = newNonce();
  #phase: Phase = { kind: "login" };
  #capabilities = 0n;
  #pump: Promise<void> | undefined;
  #ended = false;
  #since = Date.now();

  constructor(id: number, stream: Stream, server: SessionServer, password: string) {
    this.id = id;
    this.#stream = stream;
    this.#server = server;
    this.#password = password;
    this.#session = new Session(id, server);
    this.#commands = new Commands(this.#session, () => this.#capabilities);
  }

  /** Serves the client until either side has had enough. Never rejects. */
  async run(): Promise<void> {
    const handshake = encodeHandshake({
      serverVersion: SERVER_VERSION,
      connectionId: this.id,
      authData: this.#nonce,
      capabilities: CAPABILITIES,
      charset: CHARSET_TEXT,
      status: ServerStatus.SERVER_STATUS_AUTOCOMMIT,
      authPluginName: DEFAULT_PLUGIN,
    });
    const greeting = new Response(0, (bytes) => this.#stream.write(bytes));
    greeting.add(handshake);
    await greeting.flush();
    await this.#stream.run({
      data: (view) => this.#receive(view),
      busy: () => !this.#reader.idle,
      broken: () => this.close(),
    });
    this.close();
    await this.#pump;
    this.#session.reset();
  }

  /** Cuts the connection off. */
  close(): void {
    this.#ended = true;
    this.#session.interruption.raise();
    this.#stream.destroy();
  }

  /** KILL: what runs ends with error 1317, and then the connection if that is meant. */
  kill(what: "query" | "connection"): void {
    this.#session.interruption.raise();
    if (what === "query") return;
    this.#ended = true;
    if (this.#pump === undefined) this.#finish();
  }

  /** Whether nothing more is served, although the client may not have noticed yet. */
  get ended(): boolean {
    return this.#ended;
  }

  /** This connection's line in SHOW PROCESSLIST. */
  get process(): Process {
    const busy = this.#pump !== undefined;
    return {
      id: this.id,
      user: this.#session.user.split("@")[0] || "unauthenticated user",
      host: this.#stream.remote,
      database: this.#session.database,
      command: this.#phase.kind !== "commands" ? "Connect" : busy ? "Query" : "Sleep",
      seconds: Math.floor((Date.now() - this.#since) / 1000),
      info: busy ? this.#commands.running : undefined,
    };
  }

  #receive(view: Uint8Array): Promise<void> | undefined {
    if (this.#ended) return undefined;
    try {
      this.#queue.push(...this.#reader.push(view));
    } catch (error) {
      this.#refuse(error, new Response(0, (bytes) => this.#stream.write(bytes)));
      return undefined;
    }
    if (this.#queue.length > 0) this.#pump ??= this.#work();
    return this.#queue.length > QUEUE_LIMIT ? this.#pump : undefined;
  }

  async #work(): Promise<void> {
    for (let packet; !this.#ended && (packet = this.#queue.shift()) !== undefined;) {
      this.#since = Date.now();
      const response = new Response(packet.lastSequenceId + 1, (bytes) => this.#stream.write(bytes));
      try {
        await this.#handle(packet, response);
        await response.flush();
      } catch (error) {
        // What the answer has so far goes out in front of the error.
        this.#refuse(error, response);
      }
    }
    this.#since = Date.now();
    this.#pump = undefined;
    if (this.#ended) this.#finish();
  }

  async #handle(packet: Packet, response: Response): Promise<void> {
    const expected = this.#phase.kind === "commands" ? 0 : undefined;
    if (expected !== undefined && packet.sequenceId !== expected) {
      throw new SqlError(1156, "08S01", "Got packets out of order");
    }
    switch (this.#phase.kind) {
      case "login":
        return this.#logIn(packet.payload, response);
      case "switched": {
        const { login, enter } = this.#phase;
        return this.#answer(login, DEFAULT_PLUGIN, packet.payload, response, enter);
      }
      case "commands":
        return await this.#command(packet.payload, response);
    }
  }

  #logIn(payload: Uint8Array, response: Response): void {
    const read = parseHandshakeResponse(payload);
    if (read.kind === "response320") {
      throw new SqlError(1251, "08004", "Client does not support authentication protocol requested by server");
    }
    if (read.kind === "ssl-request") throw new SqlError(1043, "08S01", "Bad handshake: this server has no TLS");
    this.#capabilities = read.capabilities & CAPABILITIES;
    const { username, database, authPluginName, authResponse } = read;
    const login = new Login(this.#password, this.#nonce);
    const enter = () => this.#enter(username, database);
    this.#session.user = `${username}@localhost`;
    this.#answer(login, authPluginName, authResponse, response, enter);
  }

  #answer(login: Login, plugin: string | undefined, answer: Uint8Array, response: Response, enter: () => void): void {
    const canSwitch = hasCapability(this.#capabilities, Capability.CLIENT_PLUGIN_AUTH);
    const step = login.answer(this.#session.user, plugin, answer, canSwitch);
    if (step.kind === "switch") {
      response.add(step.request);
      this.#phase = { kind: "switched", login, enter };
      return;
    }
    enter();
    for (const payload of step.before) response.add(payload);
    response.add(encodeOk({ status: this.#session.status }, this.#capabilities));
    this.#phase = { kind: "commands" };
  }

  #enter(username: string, database: string | undefined): void {
    this.#session.user = `${username}@localhost`;
    this.#session.database = undefined;
    if (database !== undefined && database !== "") this.#session.use(database);
  }

  async #command(payload: Uint8Array, response: Response): Promise<void> {
    switch (payload[0]) {
      case Command.COM_QUIT:
        this.#ended = true;
        return;
      case Command.COM_CHANGE_USER: {
        const { username, authResponse, database, authPluginName } = parseChangeUser(payload, this.#capabilities);
        this.#commands.reset();
        this.#session.user = `${username}@localhost`;
        const login = new Login(this.#password, this.#nonce);
        // If this fails the connection ends: the session of the user before is gone.
        this.#phase = { kind: "login" };
        return this.#answer(login, authPluginName, authResponse, response, () => this.#enter(username, database));
      }
      default:
        await this.#commands.run(payload, response);
    }
  }

  /** Tells the client what is wrong. Outside of commands, and after a packet that cannot be read, that is the end. */
  #refuse(error: unknown, response: Response): void {
    const told = toSqlError(error);
    response.add(encodeErr({ errorNumber: told.code, sqlState: told.sqlState, message: told.message }));
    response.flush();
    if (this.#phase.kind === "commands" && error instanceof SqlError && told.code !== 1156) return;
    this.#ended = true;
    if (this.#pump === undefined) this.#finish();
  }

  /** Gives free what the session holds, before the client has closed its side. */
  #finish(): void {
    this.#session.reset();
    this.#stream.end(true);
  }
}

/** What a client is told; an error of this program's own is one, too. */
function toSqlError(error: unknown): SqlError {
  if (error instanceof SqlError) return error;
  if (error instanceof ProtocolError) {
    if (error.code === "too-large") {
      return new SqlError(1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes", { cause: error });
    }
    if (error.code === "out-of-order") return new SqlError(1156, "08S01", "Got packets out of order", { cause: error });
    return new SqlError(1835, "HY000", "Malformed communication packet", { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new SqlError(1105, "HY000", `Unknown error: ${message}`, { cause: error });
}
