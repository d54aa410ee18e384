/**
 * Traffic that a script looks at: one command after the other, each of which the script may let pass, answer, or replace by
 * queries of its own (spec sections 3.3 and 4.2).
 *
 * @module
 */
import {
  Capability,
  Command,
  encodeErr,
  encodeOk,
  encodePacket,
  encodePackets,
  ErrorNumber,
  fragmentCount,
  PacketRenumbering,
  type PacketVisitor,
  PacketWalker,
  responseGrammar,
  ServerStatus,
} from "../protocol/mod.ts";
import { type QueuedQuery, Verdict } from "../script/mod.ts";
import type { Transport } from "./authentication.ts";
import { type ClientPacket, CommandCollector } from "./command_collector.ts";
import { databaseOf } from "./default_database.ts";
import type { PasswordKeys } from "./login_policy.ts";
import { unknown } from "./refusal.ts";
import { ResponseReader } from "./response_reader.ts";
import type { ScriptCalls } from "./script_calls.ts";
import type { Identity, ServerLink } from "./server_link.ts";
import { EVENT_NUMBER as ON, STATE_NUMBER } from "./state.ts";
import type { Traffic, TrafficHost } from "./traffic.ts";
import { type ChangeResult, UserChange } from "./user_change.ts";

/** What a script's traffic needs of the session beyond {@linkcode TrafficHost}. */
export interface ScriptedSession {
  /** The server that is attached now; scripts change it. */
  link(): ServerLink | undefined;
  /** How the client is reached. */
  readonly transport: Transport;
  readonly keys: PasswordKeys;
  /** Whether a side compresses, so that packets have to be numbered anew. */
  compressed(): boolean;
  /** A statement has made this the default database. */
  databaseChanged(name: string): void;
  /** The client is somebody else now, and has asked for this collation. */
  userChanged(identity: Identity, charset: number): void;
  /** The script wants both sides closed after this response. */
  closing(): boolean;
  /** Milliseconds, on the clock of the script's queue. */
  clock(): number;
  report(level: "critical" | "warning", text: string): void;
  /** Everything has been said: both sides are to be closed. */
  end(): void;
  /** Bytes that came before they could be used pile up: take no more of them until the promise has settled. */
  hold(until: Promise<void>): void;
}

/**
 * Whose turn it is. `ready`: a command may come; `response`: the server's; `file`: the client sends a file; `change`: both
 * change the user; `open`: both talk as they like.
 */
type Phase = "ready" | "response" | "file" | "change" | "open";

/** Where a response goes while it comes in. */
type Sink = "client" | "keep" | "drop";

const LOCAL_INFILE = 0xfb;

/** So many bytes of further commands are kept while one is being dealt with. */
const EARLY_LIMIT = 256 * 1024;

/** The traffic of one connection with a script. */
export class ScriptedTraffic implements Traffic, PacketVisitor {
  readonly #host: TrafficHost;
  readonly #session: ScriptedSession;
  readonly #calls: ScriptCalls;
  readonly #commands = new CommandCollector();
  #phase: Phase = "ready";
  /** Commands that came too early. */
  #early: Uint8Array[] = [];
  #earlyLength = 0;
  #room: (() => void) | undefined;
  /** The sequence id of the next packet to the client. */
  #clientNext = 1;
  /** There while a response goes to the client under other sequence ids than it came with. */
  #renumbering: PacketRenumbering | undefined;
  #sink: Sink = "client";
  /** The response at hand: that to a script's query, or that to the client's own command. */
  #reader: ResponseReader | undefined;
  #walker: PacketWalker | undefined;
  /** Walks over what {@linkcode #reader} is told of. */
  readonly #readerWalker = new PacketWalker(this);
  /** The client's packet, while its bytes are there: what the script sends on unchanged need not be framed again. */
  #packet: ClientPacket | undefined;
  /** The client's command, by its first byte. */
  #command: number = Command.COM_SLEEP;
  /** The client has had its answer. */
  #delivered = false;
  /** A request for a file has been passed on to the client, so it must hear how that ended. */
  #fileAsked = false;
  /** The script's own response asks the client for a file, which nobody wants to have. */
  #fileUnread = false;
  /** The database that the command at hand makes the default one, if it succeeds. */
  #database: string | undefined;
  /** How many errors the server had reported when the command at hand was sent. */
  #errors = 0;
  #change: UserChange | undefined;
  #changeRefused = false;
  responses = 0;

  constructor(host: TrafficHost, session: ScriptedSession, calls: ScriptCalls) {
    this.#host = host;
    this.#session = session;
    this.#calls = calls;
  }

  get idle(): boolean {
    return this.#phase === "ready" && this.#commands.atBoundary && !this.#calls.waiting &&
      this.#host.life.number === STATE_NUMBER.READ_QUERY;
  }

  get serverAtRest(): boolean {
    return this.#session.link()?.reusable ?? true;
  }

  get inTransaction(): boolean {
    return this.#session.link()?.tracker.inTransaction ?? false;
  }

  get responding(): boolean {
    return this.#phase === "response" && this.#session.link()?.tracker.started === true;
  }

  get uploading(): boolean {
    return !this.#commands.atBoundary || this.#phase === "file";
  }

  get endless(): boolean {
    return this.#phase === "open";
  }

  get leavesAfterRefusal(): boolean {
    return this.#changeRefused;
  }

  get nextSequenceId(): number | undefined {
    if (this.#phase === "open") return undefined;
    if (this.#change !== undefined) return this.#change.nextSequenceId;
    if (this.#phase === "ready" && this.#commands.atBoundary && !this.#calls.waiting) return 0;
    if (this.#phase !== "response" || this.#sink !== "client" || this.#walker === undefined) return this.#clientNext;
    if (!this.#walker.atBoundary) return undefined;
    const passed = this.#renumbering === undefined && this.#session.link()?.tracker.started === true;
    return passed ? (this.#walker.sequenceId + 1) & 0xff : this.#clientNext;
  }

  // --- the client speaks

  fromClient(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && this.#host.clientOpen;) {
      // The client has said COM_QUIT.
      if (this.#host.life.number === STATE_NUMBER.CLOSE_SERVER) return;
      if (this.#phase === "open") return this.#host.toServer(chunk.subarray(at), false);
      if (this.#phase === "change") {
        at = this.#change!.take("client", chunk, at);
        continue;
      }
      if (this.#phase === "response" || this.#calls.waiting) return this.#keepEarly(chunk.slice(at));
      const taken = this.#commands.take(chunk, at);
      if (taken === undefined) return;
      at = taken.next;
      this.#clientNext = (taken.packet.sequenceId + 1) & 0xff;
      if (this.#phase === "file") this.#filePacket(taken.packet);
      else this.#clientCommand(taken.packet);
    }
  }

  #keepEarly(bytes: Uint8Array): void {
    this.#early.push(bytes);
    this.#earlyLength += bytes.length;
    if (this.#earlyLength < EARLY_LIMIT || this.#room !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#room = resolve;
    this.#session.hold(promise);
  }

  /** Goes on with what came too early. */
  #takeEarly(): void {
    while (this.#early.length > 0 && this.#phase !== "response" && !this.#calls.waiting && this.#host.clientOpen) {
      const bytes = this.#early.shift()!;
      this.#earlyLength -= bytes.length;
      const rest = this.#early;
      this.#early = [];
      this.fromClient(bytes);
      this.#early.push(...rest);
    }
    if (this.#room === undefined || this.#earlyLength >= EARLY_LIMIT) return;
    this.#room();
    this.#room = undefined;
  }

  #clientCommand(packet: ClientPacket): void {
    const { script } = this.#calls;
    this.#delivered = false;
    this.#fileAsked = false;
    this.#changeRefused = false;
    this.#command = packet.payload[0] ?? Command.COM_SLEEP;
    script.queries.length = 0;
    const decision = script.readQuery(packet.payload);
    // The bytes are those of a read buffer, which does not wait.
    const kept = typeof decision === "number" ? packet : copyOf(packet);
    this.#calls.ask(decision, (verdict) => this.#decided(kept, verdict));
  }

  #decided(packet: ClientPacket, verdict: Verdict): void {
    if (!this.#host.clientOpen) return;
    const { script } = this.#calls;
    if (verdict === Verdict.SEND_RESULT) return this.#answered(script.response());
    if (verdict === Verdict.SEND_QUERY && script.queries.length > 0) {
      this.#packet = packet;
      this.#nextQuery();
      this.#packet = undefined;
      return;
    }
    script.queries.length = 0;
    this.#forward(packet);
  }

  #answered(payloads: readonly Uint8Array[]): void {
    // Who says COM_QUIT does not listen any more.
    if (this.#command === Command.COM_QUIT) return this.#session.end();
    this.#host.life.on(ON.answered);
    if (responseGrammar(this.#command) !== "none") this.#deliver(payloads);
    this.#delivered = true;
    if (this.#fileUnread) this.#awaitFile();
    else this.#afterAnswer();
  }

  #afterAnswer(): void {
    const { script } = this.#calls;
    if (script.queries.length > 0 && this.#session.link() !== undefined) return this.#nextQuery();
    script.queries.length = 0;
    this.#done();
  }

  #deliver(payloads: readonly Uint8Array[]): void {
    this.#host.toClient(encodePackets(payloads, this.#clientNext));
    this.#delivered = true;
    this.#fileUnread = payloads.length === 1 && payloads[0]![0] === LOCAL_INFILE &&
      responseGrammar(this.#command) === "result";
  }

  // --- the client's own command

  #forward(packet: ClientPacket): void {
    const link = this.#session.link();
    const { life } = this.#host;
    const command = this.#command;
    if (link === undefined || !this.#host.serverOpen) {
      return command === Command.COM_QUIT ? this.#session.end() : this.#noServer();
    }
    if (command === Command.COM_CHANGE_USER) {
      life.on(ON.command);
      return this.#startChange(link, packet.raw);
    }
    const own = this.#session.compressed();
    this.#renumbering = own ? new PacketRenumbering() : undefined;
    this.#sink = "client";
    this.#reader = undefined;
    this.#walker = link.responses;
    this.#send(link, packet.payload, own ? encodePacket(packet.payload, 0) : packet.raw);
    life.on(ON.command);
    if (command === Command.COM_QUIT) return life.on(ON.quit);
    this.#delivered = true;
    if (link.tracker.idle) return this.#done();
    life.on(ON.turn_server);
    const grammar = responseGrammar(command);
    this.#phase = grammar === "stream" || grammar === "handover" ? "open" : "response";
  }

  #send(link: ServerLink, payload: Uint8Array, bytes: Uint8Array): void {
    link.tracker.expect(payload[0] ?? Command.COM_SLEEP);
    this.#database = databaseOf(payload);
    this.#errors = link.tracker.errors;
    this.#host.toServer(bytes, true);
  }

  #noServer(): void {
    // The ERR packet answers the command, unless that has its answer.
    if (!this.#delivered) this.#phase = "response";
    this.#walker = undefined;
    this.#session.report("critical", "A command came while no backend was attached: see proxy.connection.backend_ndx");
    this.#host.refuse(unknown("no backend is attached, the script has chosen none"));
  }

  // --- the script's queries

  #nextQuery(): void {
    const { script } = this.#calls;
    for (;;) {
      const query = script.queries.shift();
      if (query === undefined) return this.#exhausted();
      const link = this.#session.link();
      const { life } = this.#host;
      if (link === undefined || !this.#host.serverOpen) {
        if (this.#command === Command.COM_QUIT) return this.#session.end();
        return this.#noServer();
      }
      life.on(life.number === STATE_NUMBER.READ_QUERY ? ON.command : ON.next_query);
      const { packet } = query;
      const command = packet[0] ?? Command.COM_SLEEP;
      const grammar = responseGrammar(command);
      if (command === Command.COM_QUIT) {
        this.#send(link, packet, encodePacket(packet, 0));
        return life.on(ON.quit);
      }
      if (grammar === "authentication") {
        return this.#startChange(link, encodePacket(packet, 0), query);
      }
      const compressed = this.#session.compressed();
      const renumber = compressed || (fragmentCount(packet.length) & 0xff) !== this.#clientNext;
      this.#renumbering = renumber ? new PacketRenumbering() : undefined;
      const endless = grammar === "stream" || grammar === "handover";
      this.#reader = endless
        ? undefined
        : new ResponseReader(query, link.tracker, link.terms?.capabilities ?? 0n, this.#session.clock);
      this.#walker = this.#reader === undefined ? link.responses : this.#readerWalker;
      if (endless) this.#sink = "client";
      else this.#sink = query.resultsetIsNeeded ? "keep" : this.#delivered ? "drop" : "client";
      const raw = compressed || packet !== this.#packet?.payload ? undefined : this.#packet.raw;
      this.#send(link, packet, raw ?? encodePacket(packet, 0));
      if (link.tracker.idle) continue;
      life.on(ON.turn_server);
      this.#phase = endless ? "open" : "response";
      return;
    }
  }

  #exhausted(): void {
    if (!this.#delivered && responseGrammar(this.#command) !== "none") {
      this.#session.report(
        "critical",
        "The script has ignored every result of a command: the client gets an ERR packet",
      );
      this.#deliver([
        encodeErr({
          errorNumber: ErrorNumber.ER_UNKNOWN_ERROR,
          sqlState: "07000",
          message: "(lua) the script has ignored every result",
        }),
      ]);
    }
    this.#done();
  }

  #judged(reader: ResponseReader, verdict: Verdict): void {
    if (!this.#host.clientOpen) return;
    const streamed = this.#sink === "client";
    const decided = verdict === Verdict.SEND_RESULT || verdict === Verdict.IGNORE_RESULT;
    if (decided && streamed) {
      this.#session.report(
        "critical",
        "The script wants to replace or ignore a result that the client has already: append the query with " +
          "{ resultset_is_needed = true }",
      );
    }
    if (streamed) this.#delivered = true;
    else if (this.#sink === "keep") this.#deliverKept(reader, verdict);
    this.#fileAsked = false;
    if (this.#fileUnread) this.#awaitFile();
    else this.#nextQuery();
  }

  #deliverKept(reader: ResponseReader, verdict: Verdict): void {
    if (verdict === Verdict.SEND_RESULT) this.#deliverOnce(() => this.#deliver(this.#calls.script.response()));
    else if (verdict !== Verdict.IGNORE_RESULT || this.#fileAsked) this.#deliverOnce(() => this.#passOn(reader));
  }

  #deliverOnce(deliver: () => void): void {
    if (!this.#delivered) return deliver();
    this.#session.report("critical", "The script has a second result for one command: it is dropped");
  }

  /** Gives the client a response that was kept for the script. */
  #passOn(reader: ResponseReader): void {
    for (const bytes of reader.raw) this.#toClient(bytes);
    this.#delivered = true;
  }

  // --- the server speaks

  fromServer(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && this.#host.clientOpen;) {
      if (this.#phase !== "change") return this.#response(at === 0 ? chunk : chunk.subarray(at));
      at = this.#change!.take("server", chunk, at);
    }
  }

  #response(chunk: Uint8Array): void {
    const link = this.#session.link();
    const walker = this.#walker;
    if (link === undefined) return;
    if (this.#phase === "ready" || walker === undefined) {
      // A last word before it closes; nobody has asked.
      link.responses.walk(chunk);
      return this.#host.toClient(chunk);
    }
    const reader = this.#reader;
    reader?.heard();
    if (this.#sink === "client") {
      walker.walk(chunk);
      this.#toClient(chunk);
    } else {
      walker.walk(chunk);
      if (this.#sink === "keep") reader?.keep(chunk, link.tracker.idle);
    }
    // A server may have its verdict before the client has sent all of its file.
    if (this.#phase === "file") return reader?.own();
    const { tracker } = link;
    if (tracker.idle) this.#responseEnded(link, reader);
    else if (tracker.wantsLocalInfile) this.#fileWanted(link, reader);
  }

  /** For the walker alone. */
  packet(bytes: Uint8Array, start: number, end: number, length: number): void {
    this.#reader?.packet(bytes, start, end, length);
  }

  #toClient(bytes: Uint8Array): void {
    this.#renumbering?.renumber(bytes, () => {
      const number = this.#clientNext;
      this.#clientNext = (number + 1) & 0xff;
      return number;
    });
    this.#host.toClient(bytes);
  }

  #responseEnded(link: ServerLink, reader: ResponseReader | undefined): void {
    const { life } = this.#host;
    this.responses++;
    if (this.#phase === "open") life.on(ON.result);
    else if (life.number === STATE_NUMBER.READ_QUERY_RESULT || life.number === STATE_NUMBER.READ_LOCAL_INFILE_RESULT) {
      life.on(ON.result);
    }
    this.#phase = "ready";
    if (this.#renumbering === undefined && this.#sink === "client") {
      this.#clientNext = ((this.#walker?.sequenceId ?? 0) + 1) & 0xff;
    }
    if (this.#database !== undefined && link.tracker.errors === this.#errors) {
      link.defaultDb = this.#database;
      this.#session.databaseChanged(this.#database);
    }
    if (reader === undefined) return this.#done();
    this.#reader = undefined;
    const decision = this.#calls.script.readQueryResult(reader);
    // The memory of a read buffer does not wait.
    if (typeof decision !== "number") reader.own();
    this.#calls.ask(decision, (verdict) => this.#judged(reader, verdict));
  }

  /** The command has been dealt with. */
  #done(): void {
    const { life } = this.#host;
    this.#phase = "ready";
    this.#walker = undefined;
    if (life.number === STATE_NUMBER.SEND_QUERY) life.on(ON.turn_client);
    else if (life.number !== STATE_NUMBER.READ_QUERY) life.on(ON.finished);
    if (this.#session.closing()) return this.#session.end();
    this.#host.finished();
    this.#takeEarly();
  }

  // --- a local file

  #fileWanted(link: ServerLink, reader: ResponseReader | undefined): void {
    const { life } = this.#host;
    if (this.#sink === "drop" || (this.#sink === "keep" && this.#delivered)) {
      // The client does not expect to be asked: there is no file.
      link.tracker.localInfileSent();
      reader?.restart();
      return this.#host.toServer(encodePacket(new Uint8Array(0), (this.#walker!.sequenceId + 1) & 0xff), false);
    }
    if (this.#sink === "keep") {
      for (const bytes of reader?.raw ?? []) this.#toClient(bytes);
      reader?.restart();
      this.#fileAsked = true;
    }
    if (this.#renumbering === undefined) this.#clientNext = (this.#walker!.sequenceId + 1) & 0xff;
    life.on(ON.result);
    life.on(ON.wants_file);
    this.#phase = "file";
    this.#takeEarly();
  }

  /** The client sends what the script has asked it for. */
  #awaitFile(): void {
    this.#host.life.on(ON.wants_file);
    this.#phase = "file";
    this.#walker = undefined;
    this.#clientNext = (this.#clientNext + 1) & 0xff;
    this.#takeEarly();
  }

  /** Nobody reads what it sends, but it is to be told that all has come. */
  #unreadFilePacket({ length }: Uint8Array): void {
    const { life } = this.#host;
    life.on(ON.data);
    if (length > 0) return life.on(ON.sent);
    life.on(ON.data_end);
    life.on(ON.result);
    this.#fileUnread = false;
    this.#phase = "ready";
    this.#deliver([encodeOk({ status: ServerStatus.SERVER_STATUS_AUTOCOMMIT }, Capability.CLIENT_PROTOCOL_41)]);
    this.#afterAnswer();
  }

  #filePacket({ payload, raw }: ClientPacket): void {
    if (this.#fileUnread) return this.#unreadFilePacket(payload);
    const link = this.#session.link();
    const { life } = this.#host;
    if (link === undefined) return;
    const walker = this.#walker!;
    const renumber = this.#renumbering !== undefined;
    // The walker knows the last id of the server, after which both sides count on.
    const bytes = renumber ? encodePacket(payload, (walker.sequenceId + 1) & 0xff) : raw;
    if (renumber) walker.sequenceId = (walker.sequenceId + fragmentCount(payload.length)) & 0xff;
    this.#host.toServer(bytes, false);
    life.on(ON.data);
    if (payload.length > 0) return life.on(ON.sent);
    link.tracker.localInfileSent();
    life.on(ON.data_end);
    this.#phase = "response";
    if (link.tracker.idle) this.#responseEnded(link, this.#reader);
  }

  // --- a change of user

  /** The state is SEND_QUERY. */
  #startChange(link: ServerLink, raw: Uint8Array, query?: QueuedQuery): void {
    this.#host.life.on(ON.turn_server);
    this.#change = new UserChange(this.#host, link, this.#session, (result, packet) => {
      this.#changed(result);
      if (query === undefined) return this.#done();
      const outcome = new ResponseReader(query, link.tracker, link.terms?.capabilities ?? 0n, this.#session.clock);
      outcome.heard();
      outcome.changed(result.kind === "changed", packet);
      this.#sink = "client";
      this.#calls.ask(this.#calls.script.readQueryResult(outcome), (verdict) => this.#judged(outcome, verdict));
    });
    this.#phase = "change";
    this.#change.take("client", raw, 0);
  }

  #changed(result: ChangeResult): void {
    this.#change = undefined;
    this.#changeRefused = result.kind === "refused";
    this.responses++;
    if (result.kind === "changed") {
      this.#session.userChanged(result.identity, result.charset);
      this.#session.databaseChanged(result.database);
    }
    this.#delivered = true;
    this.#phase = "ready";
    this.#host.life.on(ON.result);
  }
}

function copyOf({ payload, raw, sequenceId }: ClientPacket): ClientPacket {
  return { payload: payload.slice(), raw: raw.slice(), sequenceId };
}
