/**
 * One client's connection through the proxy, without sockets, timers or Lua.
 *
 * Bytes, closes and timeouts of either side go in; what is to be done comes out through {@linkcode Effects}. Before the
 * login has ended whole packets count (`login_dialogue.ts`); afterwards chunks go through as they come (`forwarding.ts`),
 * unless a script looks at the commands (`scripted_traffic.ts`).
 *
 * @module
 */
import { Command, encodeErr, encodePacket, ErrorNumber, ProtocolError } from "../protocol/mod.ts";
import { type Script, Verdict } from "../script/mod.ts";
import { Attachment } from "./attachment.ts";
import type { Backends } from "./backends.ts";
import type { Effects, Side } from "./effects.ts";
import { Forwarding } from "./forwarding.ts";
import { Lifecycle } from "./lifecycle.ts";
import { Login } from "./login.ts";
import { LoginDialogue, type LoginHost, type TlsResult } from "./login_dialogue.ts";
import type { BackendPolicy, LoginPolicy } from "./login_policy.ts";
import type { Pool } from "./pool.ts";
import { type Refusal, unknown } from "./refusal.ts";
import { type HeldEvent, ScriptCalls } from "./script_calls.ts";
import { type ScriptedSession, ScriptedTraffic } from "./scripted_traffic.ts";
import type { Identity, ServerLink } from "./server_link.ts";
import { EVENT_NUMBER, type State, STATE_NUMBER } from "./state.ts";
import type { Traffic, TrafficHost } from "./traffic.ts";
import { Wire } from "./wire.ts";

const ON = EVENT_NUMBER;
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

const PLAIN_BACKEND: BackendPolicy = { tls: "disabled", socket: false, compression: [] };

/** What a session with a script needs. */
export interface Scripting {
  readonly pool: Pool;
  /** Makes the script of a session. */
  script(session: Session): Script;
  /** The client's address as backend `index` has been told it, empty if it has not. */
  addressFor(index: number): string;
  /** Seconds since 1970, for what comes after a hook has waited. */
  now(): number;
  /** Milliseconds, on the clock of the script's queue. */
  clock(): number;
}

/** The state machine of one connection. */
export class Session {
  readonly #effects: Effects;
  readonly #policy: LoginPolicy;
  readonly #life = new Lifecycle();
  readonly #attachment: Attachment;
  readonly #scripting: Scripting | undefined;
  readonly #calls: ScriptCalls | undefined;
  /** Until the client is logged in. */
  #dialogue: LoginDialogue | undefined;
  /** From then on. */
  #traffic: Traffic | undefined;
  /** What the login has settled. */
  #login: Login;
  #clientWire = new Wire(undefined);
  #serverWire = new Wire(undefined);
  #clientOpen = true;
  #serverOpen = false;
  /** The proxy stops: close as soon as nothing is being done. */
  #stopping = false;
  /** What the script has written to `backend_ndx`, 0 for nothing. */
  #wish = 0;
  /** A server has let the client in, or the script: nobody else gets connections of the pool under the name it gave. */
  #admitted = false;
  /** Who the client has become, and the collation that it has asked for then. */
  #changed: { readonly identity: Identity; readonly charset: number } | undefined;
  /** Both sides are done with: a last hook that still waits gets no server any more. */
  #over = false;

  /** Close both sides once the response at hand has been sent. */
  closeAfterResponse = false;
  /** The client's default database, as far as it is known. */
  defaultDb = "";

  /** @param socket the client is connected through a Unix socket. */
  constructor(backends: Backends, effects: Effects, policy: LoginPolicy, socket = false, scripting?: Scripting) {
    this.#effects = effects;
    this.#policy = policy;
    this.#scripting = scripting;
    this.#attachment = new Attachment(backends, effects, scripting?.pool);
    this.#login = new Login(policy, socket);
    if (scripting !== undefined) {
      this.#calls = new ScriptCalls(scripting.script(this), {
        replay: (event) => this.#replay(event, scripting.now()),
        hold: (until) => effects.hold(until),
        caughtUp: () => {
          if (this.#stopping && this.idle) this.#stopIdle();
        },
        failed: (error) => {
          const text = error instanceof Error ? error.stack ?? error.message : String(error);
          effects.report("critical", `A connection failed: ${text}`);
          this.#end();
        },
      });
    }
    this.#dialogue = new LoginDialogue(this.#login, this.#life, effects, this.#loginHost(), this.#calls);
  }

  /** What is known of the client and of whom it wanted to talk to. */
  get login(): Login {
    return this.#login;
  }

  /** Who the client is, once it has said so: by its login, or by a change of user since. */
  get identity(): Identity | undefined {
    return this.#changed?.identity ?? (this.#login.client === undefined ? undefined : this.#login.identity);
  }

  /** Who the client has said that it is, last; a script may have logged it in as somebody else. */
  get claim(): Identity | undefined {
    return this.#changed?.identity ?? this.#login.claim;
  }

  /** The user's name, once the client has sent it. */
  get username(): string | undefined {
    return this.identity?.username;
  }

  /** The server's connection id, once it has greeted. */
  get threadId(): number | undefined {
    return this.#login.threadId;
  }

  get state(): State {
    return this.#life.state;
  }

  /** The index of the backend that is attached or being tried. */
  get backend(): number | undefined {
    return this.#attachment.backend;
  }

  /** The server's connection. */
  get link(): ServerLink | undefined {
    return this.#attachment.link;
  }

  /** Whether both sides are done with. */
  get ended(): boolean {
    return !this.#clientOpen && !this.#serverOpen;
  }

  /** Whether a hook waits for something, so that nobody is late. */
  get waiting(): boolean {
    return this.#calls?.waiting === true;
  }

  /** Whether a server has been connected and the client is not logged in yet. */
  get loggingIn(): boolean {
    return this.#dialogue !== undefined && this.#clientOpen && this.#life.number > STATE_NUMBER.CONNECT_SERVER;
  }

  /** Whether the client is logged in and nothing is under way in either direction. */
  get idle(): boolean {
    return this.#traffic?.idle === true;
  }

  /** Whether a transaction is open on the server, by its last word. */
  get inTransaction(): boolean {
    return this.#traffic?.inTransaction ?? false;
  }

  /** How many responses have been completed. */
  get responses(): number {
    return this.#traffic?.responses ?? 0;
  }

  /** Who is to speak next: the side whose silence the read timeout bounds. */
  get waitsFor(): Side {
    return CLIENT_SPEAKS.has(this.state) ? "client" : "server";
  }

  /** Whether the server is in the middle of a response, so that more bytes are likely to follow soon. */
  get responding(): boolean {
    return this.#traffic?.responding === true;
  }

  /** Whether the client is in the middle of a packet or a file. */
  get uploading(): boolean {
    return this.#traffic !== undefined &&
      (this.#traffic.uploading || this.#life.number === STATE_NUMBER.READ_LOCAL_INFILE_DATA);
  }

  /** A client has connected. `now` is in seconds since 1970, here and below. */
  open(now: number): void {
    if (!this.#clientOpen) return;
    this.#on(ON.accepted);
    this.#chooseBackend(now);
  }

  /** The connection that was asked for is open. */
  connected(now: number): void {
    if (this.state !== "CONNECT_SERVER" || this.#attachment.backend === undefined) return this.#effects.drop();
    this.#serverOpen = true;
    this.#attachment.connected(now);
    this.#on(ON.connected);
  }

  /** The connection that was asked for could not be opened. */
  connectFailed(reason: string, now: number): void {
    if (this.state === "CONNECT_SERVER") this.#backendFailed(reason, now);
  }

  /** Bytes have come; they may be changed once the call has returned and what was sent is written. */
  received(from: Side, chunk: Uint8Array, now: number): void {
    const calls = this.#calls;
    if (calls?.waiting === true) return calls.keep({ kind: "bytes", from, bytes: chunk.slice(), plain: false });
    const wire = from === "client" ? this.#clientWire : this.#serverWire;
    if (wire.compressed) this.#decode(wire, from, chunk, now);
    else this.#take(from, chunk, now);
  }

  #decode(wire: Wire, from: Side, chunk: Uint8Array, now: number): void {
    try {
      wire.decode(chunk, (plain) => this.#take(from, plain, now));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (this.#clientOpen) this.#garbled(from, error);
    }
  }

  /** Takes bytes as they were before compression. */
  #take(from: Side, chunk: Uint8Array, now: number): void {
    const traffic = this.#traffic;
    if (traffic !== undefined) {
      if (from === "client") traffic.fromClient(chunk);
      else traffic.fromServer(chunk);
    } else if (this.#dialogue !== undefined && this.#clientOpen) {
      const rest = this.#dialogue.received(from, chunk, now);
      if (rest === chunk.length) return;
      const bytes = chunk.subarray(rest);
      if (this.#calls?.waiting === true) this.#calls.keep({ kind: "bytes", from, bytes: bytes.slice(), plain: true });
      // The last packet of the login may have settled that what follows is compressed.
      else if (this.#traffic !== undefined) this.received(from, bytes, now);
    }
  }

  /** The TLS handshake that was asked for has come to its end. */
  secured(side: Side, result: TlsResult): void {
    this.#dialogue?.secured(side, result);
  }

  /** A side has closed, or writing to it failed. */
  closed(side: Side, now: number, reason = "it closed the connection"): void {
    if (side === "client") this.#clientClosed();
    else if (this.#calls?.waiting === true && this.#clientOpen) this.#calls.keep({ kind: "server-closed", reason });
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
      this.#refuse(unknown(`backend ${this.#attachment.name} timed out after ${seconds} s, see --proxy-${option}`));
    }
  }

  /** Ends the session as soon as nothing is under way: now, if it is idle, has not logged in yet, or feeds a replica. */
  stop(): void {
    this.#stopping = true;
    if (this.idle) this.#stopIdle();
    else if (this.#traffic === undefined || this.#traffic.endless) this.cutOff();
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
    this.#calls?.end();
    this.#over = true;
    this.#attachment.release();
  }

  #on(event: number): void {
    this.#life.on(event);
  }

  // --- choosing a backend

  /** `proxy.connection.backend_ndx`: 1-based, 0 for none. */
  get backendNdx(): number {
    return this.#attachment.backend === undefined ? this.#wish : this.#attachment.backend + 1;
  }

  /** Gives the server back (0), or takes an idle connection of another backend; none there, it is but a wish (spec 4.4). */
  set backendNdx(ndx: number) {
    if (this.#over) return;
    this.#wish = ndx;
    const attachment = this.#attachment;
    // What it said while a hook waited may have been its last word.
    const atRest = (this.#traffic?.serverAtRest ?? true) && this.#calls?.holdsServer !== true;
    if (ndx === 0) {
      attachment.park(atRest, this.#calls?.ended === true);
    } else {
      if (!this.#admitted && this.#life.number !== STATE_NUMBER.CONNECT_SERVER) {
        // The client has been greeted by another server, or has yet to prove who it is.
        const text = "proxy.connection.backend_ndx gives no server to a client whom no server and no script has let in";
        this.#effects.report("info", text);
        return;
      }
      const taken = this.#traffic === undefined && this.#dialogue?.login.client === undefined
        ? attachment.takeAny(ndx - 1, this.#affinity(ndx - 1), atRest)
        : attachment.take(
          ndx - 1,
          this.identity?.username ?? "",
          this.#login.capabilities,
          this.#changed?.charset ?? this.#login.client?.charset ?? 0,
          this.#affinity(ndx - 1),
          atRest,
        );
      if (!taken) return;
    }
    this.#calls?.forgetServer();
    this.#serverOpen = attachment.link !== undefined;
    this.#serverWire = attachment.link?.wire ?? new Wire(undefined);
  }

  #affinity(backend: number): string {
    const followsClient = this.#policy.backends[backend]?.tls === "as-client" && this.#login.transport === "tls";
    return `${this.#scripting?.addressFor(backend) ?? ""}${followsClient ? " tls" : ""}`;
  }

  #chooseBackend(now: number): void {
    const calls = this.#calls;
    if (calls === undefined) return this.#tryBackend(now, undefined);
    this.#wish = 0;
    calls.ask(calls.script.connectServer(), (verdict) => this.#chosen(calls, verdict, now));
  }

  #chosen({ script }: ScriptCalls, verdict: Verdict, now: number): void {
    if (!this.#clientOpen) return;
    const { link } = this.#attachment;
    if (verdict === Verdict.SEND_RESULT) {
      if (link !== undefined) this.backendNdx = 0;
      return this.#dialogue?.greetAs(script.response());
    }
    if (link !== undefined && verdict === Verdict.IGNORE_RESULT) {
      const backend = this.#policy.backends[link.backend] ?? PLAIN_BACKEND;
      this.#login.useServer(backend, this.#attachment.name);
      return this.#dialogue?.greetPooled(this.#login.reuse(link));
    }
    const wish = link === undefined ? this.#wish : link.backend + 1;
    if (link !== undefined) this.backendNdx = 0;
    this.#tryBackend(now, wish === 0 ? undefined : wish - 1);
  }

  #tryBackend(now: number, wish: number | undefined): void {
    const failure = this.#attachment.connect(now, wish);
    if (failure !== undefined) {
      const [text, record] = failure === "all-down"
        ? ["all backends are down", "All backends are down, a client was refused"]
        : [
          `there is no backend ${wish! + 1}`,
          `There is no backend ${wish! + 1}, which the script has chosen for a client`,
        ];
      this.#effects.report("warning", record);
      this.#on(ON.no_backend);
      return this.#sendError(unknown(text));
    }
    const index = this.#attachment.backend!;
    this.#login.useServer(this.#policy.backends[index] ?? PLAIN_BACKEND, this.#attachment.name);
    this.#effects.connect(index);
  }

  #backendFailed(reason: string, now: number): void {
    if (this.#attachment.backend === undefined) return;
    this.#serverOpen = false;
    const { name } = this.#attachment;
    this.#attachment.failed(reason, now);
    if (this.#dialogue?.resuming === true) return this.#refuse(unknown(`cannot connect to backend ${name}: ${reason}`));
    this.#on(ON.backend_failed);
    this.#chooseBackend(now);
  }

  /** The pooled connection is of no use to the client: another one to the same backend is needed. */
  #reconnect(): void {
    const { backend } = this.#attachment;
    this.backendNdx = 0;
    this.#tryBackend(this.#scripting!.now(), backend);
  }

  // --- login

  #loginHost(): LoginHost {
    const isOver = () => this.#traffic !== undefined || !this.#clientOpen;
    const attachment = this.#attachment;
    return {
      get backendName() {
        return attachment.name;
      },
      get loginOver() {
        return isOver();
      },
      get serverAttached() {
        return attachment.link !== undefined;
      },
      toServer: (bytes, newCommand) => this.#toServer(bytes, newCommand),
      greeted: ({ handshake }) => {
        if (attachment.link !== undefined) attachment.link.handshake = handshake;
      },
      accepted: (login, ok) => this.#accepted(login, ok),
      reconnect: () => this.#reconnect(),
      recognised: (login) => {
        this.#admitted = true;
        this.#beginTraffic(login, undefined);
      },
      vouched: () => this.#admitted = true,
      loggedIn: (login, ok) => this.#loggedIn(login, ok),
      refuse: (refusal) => this.#refuse(refusal),
      end: () => this.#end(),
      backendFailed: (reason, now) => this.#backendFailed(reason, now),
      clientLost: () => this.#clientClosed(),
    };
  }

  /** The server has let the client in: from here on another client could have the connection. */
  #accepted(login: Login, ok: Uint8Array): void {
    const { link } = this.#attachment;
    if (link === undefined) return;
    this.#admitted = true;
    if (link.terms === undefined) {
      link.wire = new Wire(login.compression.server);
      this.#serverWire = link.wire;
    }
    link.affinity = this.#affinity(link.backend);
    link.loggedIn(login.linkTerms, login.identity, login.client?.database ?? "", ok);
  }

  #loggedIn(login: Login, ok: Uint8Array | undefined): void {
    if (ok === undefined && this.#attachment.link !== undefined) {
      // The script has let the client in without asking the server, who does not know it.
      this.#serverOpen = false;
      this.#effects.drop();
      this.#attachment.release();
    }
    this.#beginTraffic(login, ok);
  }

  #beginTraffic(login: Login, ok: Uint8Array | undefined): void {
    this.defaultDb = login.client?.database ?? "";
    this.#clientWire = new Wire(login.compression.client);
    const { link } = this.#attachment;
    if (this.#calls !== undefined && (this.#calls.script.readsQueries || link === undefined || ok === undefined)) {
      this.#traffic = this.#scriptedTraffic(this.#calls);
    } else if (ok !== undefined) {
      this.#serverWire = link?.wire.compressed ? link.wire : new Wire(login.compression.server);
      this.#traffic = new Forwarding(this.#trafficHost(), login, ok);
    }
    this.#dialogue = undefined;
    if (this.#stopping) this.#stopIdle();
  }

  // --- traffic

  #trafficHost(): TrafficHost {
    const isClientOpen = () => this.#clientOpen;
    const isServerOpen = () => this.#serverOpen;
    return {
      life: this.#life,
      get clientOpen() {
        return isClientOpen();
      },
      get serverOpen() {
        return isServerOpen();
      },
      toClient: (bytes) => this.#toClient(bytes),
      toServer: (bytes, newCommand) => this.#toServer(bytes, newCommand),
      refuse: (refusal) => this.#refuse(refusal),
      garbled: (from, error) => this.#garbled(from, error),
      finished: () => {
        if (this.#stopping && this.idle) this.#stopIdle();
      },
    };
  }

  #toClient(bytes: Uint8Array): void {
    const wire = this.#clientWire;
    this.#effects.send("client", wire.compressed ? wire.encode(bytes, false) : bytes);
  }

  #toServer(bytes: Uint8Array, newCommand: boolean): void {
    const wire = this.#serverWire;
    this.#effects.send("server", wire.compressed ? wire.encode(bytes, newCommand) : bytes);
  }

  /** What cannot be read any further: a compressed packet, or one that changes the user. */
  #garbled(from: Side, error: ProtocolError): void {
    if (from === "client") return this.#refuse(unknown(error.message));
    const text = `backend ${this.#attachment.name} does not speak MySQL's protocol: ${error.message}`;
    this.#effects.report("warning", text);
    this.#refuse(unknown(text));
  }

  #scriptedTraffic(calls: ScriptCalls): ScriptedTraffic {
    const own: ScriptedSession = {
      link: () => this.#attachment.link,
      transport: this.#login.transport,
      keys: this.#policy.passwordKeys,
      compressed: () => this.#clientWire.compressed || this.#serverWire.compressed,
      databaseChanged: (name) => this.defaultDb = name,
      userChanged: (identity, charset) => this.#changed = { identity, charset },
      closing: () => this.closeAfterResponse,
      clock: this.#scripting!.clock,
      report: (level, text) => this.#effects.report(level, text),
      end: () => this.#end(),
      hold: (until) => this.#effects.hold(until),
    };
    return new ScriptedTraffic(this.#trafficHost(), own, calls);
  }

  /** Goes on with what has happened while a hook waited. */
  #replay(event: HeldEvent, now: number): void {
    if (event.kind === "server-closed") this.#serverClosed(now, event.reason);
    else if (event.plain) this.#take(event.from, event.bytes, now);
    else this.received(event.from, event.bytes, now);
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
    const name = this.#attachment.name;
    const doing = this.#traffic === undefined ? "login" : "query";
    const refusal: Refusal = {
      errorNumber: ErrorNumber.CR_SERVER_LOST,
      sqlState: "08S01",
      text: `(proxy) lost connection to backend ${name} during ${doing}`,
    };
    const deferred = this.#clientOpen && this.#dialogue?.defer(refusal) === true;
    if (this.#attachment.link !== undefined) this.#attachment.link.closed = true;
    // The script may still look at the server.
    if (this.#clientOpen && !deferred) this.#calls?.end();
    this.#attachment.release();
    if (!this.#clientOpen) return;
    if (this.state === "CLOSE_SERVER" || this.idle) {
      if (this.state !== "CLOSE_SERVER") {
        this.#effects.report("info", `Backend ${name} closed the connection of an idle client: ${reason}`);
      }
      this.#on(ON.server_closed);
      return this.#end();
    }
    if (this.#traffic?.leavesAfterRefusal) {
      // The server was gone before the client's next command, which would have been answered by nobody.
      this.#effects.report("info", `Backend ${name} closed the connection after a refused change of user: ${reason}`);
      this.#on(ON.server_closed);
      return this.#end();
    }
    this.#effects.report("warning", `Backend ${name} went away during a ${doing}: ${reason}`);
    if (!deferred) this.#refuse(refusal);
  }

  /** Sends an ERR packet, where the client can understand one, and closes both sides. */
  #refuse(refusal: Refusal): void {
    // After COM_QUIT nobody listens any more.
    if (this.#life.number === CLOSE_SERVER) return this.#end();
    this.#on(ON.refused);
    this.#sendError(refusal);
  }

  #sendError({ errorNumber, sqlState, text }: Refusal): void {
    const sequenceId = this.#traffic === undefined
      ? this.#dialogue?.login.nextSequenceId("client")
      : this.#traffic.nextSequenceId;
    if (sequenceId !== undefined) {
      const error = encodeErr({ errorNumber, message: text, ...(sqlState === undefined ? {} : { sqlState }) });
      this.#toClient(encodePacket(error, sequenceId));
    }
    this.#on(ON.sent);
    this.#end();
  }

  #stopIdle(): void {
    if (!this.#clientOpen) return;
    this.#on(ON.stopped);
    // Without it the server would count and log an aborted connection.
    if (this.#serverOpen) this.#toServer(encodePacket(Uint8Array.of(Command.COM_QUIT), 0), true);
    this.#end();
  }

  /** Closes what is still open, after the script's last word: it may give the server back to the pool. */
  #end(): void {
    this.#calls?.end();
    this.#over = true;
    if (this.#clientOpen) {
      this.#clientOpen = false;
      this.#effects.close("client");
    }
    if (this.#serverOpen) {
      this.#serverOpen = false;
      this.#effects.close("server");
    } else if (this.#attachment.backend !== undefined) {
      // Still connecting.
      this.#effects.drop();
    }
    this.#attachment.release();
  }
}
