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
  Capability,
  Command,
  encodeErr,
  encodePacket,
  ErrorNumber,
  hasCapability,
  HEADER_LENGTH,
  PacketCollector,
  PacketWalker,
  parseHandshake,
  parseHandshakeResponse,
  ProtocolError,
  ResponseTracker,
  responseWithoutCapabilities,
  withoutCapabilities,
} from "../protocol/mod.ts";
import type { Backends } from "./backends.ts";
import { EVENT_NUMBER, nextState, type State, STATE_NUMBER, STATES } from "./state.ts";

/** The side of the client, or that of the server. */
export type Side = "client" | "server";

/** What a session wants done. Calls come in order and while an event is being handled, never later. */
export interface Effects {
  /** Open a connection to backend `index`; answer with `connected` or `connectFailed`. */
  connect(index: number): void;
  /** Give up the connection that is open or being opened, without a word. */
  drop(): void;
  /** Write `bytes`, which may be used until the event's call has returned and the write is done. */
  send(to: Side, bytes: Uint8Array): void;
  /** Close a side after everything sent to it is written. */
  close(side: Side): void;
  /** A backend's state changed. */
  backendChanged(index: number, up: boolean, reason: string): void;
  /** Something that an operator wants to know; one line. */
  report(level: "warning" | "info" | "debug", text: string): void;
}

/** Capabilities that are taken out of what both sides are offered: the proxy would lose sight of the packets. */
const HIDDEN_CAPABILITIES = Capability.CLIENT_SSL | Capability.CLIENT_COMPRESS |
  Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM;

/** The largest packet that a login may hold: far more than connection attributes (64 KB) or a Kerberos ticket take. */
const LOGIN_PACKET_LIMIT = 1 << 20;

const OK = 0x00;
const ERR = 0xff;
const AUTH_MORE_DATA = 0x01;
/** After this byte in an AuthMoreData packet of caching_sha2_password the server's OK follows by itself. */
const FAST_AUTH_SUCCESS = 0x03;

const ON = EVENT_NUMBER;
const READ_QUERY = STATE_NUMBER.READ_QUERY;
const READ_QUERY_RESULT = STATE_NUMBER.READ_QUERY_RESULT;
const READ_LOCAL_INFILE_DATA = STATE_NUMBER.READ_LOCAL_INFILE_DATA;
const READ_LOCAL_INFILE_RESULT = STATE_NUMBER.READ_LOCAL_INFILE_RESULT;

const CLIENT_SPEAKS: ReadonlySet<State> = new Set<State>([
  "READ_AUTH",
  "READ_AUTH_OLD_PASSWORD",
  "READ_QUERY",
  "READ_LOCAL_INFILE_DATA",
]);

/** What is known once the login has ended. */
interface Conversation {
  readonly commands: PacketWalker;
  readonly responses: PacketWalker;
  readonly tracker: ResponseTracker;
}

/** What the login needs and nothing after it. */
interface Login {
  readonly client: PacketCollector;
  /** A new one for each backend that is tried. */
  server: PacketCollector;
  serverCapabilities: bigint;
  clientCapabilities: bigint;
}

/** The state machine of one connection. */
export class Session {
  readonly #backends: Backends;
  readonly #effects: Effects;
  #state: number = STATE_NUMBER.INIT;
  #backend: number | undefined;
  #login: Login | undefined;
  #conversation: Conversation | undefined;
  #clientOpen = true;
  #serverOpen = false;
  /** The proxy stops: close as soon as nothing is being done. */
  #stopping = false;
  /** Sequence id of the last packet that went by in the login, either way. */
  #loginSequenceId = -1;

  /** The user's name, once the client has sent it. */
  username: string | undefined;
  /** The server's connection id, once it has greeted. */
  threadId: number | undefined;

  constructor(backends: Backends, effects: Effects) {
    this.#backends = backends;
    this.#effects = effects;
  }

  get state(): State {
    return STATES[this.#state]!;
  }

  /** The index of the backend that is attached or being tried. */
  get backend(): number | undefined {
    return this.#backend;
  }

  /** Whether both sides are done with. */
  get ended(): boolean {
    return !this.#clientOpen && !this.#serverOpen;
  }

  /** Whether the client is logged in and nothing is under way in either direction. */
  get idle(): boolean {
    const conversation = this.#conversation;
    return conversation !== undefined && this.#state === READ_QUERY && conversation.commands.atBoundary &&
      conversation.responses.atBoundary;
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
    return this.#state === READ_QUERY_RESULT && this.#conversation !== undefined &&
      this.#conversation.tracker.started;
  }

  /** Whether the client is in the middle of a packet or a file. */
  get uploading(): boolean {
    return this.#conversation !== undefined &&
      (!this.#conversation.commands.atBoundary || this.#state === READ_LOCAL_INFILE_DATA);
  }

  /** A client has connected. `now` is in seconds since 1970, here and below. */
  open(now: number): void {
    this.#login = {
      client: new PacketCollector(LOGIN_PACKET_LIMIT),
      server: new PacketCollector(LOGIN_PACKET_LIMIT),
      serverCapabilities: 0n,
      clientCapabilities: 0n,
    };
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
      if (from === "client") this.#fromClient(conversation, chunk);
      else this.#fromServer(conversation, chunk);
    } else if (this.#login !== undefined) {
      this.#loginBytes(this.#login, from, chunk, now);
    }
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
    if (this.waitsFor === "client") {
      this.#refuse(
        ErrorNumber.ER_CLIENT_INTERACTION_TIMEOUT,
        "HY000",
        `(proxy) nothing heard for ${seconds} s, see --proxy-read-timeout`,
      );
    } else {
      this.#refuse(
        ErrorNumber.ER_UNKNOWN_ERROR,
        "HY000",
        `(proxy) backend ${this.#backendName()} timed out after ${seconds} s, see --proxy-read-timeout`,
      );
    }
  }

  /** Ends the session as soon as nothing is under way: now, if it is idle or has not logged in yet. */
  stop(): void {
    this.#stopping = true;
    if (this.#conversation === undefined) {
      if (this.#clientOpen) this.#refuse(ErrorNumber.ER_SERVER_SHUTDOWN, "08S01", "(proxy) the proxy is shutting down");
    } else if (this.idle) {
      this.#stopIdle();
    }
  }

  /** Ends the session at once, with an ERR packet if the client is at a point where it can take one. */
  cutOff(): void {
    if (this.#clientOpen) this.#refuse(ErrorNumber.ER_SERVER_SHUTDOWN, "08S01", "(proxy) the proxy is shutting down");
    else this.#end();
  }

  #on(event: number): void {
    this.#state = nextState(this.#state, event);
  }

  // --- choosing a backend

  #tryBackend(now: number): void {
    const index = this.#backends.choose(now);
    this.#backend = index;
    if (index === undefined) {
      this.#effects.report("warning", "All backends are down, a client was refused");
      this.#on(ON.no_backend);
      return this.#sendError(ErrorNumber.ER_UNKNOWN_ERROR, "HY000", "(proxy) all backends are down");
    }
    if (this.#login !== undefined) this.#login.server = new PacketCollector(LOGIN_PACKET_LIMIT);
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

  #loginBytes(login: Login, from: Side, chunk: Uint8Array, now: number): void {
    let at = 0;
    while (at < chunk.length && this.#clientOpen) {
      if (this.#conversation !== undefined) return this.received(from, chunk.subarray(at), now);
      if (from === "client" && (this.state === "CONNECT_SERVER" || this.state === "READ_HANDSHAKE")) {
        return this.#refuse(ErrorNumber.ER_HANDSHAKE_ERROR, "08S01", "(proxy) the client spoke before the greeting");
      }
      try {
        const collected = login[from].collect(chunk, at);
        at = collected.at;
        if (collected.packet === undefined) return;
        this.#loginSequenceId = collected.packet[3]!;
        if (from === "client") this.#loginFromClient(login, collected.packet);
        else this.#loginFromServer(login, collected.packet);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        return this.#garbled(from, error, now);
      }
    }
  }

  #garbled(from: Side, error: ProtocolError, now: number): void {
    if (from === "client") {
      return this.#refuse(ErrorNumber.ER_HANDSHAKE_ERROR, "08S01", `(proxy) bad handshake: ${error.message}`);
    }
    if (this.state === "READ_HANDSHAKE") return this.#backendFailed(`no MySQL greeting: ${error.message}`, now);
    const text = `backend ${this.#backendName()} does not speak MySQL's protocol: ${error.message}`;
    this.#effects.report("warning", text);
    this.#refuse(ErrorNumber.ER_UNKNOWN_ERROR, "HY000", `(proxy) ${text}`);
  }

  #loginFromServer(login: Login, packet: Uint8Array): void {
    const first = packet[HEADER_LENGTH];
    if (first === undefined) throw new ProtocolError("malformed", "Empty packet during login");
    if (this.state === "READ_HANDSHAKE") return this.#greeting(login, packet, first);
    this.#on(ON.auth_result);
    this.#effects.send("client", packet);
    if (first === OK) {
      this.#on(ON.logged_in);
      this.#loggedIn(login, packet);
    } else if (first === ERR) {
      this.#on(ON.refused);
      this.#end();
    } else if (first === AUTH_MORE_DATA && packet[HEADER_LENGTH + 1] === FAST_AUTH_SUCCESS && packet.length === 6) {
      this.#on(ON.turn_server);
    } else {
      this.#on(ON.turn_client);
    }
  }

  #greeting(login: Login, packet: Uint8Array, first: number): void {
    if (first === ERR) {
      this.#on(ON.handshake_refused);
      this.#effects.send("client", packet);
      this.#on(ON.sent);
      return this.#end();
    }
    const payload = packet.subarray(HEADER_LENGTH);
    const handshake = parseHandshake(payload);
    login.serverCapabilities = handshake.capabilities & ~HIDDEN_CAPABILITIES;
    this.threadId = handshake.connectionId;
    this.#on(ON.handshake);
    this.#effects.send("client", encodePacket(withoutCapabilities(payload, HIDDEN_CAPABILITIES), packet[3]!));
    this.#on(ON.turn_client);
  }

  #loginFromClient(login: Login, packet: Uint8Array): void {
    if (this.state !== "READ_AUTH") {
      this.#on(ON.auth_data);
      this.#effects.send("server", packet);
      return this.#on(ON.turn_server);
    }
    const payload = packet.subarray(HEADER_LENGTH);
    const response = parseHandshakeResponse(payload);
    switch (response.kind) {
      case "response320":
        return this.#refuse(ErrorNumber.CR_VERSION_ERROR, undefined, "4.0 protocol is not supported");
      case "ssl-request":
        return this.#refuse(
          ErrorNumber.CR_SSL_CONNECTION_ERROR,
          "HY000",
          "(proxy) TLS was asked for but not offered, connect without it (--ssl-mode=DISABLED or --skip-ssl)",
        );
      case "response41":
        break;
    }
    login.clientCapabilities = response.capabilities & ~HIDDEN_CAPABILITIES;
    this.username = response.username;
    this.#on(ON.auth);
    this.#effects.send("server", encodePacket(responseWithoutCapabilities(payload, HIDDEN_CAPABILITIES), packet[3]!));
    this.#on(ON.turn_server);
  }

  #loggedIn(login: Login, ok: Uint8Array): void {
    const agreed = login.serverCapabilities & login.clientCapabilities;
    const tracker = new ResponseTracker({
      deprecateEof: hasCapability(agreed, Capability.CLIENT_DEPRECATE_EOF),
      optionalMetadata: hasCapability(agreed, Capability.CLIENT_OPTIONAL_RESULTSET_METADATA) ||
        hasCapability(agreed, Capability.MARIADB_CLIENT_CACHE_METADATA),
    });
    this.#conversation = {
      commands: new PacketWalker({ packet: this.#clientPacket.bind(this) }),
      responses: new PacketWalker(tracker),
      tracker,
    };
    this.#login = undefined;
    tracker.loggedIn(ok, HEADER_LENGTH, ok.length);
    if (this.#stopping) this.#stopIdle();
  }

  // --- commands and responses

  #fromClient(conversation: Conversation, chunk: Uint8Array): void {
    if (!this.#serverOpen || !this.#clientOpen) return;
    this.#effects.send("server", chunk);
    conversation.commands.walk(chunk);
  }

  #clientPacket(bytes: Uint8Array, start: number, end: number, length: number): void {
    const { tracker } = this.#conversation!;
    if (this.#state === READ_LOCAL_INFILE_DATA) return this.#filePacket(tracker, length);
    if (tracker.inExchange || this.#state === STATE_NUMBER.CLOSE_SERVER) return;
    const command = start < end ? bytes[start]! : Command.COM_SLEEP;
    tracker.expect(command);
    this.#on(ON.command);
    if (command === Command.COM_QUIT) this.#on(ON.quit);
    else this.#on(tracker.idle ? ON.turn_client : ON.turn_server);
  }

  #filePacket(tracker: ResponseTracker, length: number): void {
    this.#on(ON.data);
    if (length > 0) return this.#on(ON.sent);
    tracker.localInfileSent();
    this.#on(tracker.idle ? ON.turn_client : ON.data_end);
  }

  #fromServer(conversation: Conversation, chunk: Uint8Array): void {
    if (!this.#clientOpen) return;
    this.#effects.send("client", chunk);
    conversation.responses.walk(chunk);
    if (this.#state !== READ_QUERY_RESULT && this.#state !== READ_LOCAL_INFILE_RESULT) return;
    const { tracker } = conversation;
    this.#on(ON.result);
    if (tracker.idle) {
      this.#on(ON.finished);
      if (this.#stopping && this.idle) this.#stopIdle();
    } else {
      this.#on(tracker.wantsLocalInfile ? ON.wants_file : ON.sent);
    }
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
    const doing = this.#conversation === undefined ? "login" : "query";
    this.#effects.report("warning", `Backend ${name} went away during a ${doing}: ${reason}`);
    this.#refuse(ErrorNumber.CR_SERVER_LOST, "08S01", `(proxy) lost connection to backend ${name} during ${doing}`);
  }

  /** Sends an ERR packet, where the client can understand one, and closes both sides. */
  #refuse(errorNumber: number, sqlState: string | undefined, text: string): void {
    // After COM_QUIT nobody listens any more.
    if (this.state === "CLOSE_SERVER") return this.#end();
    this.#on(ON.refused);
    this.#sendError(errorNumber, sqlState, text);
  }

  #sendError(errorNumber: number, sqlState: string | undefined, text: string): void {
    const sequenceId = this.#errorSequenceId();
    if (sequenceId !== undefined) {
      const error = encodeErr({ errorNumber, message: text, ...(sqlState === undefined ? {} : { sqlState }) });
      this.#effects.send("client", encodePacket(error, sequenceId));
    }
    this.#on(ON.sent);
    this.#end();
  }

  /** The sequence id that the client expects next, or `undefined` where a packet would land inside another one. */
  #errorSequenceId(): number | undefined {
    const conversation = this.#conversation;
    if (conversation === undefined) return (this.#loginSequenceId + 1) & 0xff;
    const { commands, responses, tracker } = conversation;
    if (!responses.atBoundary || tracker.foreign) return undefined;
    if (tracker.idle && commands.atBoundary) return 0;
    return ((tracker.started ? responses : commands).sequenceId + 1) & 0xff;
  }

  #stopIdle(): void {
    this.#on(ON.stopped);
    // Without it the server would count and log an aborted connection.
    this.#effects.send("server", encodePacket(Uint8Array.of(Command.COM_QUIT), 0));
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
