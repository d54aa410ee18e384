/**
 * One client of a demo server, from the handshake to the end.
 *
 * @module
 */
import { ServerLogin } from "../../lib/core/server_login.ts";
import type { LoggedIn, ServerLoginStep } from "../../lib/core/server_login_step.ts";
import type { Stream } from "../../lib/net/stream.ts";
import type { TlsPeer } from "../../lib/net/tls_engine.ts";
import { Command } from "../../lib/protocol/command.ts";
import { CompressedChannel } from "../../lib/protocol/compressed_packet.ts";
import { encodeErr } from "../../lib/protocol/err.ts";
import { ProtocolError } from "../../lib/protocol/error.ts";
import { encodeOk } from "../../lib/protocol/ok.ts";
import { type Packet, PacketReader } from "../../lib/protocol/packet.ts";
import { Commands } from "./commands.ts";
import type { Offer } from "./offer.ts";
import { Response } from "./response.ts";
import type { Process } from "./sql/schema_sources.ts";
import { Session, type SessionServer } from "./sql/session.ts";
import { SqlError } from "./sql/sql_error.ts";
import { MAX_ALLOWED_PACKET } from "./sql/variables.ts";

/** So many commands may wait; a client that sends more without reading the answers is not read any further. */
const QUEUE_LIMIT = 64;

/** How long a client may take to log in, as MySQL's connect_timeout. */
const LOGIN_MS = 10_000;

/** What the next packet is. */
type Phase =
  | { readonly kind: "login" }
  /** The answer to an auth switch request after COM_CHANGE_USER. */
  | { readonly kind: "change" }
  | { readonly kind: "commands" };

/** One connection. */
export class Connection {
  readonly id: number;
  readonly #stream: Stream;
  readonly #offer: Offer;
  readonly #login: ServerLogin;
  readonly #session: Session;
  readonly #commands: Commands;
  readonly #reader = new PacketReader({ maxLength: MAX_ALLOWED_PACKET });
  readonly #queue: Packet[] = [];
  readonly #write = (bytes: Uint8Array): Promise<void> =>
    this.#stream.write(this.#channel === undefined ? bytes : this.#channel.encode(bytes, false));
  #phase: Phase = { kind: "login" };
  #client: LoggedIn | undefined;
  #channel: CompressedChannel | undefined;
  #peer: TlsPeer | undefined;
  #pump: Promise<void> | undefined;
  #ended = false;
  #since = Date.now();

  constructor(id: number, stream: Stream, server: SessionServer, offer: Offer) {
    this.id = id;
    this.#stream = stream;
    this.#offer = offer;
    this.#login = new ServerLogin({ ...offer.login, connectionId: id });
    this.#session = new Session(id, server);
    this.#commands = new Commands(this.#session, () => this.#client?.capabilities ?? 0n);
  }

  /** Serves the client until either side has had enough. Never rejects. */
  async run(): Promise<void> {
    const late = setTimeout(() => this.#phase.kind === "login" && this.close(), LOGIN_MS);
    await this.#stream.write(this.#login.greeting());
    await this.#stream.run({
      data: (view) => this.#receive(view),
      busy: () => !this.#reader.idle,
      broken: () => this.close(),
    });
    clearTimeout(late);
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
    if (what === "connection") this.#end();
  }

  /** Whether nothing more is served, although the client may not have noticed yet. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What SHOW STATUS says about this connection. */
  get status(): [string, string][] {
    return [
      ["Compression", this.#client?.compression === undefined ? "OFF" : "ON"],
      ["Compression_algorithm", this.#client?.compression ?? ""],
      ["Ssl_cipher", this.#peer?.cipher ?? ""],
      ["Ssl_version", this.#peer?.protocol ?? ""],
    ];
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
    if (this.#phase.kind === "login") return this.#settle(this.#login.receive(view));
    try {
      this.#queue.push(...this.#reader.push(this.#channel === undefined ? view : this.#channel.decode(view)));
    } catch (error) {
      this.#refuse(error, new Response(0, this.#write));
      return undefined;
    }
    if (this.#queue.length > 0) this.#pump ??= this.#work();
    return this.#queue.length > QUEUE_LIMIT ? this.#pump : undefined;
  }

  /** Does what the login, or a change of user, has come to. */
  #settle(step: ServerLoginStep): Promise<void> | undefined {
    if (step.write.length > 0) this.#write(step.write);
    switch (step.kind) {
      case "more":
        return undefined;
      case "secure":
        this.#secure(step.rest);
        return undefined;
      case "refused":
        this.#end();
        return undefined;
      case "accepted":
        this.#enter(step.client, new Response(step.sequenceId, this.#write));
        return step.rest.length > 0 ? this.#receive(step.rest) : undefined;
    }
  }

  #secure(first: Uint8Array): void {
    const { tls } = this.#offer;
    if (tls === undefined) throw new TypeError("A client was offered TLS where there is none");
    this.#stream.secure(tls.context, first, (outcome) => {
      if (outcome.kind === "secured") this.#peer = outcome.peer;
      else this.close();
    });
  }

  /** Begins the session of a client whose password was right. */
  #enter(client: LoggedIn, response: Response): void {
    this.#client = client;
    this.#session.user = `${client.username}@localhost`;
    this.#session.database = undefined;
    try {
      if (client.database !== undefined) this.#session.use(client.database);
    } catch (error) {
      this.#refuse(error, response);
      return;
    }
    response.add(encodeOk({ status: this.#session.status, info: client.info }, client.capabilities));
    response.flush();
    this.#phase = { kind: "commands" };
    const { compression, zstdLevel } = client;
    // From here on; it stays as it is when the user changes.
    if (compression === undefined) return;
    this.#channel ??= new CompressedChannel(compression, zstdLevel === undefined ? {} : { level: zstdLevel });
  }

  async #work(): Promise<void> {
    for (let packet; !this.#ended && (packet = this.#queue.shift()) !== undefined;) {
      this.#since = Date.now();
      const response = new Response(packet.lastSequenceId + 1, this.#write);
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
    if (this.#phase.kind === "change") {
      this.#settle(this.#login.take(packet));
      return;
    }
    if (packet.sequenceId !== 0) throw new SqlError(1156, "08S01", "Got packets out of order");
    const { payload } = packet;
    switch (payload[0]) {
      case Command.COM_QUIT:
        this.#ended = true;
        return;
      case Command.COM_CHANGE_USER:
        if (this.#client === undefined) throw new TypeError("A command came before the login");
        this.#commands.reset();
        // If this fails the connection ends: the session of the user before is gone.
        this.#phase = { kind: "change" };
        this.#settle(this.#login.changeUser(packet, this.#client));
        return;
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
    this.#end();
  }

  /** Serves nothing more. */
  #end(): void {
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
