/**
 * One client's connection through the proxy, without sockets, timers or Lua.
 *
 * Bytes, closes and timeouts of either side go in; what is to be done comes out through {@linkcode Effects}. Before the
 * login has ended the session looks at whole packets, since it takes capabilities out of them; afterwards chunks go
 * through as they come and the session only keeps count of where each command and response ends.
 *
 * @module
 */
import {
  Command,
  CompressedChannel,
  concat,
  encodeErr,
  encodePacket,
  ErrorNumber,
  HEADER_LENGTH,
  type PacketVisitor,
  ProtocolError,
} from "../protocol/mod.ts";
import type { Backends } from "./backends.ts";
import { ChangeUser, type ChangeUserTerms } from "./change_user.ts";
import { Conversation } from "./conversation.ts";
import type { Effects, Side } from "./effects.ts";
import { Lifecycle } from "./lifecycle.ts";
import { type Compression, Login } from "./login.ts";
import { LoginDialogue, type LoginHost, type TlsResult } from "./login_dialogue.ts";
import { Numbering } from "./numbering.ts";
import type { BackendPolicy, LoginPolicy } from "./login_policy.ts";
import { type Refusal, unknown } from "./refusal.ts";
import { EVENT_NUMBER, type State, STATE_NUMBER } from "./state.ts";

const ON = EVENT_NUMBER;
const READ_QUERY = STATE_NUMBER.READ_QUERY;
const READ_QUERY_RESULT = STATE_NUMBER.READ_QUERY_RESULT;
const READ_LOCAL_INFILE_DATA = STATE_NUMBER.READ_LOCAL_INFILE_DATA;
const READ_LOCAL_INFILE_RESULT = STATE_NUMBER.READ_LOCAL_INFILE_RESULT;
const CLOSE_SERVER = STATE_NUMBER.CLOSE_SERVER;

const CLIENT_SPEAKS: ReadonlySet<State> = new Set<State>([
  "SECURE_CLIENT",
  "READ_AUTH",
  "READ_AUTH_OLD_PASSWORD",
  "READ_QUERY",
  "READ_LOCAL_INFILE_DATA",
]);

const SHUTTING_DOWN: Refusal = {
  errorNumber: ErrorNumber.ER_SERVER_SHUTDOWN,
  sqlState: "08S01",
  text: "(proxy) the proxy is shutting down",
};

const NOTHING = new Uint8Array(0);

const PLAIN_BACKEND: BackendPolicy = { tls: "disabled", socket: false, compression: [] };

/** The state machine of one connection. */
export class Session implements PacketVisitor {
  readonly #backends: Backends;
  readonly #effects: Effects;
  readonly #policy: LoginPolicy;
  readonly #life = new Lifecycle();
  #backend: number | undefined;
  /** Until the client is logged in. */
  #dialogue: LoginDialogue | undefined;
  #conversation: Conversation | undefined;
  #clientChannel: CompressedChannel | undefined;
  #serverChannel: CompressedChannel | undefined;
  /** There if a side compresses. */
  #numbering: Numbering | undefined;
  /** There if a change of user has to be translated. */
  #changeUserTerms: ChangeUserTerms | undefined;
  #changeUser: ChangeUser | undefined;
  /** The begin of a command that may be a change of user. */
  #head: Uint8Array | undefined;
  #username: string | undefined;
  #threadId: number | undefined;
  #clientOpen = true;
  #serverOpen = false;
  /** The proxy stops: close as soon as nothing is being done. */
  #stopping = false;

  /** @param socket the client is connected through a Unix socket. */
  constructor(backends: Backends, effects: Effects, policy: LoginPolicy, socket = false) {
    this.#backends = backends;
    this.#effects = effects;
    this.#policy = policy;
    this.#dialogue = new LoginDialogue(new Login(policy, socket), this.#life, effects, this.#loginHost());
  }

  /** The user's name, once the client has sent it. */
  get username(): string | undefined {
    return this.#dialogue?.login.username ?? this.#username;
  }

  /** The server's connection id, once it has greeted. */
  get threadId(): number | undefined {
    return this.#dialogue?.login.threadId ?? this.#threadId;
  }

  get state(): State {
    return this.#life.state;
  }

  /** The index of the backend that is attached or being tried. */
  get backend(): number | undefined {
    return this.#backend;
  }

  /** Whether both sides are done with. */
  get ended(): boolean {
    return !this.#clientOpen && !this.#serverOpen;
  }

  /** Whether a server has been connected and the client is not logged in yet. */
  get loggingIn(): boolean {
    return this.#dialogue !== undefined && this.#clientOpen && this.#life.number > STATE_NUMBER.CONNECT_SERVER;
  }

  /** Whether the client is logged in and nothing is under way in either direction. */
  get idle(): boolean {
    const conversation = this.#conversation;
    return conversation !== undefined && this.#life.number === READ_QUERY && conversation.atBoundary;
  }

  /** Whether a transaction is open on the server, by its last word. */
  get inTransaction(): boolean {
    return this.#conversation?.tracker.inTransaction ?? false;
  }

  /** How many responses have been completed. */
  get responses(): number {
    return this.#conversation?.tracker.completed ?? 0;
  }

  /** Who is to speak next: the side whose silence the read timeout bounds. */
  get waitsFor(): Side {
    return CLIENT_SPEAKS.has(this.state) ? "client" : "server";
  }

  /** Whether the server is in the middle of a response, so that more bytes are likely to follow soon. */
  get responding(): boolean {
    return this.#life.number === READ_QUERY_RESULT && this.#conversation !== undefined &&
      this.#conversation.tracker.started;
  }

  /** Whether the client is in the middle of a packet or a file. */
  get uploading(): boolean {
    return this.#conversation !== undefined &&
      (!this.#conversation.commands.atBoundary || this.#life.number === READ_LOCAL_INFILE_DATA);
  }

  /** A client has connected. `now` is in seconds since 1970, here and below. */
  open(now: number): void {
    if (!this.#clientOpen) return;
    this.#on(ON.accepted);
    this.#tryBackend(now);
  }

  /** The connection that was asked for is open. */
  connected(now: number): void {
    if (this.state !== "CONNECT_SERVER" || this.#backend === undefined) return this.#effects.drop();
    this.#serverOpen = true;
    if (this.#backends.connected(this.#backend, now)) this.#effects.backendChanged(this.#backend, true, "connected");
    this.#on(ON.connected);
  }

  /** The connection that was asked for could not be opened. */
  connectFailed(reason: string, now: number): void {
    if (this.state === "CONNECT_SERVER") this.#backendFailed(reason, now);
  }

  /** Bytes have come; they may be changed once the call has returned and what was sent is written. */
  received(from: Side, chunk: Uint8Array, now: number): void {
    const conversation = this.#conversation;
    if (conversation !== undefined) {
      const compressed = from === "client" ? this.#clientChannel : this.#serverChannel;
      if (compressed !== undefined) this.#decode(compressed, conversation, from, chunk, now);
      else this.#converse(conversation, from, chunk, now);
    } else if (this.#dialogue !== undefined && this.#clientOpen) {
      const rest = this.#dialogue.received(from, chunk, now);
      if (this.#conversation !== undefined && rest < chunk.length) this.received(from, chunk.subarray(rest), now);
    }
  }

  /** The TLS handshake that was asked for has come to its end. */
  secured(side: Side, result: TlsResult): void {
    this.#dialogue?.secured(side, result);
  }

  /** A side has closed, or writing to it failed. */
  closed(side: Side, now: number, reason = "it closed the connection"): void {
    if (side === "client") this.#clientClosed();
    else this.#serverClosed(now, reason);
  }

  /** The side that is waited for has been silent for too long. */
  timedOut(seconds: number, now: number): void {
    if (!this.#clientOpen) return this.#end();
    if (this.state === "READ_HANDSHAKE") return this.#backendFailed(`no greeting within ${seconds} s`, now);
    const option = this.loggingIn ? "login-timeout" : "read-timeout";
    if (this.waitsFor === "client") {
      this.#refuse({
        errorNumber: ErrorNumber.ER_CLIENT_INTERACTION_TIMEOUT,
        sqlState: "HY000",
        text: `(proxy) nothing heard for ${seconds} s, see --proxy-${option}`,
      });
    } else {
      this.#refuse(unknown(`backend ${this.#backendName()} timed out after ${seconds} s, see --proxy-${option}`));
    }
  }

  /** Ends the session as soon as nothing is under way: now, if it is idle, has not logged in yet, or feeds a replica. */
  stop(): void {
    this.#stopping = true;
    if (this.idle) this.#stopIdle();
    else if (this.#conversation === undefined || this.#conversation.tracker.endless) this.cutOff();
  }

  /** Ends the session at once, for a reason that the client is told. */
  refuse(refusal: Refusal): void {
    if (this.#clientOpen) this.#refuse(refusal);
  }

  /** Ends the session at once, with an ERR packet if the client is at a point where it can take one. */
  cutOff(): void {
    if (this.#clientOpen) this.#refuse(SHUTTING_DOWN);
    else this.#end();
  }

  /** Forgets both sides without a word: their sockets are gone already. */
  abandon(): void {
    this.#clientOpen = false;
    this.#serverOpen = false;
    this.#release();
  }

  #on(event: number): void {
    this.#life.on(event);
  }

  // --- choosing a backend

  #tryBackend(now: number): void {
    const index = this.#backends.choose(now);
    this.#backend = index;
    if (index === undefined) {
      this.#effects.report("warning", "All backends are down, a client was refused");
      this.#on(ON.no_backend);
      return this.#sendError(unknown("all backends are down"));
    }
    this.#dialogue?.login.useServer(this.#policy.backends[index] ?? PLAIN_BACKEND, this.#backends.entry(index).name);
    this.#backends.attach(index);
    this.#effects.connect(index);
  }

  #backendFailed(reason: string, now: number): void {
    const index = this.#backend;
    if (index === undefined) return;
    this.#effects.drop();
    this.#serverOpen = false;
    this.#backends.detach(index);
    if (this.#backends.failed(index, now)) this.#effects.backendChanged(index, false, reason);
    this.#on(ON.backend_failed);
    this.#tryBackend(now);
  }

  #backendName(): string {
    return this.#backend === undefined ? "(none)" : this.#backends.entry(this.#backend).name;
  }

  // --- login

  #loginHost(): LoginHost {
    const isOver = () => this.#conversation !== undefined || !this.#clientOpen;
    const name = () => this.#backendName();
    return {
      get backendName() {
        return name();
      },
      get loginOver() {
        return isOver();
      },
      loggedIn: (login, ok) => this.#loggedIn(login, ok),
      refuse: (refusal) => this.#refuse(refusal),
      end: () => this.#end(),
      backendFailed: (reason, now) => this.#backendFailed(reason, now),
      clientLost: () => this.#clientClosed(),
    };
  }

  #loggedIn(login: Login, ok: Uint8Array): void {
    const conversation = new Conversation(login.format, this);
    conversation.tracker.loggedIn(ok, HEADER_LENGTH, ok.length);
    this.#conversation = conversation;
    this.#clientChannel = channel(login.compression.client);
    this.#serverChannel = channel(login.compression.server);
    if (this.#clientChannel ?? this.#serverChannel) this.#numbering = new Numbering(conversation);
    this.#changeUserTerms = login.changeUserTerms;
    this.#username = login.username;
    this.#threadId = login.threadId;
    this.#dialogue = undefined;
    if (this.#stopping) this.#stopIdle();
  }

  // --- commands and responses

  #decode(compressed: CompressedChannel, conversation: Conversation, from: Side, chunk: Uint8Array, now: number): void {
    let plain: Uint8Array;
    try {
      plain = compressed.decode(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return this.#garbled(from, error);
    }
    if (plain.length > 0) this.#converse(conversation, from, plain, now);
    if (compressed.broken && this.#clientOpen) this.#decode(compressed, conversation, from, NOTHING, now);
  }

  /** What cannot be read any further: a compressed packet, or one that changes the user. */
  #garbled(from: Side, error: ProtocolError): void {
    if (from === "client") return this.#refuse(unknown(error.message));
    const text = `backend ${this.#backendName()} does not speak MySQL's protocol: ${error.message}`;
    this.#effects.report("warning", text);
    this.#refuse(unknown(text));
  }

  #converse(conversation: Conversation, from: Side, chunk: Uint8Array, now: number): void {
    if (this.#changeUserTerms !== undefined) this.#converseWithChanges(conversation, from, chunk, now);
    else if (from === "client") this.#fromClient(conversation, chunk);
    else this.#fromServer(conversation, chunk);
  }

  #toClient(bytes: Uint8Array): void {
    this.#effects.send("client", this.#clientChannel === undefined ? bytes : this.#clientChannel.encode(bytes, false));
  }

  #toServer(bytes: Uint8Array, newCommand: boolean): void {
    this.#effects.send("server", this.#serverChannel?.encode(bytes, newCommand) ?? bytes);
  }

  #fromClient(conversation: Conversation, chunk: Uint8Array): void {
    if (!this.#serverOpen || !this.#clientOpen) return;
    if (this.#numbering === undefined) {
      this.#effects.send("server", chunk);
      conversation.commands.walk(chunk);
    } else {
      const { commands, tracker } = conversation;
      const newCommand = commands.atBoundary && !tracker.inExchange && !tracker.wantsLocalInfile;
      this.#numbering.fromClient(chunk);
      this.#toServer(chunk, newCommand);
    }
  }

  /** For the conversation alone: a packet of the client has gone by. */
  packet(bytes: Uint8Array, start: number, end: number): void {
    const { tracker } = this.#conversation!;
    if (this.#life.number === READ_LOCAL_INFILE_DATA) return this.#filePacket(tracker, start === end);
    if (tracker.inExchange) return tracker.exchanged();
    if (this.#life.number === CLOSE_SERVER) return;
    const command = start < end ? bytes[start]! : Command.COM_SLEEP;
    tracker.expect(command);
    this.#on(ON.command);
    if (command === Command.COM_QUIT) this.#on(ON.quit);
    else this.#on(tracker.idle ? ON.turn_client : ON.turn_server);
  }

  #filePacket(tracker: Conversation["tracker"], last: boolean): void {
    this.#on(ON.data);
    if (!last) return this.#on(ON.sent);
    tracker.localInfileSent();
    this.#on(tracker.idle ? ON.turn_client : ON.data_end);
  }

  #fromServer(conversation: Conversation, chunk: Uint8Array): void {
    if (!this.#clientOpen) return;
    if (this.#numbering === undefined) {
      this.#effects.send("client", chunk);
      conversation.responses.walk(chunk);
    } else {
      this.#numbering.fromServer(chunk);
      this.#toClient(chunk);
    }
    this.#afterResponse(conversation);
  }

  #afterResponse(conversation: Conversation): void {
    if (this.#life.number !== READ_QUERY_RESULT && this.#life.number !== READ_LOCAL_INFILE_RESULT) return;
    const { tracker } = conversation;
    this.#on(ON.result);
    if (tracker.idle) {
      this.#on(ON.finished);
      if (this.#stopping && this.idle) this.#stopIdle();
    } else {
      this.#on(tracker.wantsLocalInfile ? ON.wants_file : ON.sent);
    }
  }

  // --- changes of user that have to be translated

  #converseWithChanges(conversation: Conversation, from: Side, chunk: Uint8Array, now: number): void {
    const whole = from === "client" && this.#changeUser === undefined
      ? this.#lookForChange(conversation, chunk)
      : chunk;
    if (whole === undefined) return;
    const change = this.#changeUser;
    if (change !== undefined) return this.#changeBytes(change, conversation, from, whole, now);
    if (from === "client") this.#fromClient(conversation, whole);
    else this.#fromServer(conversation, whole);
  }

  /** Begins a change of user if `chunk` does; returns the bytes to go on with, `undefined` for too few to tell. */
  #lookForChange(conversation: Conversation, chunk: Uint8Array): Uint8Array | undefined {
    if (this.#life.number !== READ_QUERY || !conversation.commands.atBoundary) return chunk;
    const whole = this.#head === undefined ? chunk : concat(this.#head, chunk);
    const empty = whole.length === HEADER_LENGTH && whole[0] === 0 && whole[1] === 0 && whole[2] === 0;
    if (whole.length <= HEADER_LENGTH && !empty) {
      this.#head = whole.slice();
      return undefined;
    }
    this.#head = undefined;
    if (whole[HEADER_LENGTH] === Command.COM_CHANGE_USER) this.#changeUser = new ChangeUser(this.#changeUserTerms!);
    return whole;
  }

  #changeBytes(change: ChangeUser, conversation: Conversation, from: Side, chunk: Uint8Array, now: number): void {
    let at = 0;
    try {
      while (at < chunk.length && this.#clientOpen) {
        if (this.#changeUser !== change) return this.#converse(conversation, from, chunk.subarray(at), now);
        const collected = change.collect(from, chunk, at);
        at = collected.at;
        if (collected.packet === undefined) return;
        this.#changeStep(change, conversation, from, collected.packet);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#garbled(from, error);
    }
  }

  #changeStep(change: ChangeUser, conversation: Conversation, from: Side, packet: Uint8Array): void {
    const first = this.#life.number === READ_QUERY;
    const step = from === "client" ? change.fromClient(packet) : change.fromServer(packet);
    if (from === "client") conversation.commands.walk(packet);
    switch (step.kind) {
      case "refuse":
        return this.#refuse(step.refusal);
      case "to-server":
        return this.#toServer(change.packetFor("server", step.payload), first);
      case "to-client":
        if (step.then === "logged_in" || step.then === "refused") {
          this.#changeUserTerms = change.terms;
          this.#changeUser = undefined;
        }
        this.#deliver(conversation, change.packetFor("client", step.payload));
    }
  }

  #deliver(conversation: Conversation, packet: Uint8Array): void {
    this.#toClient(packet);
    conversation.responses.walk(packet);
    this.#afterResponse(conversation);
  }

  // --- the end

  #clientClosed(): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#on(ON.client_closed);
    this.#end();
  }

  #serverClosed(now: number, reason: string): void {
    if (!this.#serverOpen) return;
    if (this.state === "READ_HANDSHAKE") return this.#backendFailed(reason, now);
    this.#serverOpen = false;
    this.#effects.close("server");
    const name = this.#backendName();
    this.#release();
    if (!this.#clientOpen) return;
    if (this.state === "CLOSE_SERVER" || this.idle) {
      if (this.state !== "CLOSE_SERVER") {
        this.#effects.report("info", `Backend ${name} closed the connection of an idle client: ${reason}`);
      }
      this.#on(ON.server_closed);
      return this.#end();
    }
    if (this.#conversation?.leavesAfterRefusal) {
      // The server was gone before the client's next command, which would have been answered by nobody.
      this.#effects.report("info", `Backend ${name} closed the connection after a refused change of user: ${reason}`);
      this.#on(ON.server_closed);
      return this.#end();
    }
    const doing = this.#conversation === undefined ? "login" : "query";
    this.#effects.report("warning", `Backend ${name} went away during a ${doing}: ${reason}`);
    const refusal: Refusal = {
      errorNumber: ErrorNumber.CR_SERVER_LOST,
      sqlState: "08S01",
      text: `(proxy) lost connection to backend ${name} during ${doing}`,
    };
    if (this.#dialogue?.defer(refusal) !== true) this.#refuse(refusal);
  }

  /** Sends an ERR packet, where the client can understand one, and closes both sides. */
  #refuse(refusal: Refusal): void {
    // After COM_QUIT nobody listens any more.
    if (this.#life.number === CLOSE_SERVER) return this.#end();
    this.#on(ON.refused);
    this.#sendError(refusal);
  }

  #sendError({ errorNumber, sqlState, text }: Refusal): void {
    const sequenceId = this.#conversation === undefined
      ? this.#dialogue?.login.nextSequenceId("client")
      : this.#changeUser?.nextSequenceId("client") ?? this.#conversation.nextSequenceId;
    if (sequenceId !== undefined) {
      const error = encodeErr({ errorNumber, message: text, ...(sqlState === undefined ? {} : { sqlState }) });
      this.#toClient(encodePacket(error, sequenceId));
    }
    this.#on(ON.sent);
    this.#end();
  }

  #stopIdle(): void {
    this.#on(ON.stopped);
    // Without it the server would count and log an aborted connection.
    this.#toServer(encodePacket(Uint8Array.of(Command.COM_QUIT), 0), true);
    this.#end();
  }

  /** Closes what is still open. */
  #end(): void {
    if (this.#clientOpen) {
      this.#clientOpen = false;
      this.#effects.close("client");
    }
    if (this.#serverOpen) {
      this.#serverOpen = false;
      this.#effects.close("server");
    } else if (this.#backend !== undefined) {
      // Still connecting.
      this.#effects.drop();
    }
    this.#release();
  }

  #release(): void {
    if (this.#backend === undefined) return;
    this.#backends.detach(this.#backend);
    this.#backend = undefined;
  }
}

function channel(compression: Compression | undefined): CompressedChannel | undefined {
  if (compression === undefined) return undefined;
  const { algorithm, level } = compression;
  return new CompressedChannel(algorithm, level === undefined ? {} : { level });
}
