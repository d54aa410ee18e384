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
  encodeErr,
  encodePacket,
  ErrorNumber,
  HEADER_LENGTH,
  type PacketVisitor,
  ProtocolError,
} from "../protocol/mod.ts";
import type { Backends } from "./backends.ts";
import { Conversation } from "./conversation.ts";
import type { Effects, Side } from "./effects.ts";
import { Login, type Refusal } from "./login.ts";
import { EVENT_NUMBER, nextState, type State, STATE_NUMBER, STATES } from "./state.ts";

const ON = EVENT_NUMBER;
const READ_QUERY = STATE_NUMBER.READ_QUERY;
const READ_QUERY_RESULT = STATE_NUMBER.READ_QUERY_RESULT;
const READ_LOCAL_INFILE_DATA = STATE_NUMBER.READ_LOCAL_INFILE_DATA;
const READ_LOCAL_INFILE_RESULT = STATE_NUMBER.READ_LOCAL_INFILE_RESULT;
const CLOSE_SERVER = STATE_NUMBER.CLOSE_SERVER;

const CLIENT_SPEAKS: ReadonlySet<State> = new Set<State>([
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

/** The state machine of one connection. */
export class Session implements PacketVisitor {
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
    return conversation !== undefined && this.#state === READ_QUERY && conversation.atBoundary;
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
    this.#login = new Login();
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
      this.#refuse({
        errorNumber: ErrorNumber.ER_CLIENT_INTERACTION_TIMEOUT,
        sqlState: "HY000",
        text: `(proxy) nothing heard for ${seconds} s, see --proxy-read-timeout`,
      });
    } else {
      this.#refuse(unknown(`backend ${this.#backendName()} timed out after ${seconds} s, see --proxy-read-timeout`));
    }
  }

  /** Ends the session as soon as nothing is under way: now, if it is idle, has not logged in yet, or feeds a replica. */
  stop(): void {
    this.#stopping = true;
    if (this.idle) this.#stopIdle();
    else if (this.#conversation === undefined || this.#conversation.tracker.endless) this.cutOff();
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
    this.#state = nextState(this.#state, event);
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
    this.#login?.nextServer();
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
        return this.#refuse(badHandshake("the client spoke before the greeting"));
      }
      try {
        const collected = login.collect(from, chunk, at);
        at = collected.at;
        if (collected.packet === undefined) return;
        if (from === "client") this.#loginFromClient(login, collected.packet);
        else this.#loginFromServer(login, collected.packet);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        return this.#garbled(from, error, now);
      }
    }
  }

  #garbled(from: Side, error: ProtocolError, now: number): void {
    if (from === "client") return this.#refuse(badHandshake(error.message));
    if (this.state === "READ_HANDSHAKE") return this.#backendFailed(`no MySQL greeting: ${error.message}`, now);
    const text = `backend ${this.#backendName()} does not speak MySQL's protocol: ${error.message}`;
    this.#effects.report("warning", text);
    this.#refuse(unknown(text));
  }

  #loginFromServer(login: Login, packet: Uint8Array): void {
    if (this.state === "READ_HANDSHAKE") return this.#greeting(login, packet);
    const verdict = login.verdict(packet);
    this.#on(ON.auth_result);
    this.#effects.send("client", packet);
    this.#on(ON[verdict]);
    if (verdict === "logged_in") this.#loggedIn(login, packet);
    else if (verdict === "refused") this.#end();
  }

  #greeting(login: Login, packet: Uint8Array): void {
    const greeting = login.greeting(packet);
    this.threadId = login.threadId;
    this.#on(greeting.refused ? ON.handshake_refused : ON.handshake);
    this.#effects.send("client", greeting.packet);
    if (!greeting.refused) return this.#on(ON.turn_client);
    this.#on(ON.sent);
    this.#end();
  }

  #loginFromClient(login: Login, packet: Uint8Array): void {
    if (this.state !== "READ_AUTH") {
      this.#on(ON.auth_data);
      this.#effects.send("server", packet);
      return this.#on(ON.turn_server);
    }
    const answer = login.response(packet);
    if (answer.kind === "refuse") return this.#refuse(answer.refusal);
    this.username = login.username;
    this.#on(ON.auth);
    this.#effects.send("server", answer.packet);
    this.#on(ON.turn_server);
  }

  #loggedIn(login: Login, ok: Uint8Array): void {
    const conversation = new Conversation(login.format, this);
    conversation.tracker.loggedIn(ok, HEADER_LENGTH, ok.length);
    this.#conversation = conversation;
    this.#login = undefined;
    if (this.#stopping) this.#stopIdle();
  }

  // --- commands and responses

  #fromClient(conversation: Conversation, chunk: Uint8Array): void {
    if (!this.#serverOpen || !this.#clientOpen) return;
    this.#effects.send("server", chunk);
    conversation.commands.walk(chunk);
  }

  /** For the conversation alone: a packet of the client has gone by. */
  packet(bytes: Uint8Array, start: number, end: number): void {
    const { tracker } = this.#conversation!;
    if (this.#state === READ_LOCAL_INFILE_DATA) return this.#filePacket(tracker, start === end);
    if (tracker.inExchange || this.#state === CLOSE_SERVER) return;
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
    this.#refuse({
      errorNumber: ErrorNumber.CR_SERVER_LOST,
      sqlState: "08S01",
      text: `(proxy) lost connection to backend ${name} during ${doing}`,
    });
  }

  /** Sends an ERR packet, where the client can understand one, and closes both sides. */
  #refuse(refusal: Refusal): void {
    // After COM_QUIT nobody listens any more.
    if (this.#state === CLOSE_SERVER) return this.#end();
    this.#on(ON.refused);
    this.#sendError(refusal);
  }

  #sendError({ errorNumber, sqlState, text }: Refusal): void {
    const sequenceId = this.#conversation === undefined
      ? this.#login?.nextSequenceId
      : this.#conversation.nextSequenceId;
    if (sequenceId !== undefined) {
      const error = encodeErr({ errorNumber, message: text, ...(sqlState === undefined ? {} : { sqlState }) });
      this.#effects.send("client", encodePacket(error, sequenceId));
    }
    this.#on(ON.sent);
    this.#end();
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

function unknown(text: string): Refusal {
  return { errorNumber: ErrorNumber.ER_UNKNOWN_ERROR, sqlState: "HY000", text: `(proxy) ${text}` };
}

function badHandshake(why: string): Refusal {
  return { errorNumber: ErrorNumber.ER_HANDSHAKE_ERROR, sqlState: "08S01", text: `(proxy) bad handshake: ${why}` };
}
