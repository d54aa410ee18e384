/**
 * The part of a session's life up to the server's OK: whose packet is taken in which state, and what it leads to.
 *
 * @module
 */
import {
  encodeOk,
  encodePacket,
  ERR_HEADER,
  ErrorNumber,
  HEADER_LENGTH,
  isSslRequest,
  ProtocolError,
  ServerStatus,
} from "../protocol/mod.ts";
import { Verdict } from "../script/mod.ts";
import type { AuthStep } from "./authentication.ts";
import type { Effects, Side } from "./effects.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Answer, Login } from "./login.ts";
import { badHandshake, type Refusal, tlsRefusal, unknown } from "./refusal.ts";
import type { ScriptCalls } from "./script_calls.ts";
import { EVENT_NUMBER as ON } from "./state.ts";

/** What came of a TLS handshake: encrypted, encrypted with somebody whom we do not trust, or not at all. */
export type TlsResult =
  | { readonly kind: "secured" }
  | { readonly kind: "distrusted" | "failed"; readonly reason: string };

/** What a login leads to beyond itself. */
export interface LoginHost {
  /** The name of the backend for messages. */
  readonly backendName: string;
  /** The client is logged in, or gone. */
  readonly loginOver: boolean;
  /** Whether there is a server; a script can do without. */
  readonly serverAttached: boolean;
  toServer(bytes: Uint8Array, newCommand: boolean): void;
  /** The server has greeted. */
  greeted(login: Login): void;
  /** The server has accepted the client with this OK packet, which the client has not seen yet. */
  accepted(login: Login, ok: Uint8Array): void;
  /** The client has got the server connection of the pool that is its own. */
  recognised(login: Login): void;
  /** The client needs another connection to the same backend. */
  reconnect(): void;
  /** The script has let the client in, which so is who it says it is. */
  vouched(): void;
  /** The client has been told that it is logged in. Without `ok`, by the script alone. */
  loggedIn(login: Login, ok: Uint8Array | undefined): void;
  /** The client is to get an ERR packet, and both sides are to be closed. */
  refuse(refusal: Refusal): void;
  /** All is said; both sides are to be closed. */
  end(): void;
  /** This server is none; another one is to be tried. */
  backendFailed(reason: string, now: number): void;
  /** Nothing can be said to the client any more. */
  clientLost(): void;
}

/** An ERR packet that the client cannot take yet: ours, or the server's. */
type Pending =
  | { readonly kind: "refusal"; readonly refusal: Refusal }
  | { readonly kind: "error"; readonly payload: Uint8Array };

const NOTHING = new Uint8Array(0);
const OK_HEADER = 0x00;
const HANDSHAKE_HEADER = 0x0a;

/** One login of one client, with one server after the other if need be. */
export class LoginDialogue {
  readonly login: Login;
  readonly #life: Lifecycle;
  readonly #effects: Effects;
  readonly #host: LoginHost;
  readonly #calls: ScriptCalls | undefined;
  /** The client's login packet is being dealt with; what it says now answers our question. */
  #begun = false;
  /** The client's login packet waits for a server of its own. */
  #resuming = false;
  /** What the client will be told when it has sent its login packet. */
  #pending: Pending | undefined;

  constructor(login: Login, life: Lifecycle, effects: Effects, host: LoginHost, calls: ScriptCalls | undefined) {
    this.#calls = calls;
    this.login = login;
    this.#life = life;
    this.#effects = effects;
    this.#host = host;
  }

  /**
   * Keeps a refusal until the client has sent its login packet, or answered a question of its login, if that is what it is
   * about to do: it does so in any case, and takes no answer whose number does not come after that.
   *
   * @returns whether it is kept.
   */
  defer(refusal: Refusal): boolean {
    const { state } = this.#life;
    if (state !== "READ_AUTH" && state !== "SECURE_CLIENT" && state !== "READ_AUTH_OLD_PASSWORD") return false;
    this.#pending ??= { kind: "refusal", refusal };
    return true;
  }

  #sayPending(pending: Pending): void {
    if (pending.kind === "refusal") return this.#host.refuse(pending.refusal);
    this.#life.on(ON.auth_result);
    this.#take({ kind: "to-client", payload: pending.payload, then: "refused" });
    this.#host.end();
  }

  /** Takes bytes of a side; returns how many belonged to the login. */
  received(from: Side, chunk: Uint8Array, now: number): number {
    const { login } = this;
    for (let at = 0; at < chunk.length;) {
      try {
        const collected = login.collect(from, chunk, at);
        at = collected.at;
        if (collected.packet === undefined) return at;
        if (from === "server") this.#fromServer(collected.packet);
        else if (this.#fromClient(collected.packet)) {
          // What follows belongs to TLS.
          this.#effects.secure("client", chunk.subarray(at));
          return chunk.length;
        }
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#garbled(from, error, now);
        // What else is there means nothing any more, to the next server neither.
        return chunk.length;
      }
      if (this.#host.loginOver || this.#calls?.waiting === true) return at;
    }
    return chunk.length;
  }

  /** Greets the client in place of a server, with what a script has made up. Anything but a greeting ends the login. */
  greetAs(payloads: readonly Uint8Array[]): void {
    const [first] = payloads;
    if (first?.[0] === HANDSHAKE_HEADER) {
      try {
        this.login.greetAs(first);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        return this.#host.refuse(unknown(`the script's greeting cannot be read: ${error.message}`));
      }
    }
    this.#life.on(ON.answered);
    this.#sendAll(payloads);
    if (first?.[0] === HANDSHAKE_HEADER) return this.#life.on(ON.turn_client);
    this.#host.end();
  }

  /** Greets the client for a server that is logged in already. */
  greetPooled(greeting: Uint8Array): void {
    this.#life.on(ON.pooled);
    this.#effects.send("client", greeting);
    this.#life.on(ON.turn_client);
  }

  #sendAll(payloads: readonly Uint8Array[]): void {
    for (const payload of payloads) this.#effects.send("client", this.login.packetFor("client", payload));
  }

  /** The TLS handshake with a side has come to its end. */
  secured(side: Side, result: TlsResult): void {
    if (this.#life.state !== (side === "client" ? "SECURE_CLIENT" : "SECURE_SERVER")) return;
    if (result.kind !== "failed") this.login.secured(side);
    if (side === "client") this.#clientSecured(result);
    else this.#serverSecured(result);
  }

  #garbled(from: Side, error: ProtocolError, now: number): void {
    if (from === "client") return this.#host.refuse(badHandshake(error.message));
    if (this.#life.state === "READ_HANDSHAKE") {
      return this.#host.backendFailed(`no MySQL greeting: ${error.message}`, now);
    }
    const text = `backend ${this.#host.backendName} does not speak MySQL's protocol: ${error.message}`;
    this.#effects.report("warning", text);
    this.#host.refuse(unknown(text));
  }

  #fromServer(packet: Uint8Array): void {
    if (this.#life.state === "READ_HANDSHAKE") return this.#greeting(packet);
    if (this.#life.state === "READ_AUTH" || this.#life.state === "SECURE_CLIENT") {
      // Before the client has been heard a server can only refuse; it may also be somebody who speaks in its name before
      // TLS.
      if (packet[HEADER_LENGTH] !== ERR_HEADER) throw new ProtocolError("out-of-order", "it spoke out of turn");
      this.#pending ??= { kind: "error", payload: packet.slice(HEADER_LENGTH) };
      return;
    }
    const calls = this.#calls;
    if (calls === undefined) return this.#authResult(packet, packet);
    if (packet[HEADER_LENGTH] === OK_HEADER) this.#host.accepted(this.login, packet);
    calls.ask(calls.script.readAuthResult(packet.subarray(HEADER_LENGTH)), (verdict) => {
      if (this.#host.loginOver) return;
      const [header = 0] = packet.subarray(HEADER_LENGTH);
      if (!this.#host.serverAttached && header !== OK_HEADER && header !== ERR_HEADER) {
        return this.#host.refuse(unknown("the script has given the server away before it let the client in"));
      }
      const [instead] = verdict === Verdict.SEND_RESULT ? calls.script.response() : [];
      this.#guarded(() => this.#authResult(packet, instead === undefined ? packet : encodePacket(instead, packet[3]!)));
    });
  }

  /** @param shown what the client is to see in place of the server's packet. */
  #authResult(packet: Uint8Array, shown: Uint8Array): void {
    const step = this.login.exchange("server", shown);
    if (step.kind === "refuse") return this.#host.refuse(step.refusal);
    this.#life.on(ON.auth_result);
    this.#take(step);
    if (step.kind !== "to-client") return;
    if (step.then === "logged_in") {
      if (shown !== packet) this.#host.vouched();
      this.#host.loggedIn(this.login, packet[HEADER_LENGTH] === OK_HEADER ? packet : undefined);
    } else if (step.then === "refused") this.#host.end();
  }

  /** What a script's answer has delayed is no less likely to be malformed. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#host.refuse(badHandshake(error.message));
    }
  }

  /** Whether the client has sent its login packet to a server that it does not get. */
  get resuming(): boolean {
    return this.#resuming;
  }

  #greeting(packet: Uint8Array): void {
    if (this.#resuming && packet[HEADER_LENGTH] !== ERR_HEADER) {
      const answer = this.login.resume(packet);
      this.#host.greeted(this.login);
      this.#act(answer);
      return;
    }
    const { payload, refused } = this.login.greeting(packet);
    if (refused) {
      this.#life.on(ON.handshake_refused);
      this.#sendAll([payload]);
      this.#life.on(ON.sent);
      return this.#host.end();
    }
    this.#host.greeted(this.login);
    const calls = this.#calls;
    if (calls === undefined) return this.#offer(payload);
    calls.ask(calls.script.readHandshake(), (verdict) => {
      if (this.#host.loginOver) return;
      if (verdict !== Verdict.SEND_RESULT && verdict !== Verdict.SEND_QUERY) return this.#offer(payload);
      this.#life.on(ON.answered);
      this.#sendAll(calls.script.response());
      this.#host.end();
    });
  }

  #offer(payload: Uint8Array): void {
    this.#life.on(ON.handshake);
    this.#sendAll([payload]);
    this.#life.on(ON.turn_client);
  }

  /** @returns whether TLS begins behind the packet. */
  #fromClient(packet: Uint8Array): boolean {
    if (this.#life.state === "CONNECT_SERVER" || this.#life.state === "READ_HANDSHAKE") {
      throw new ProtocolError("out-of-order", "the client spoke before the greeting");
    }
    if (this.#life.state === "SECURE_SERVER") throw new ProtocolError("out-of-order", "the client spoke out of turn");
    if (this.#life.state !== "READ_AUTH") {
      if (this.#pending !== undefined) {
        this.#sayPending(this.#pending);
        return false;
      }
      const step = this.login.exchange("client", packet);
      if (step.kind === "refuse") {
        this.#host.refuse(step.refusal);
      } else {
        this.#life.on(ON.auth_data);
        this.#take(step);
      }
      return false;
    }
    if (this.#pending !== undefined && !isSslRequest(packet.subarray(HEADER_LENGTH))) {
      this.#sayPending(this.#pending);
      return false;
    }
    const calls = this.#calls;
    if (calls === undefined || this.#begun || isSslRequest(packet.subarray(HEADER_LENGTH))) {
      return this.#begin(packet.subarray(HEADER_LENGTH));
    }
    this.#begun = true;
    this.login.look(packet);
    calls.ask(calls.script.readAuth(), (verdict) => {
      if (!this.#host.loginOver) this.#guarded(() => this.#authDecided(calls, verdict, packet.subarray(HEADER_LENGTH)));
    });
    return false;
  }

  #authDecided({ script }: ScriptCalls, verdict: Verdict, payload: Uint8Array): void {
    const instead = script.queries.shift()?.packet;
    script.queries.length = 0;
    if (verdict === Verdict.SEND_RESULT) {
      this.#host.vouched();
      return this.#answerLogin(script.response());
    }
    if (verdict === Verdict.SEND_QUERY && instead !== undefined) {
      if (this.#host.serverAttached) return void this.#begin(instead);
      return this.#host.refuse(unknown("the script has a login packet for the server, but no server"));
    }
    if (this.#host.serverAttached) this.#begin(payload);
    else this.#answerLogin([encodeOk({ status: ServerStatus.SERVER_STATUS_AUTOCOMMIT }, this.login.capabilities)]);
  }

  /** The client is told by the script, or by ourselves, what has come of its login. */
  #answerLogin(payloads: readonly Uint8Array[]): void {
    const refused = payloads.some(([header]) => header === ERR_HEADER);
    const refusal = refused ? undefined : this.login.admit();
    if (refusal !== undefined) return this.#host.refuse(refusal);
    this.#life.on(ON.answered);
    this.#sendAll(payloads);
    if (refused) {
      this.#life.on(ON.refused);
      return this.#host.end();
    }
    this.#life.on(ON.logged_in);
    this.#host.loggedIn(this.login, undefined);
  }

  /** @returns whether TLS begins behind the packet. */
  #begin(payload: Uint8Array): boolean {
    return this.#act(this.login.begin(payload));
  }

  /** @returns whether TLS begins behind the packet. */
  #act(answer: Answer): boolean {
    switch (answer.kind) {
      case "other-terms":
        this.#resuming = true;
        this.#life.on(ON.other_terms);
        this.#host.reconnect();
        return false;
      case "recognised":
        this.#life.on(ON.answered);
        this.#sendAll([encodeOk({ status: ServerStatus.SERVER_STATUS_AUTOCOMMIT }, this.login.capabilities)]);
        this.#life.on(ON.logged_in);
        this.#host.recognised(this.login);
        return false;
      case "secure-client":
        this.#life.on(ON.tls_request);
        return true;
      case "refuse":
        this.#host.refuse(answer.refusal);
        return false;
      case "ask":
        this.#life.on(ON.auth);
        this.#effects.send("client", answer.packet);
        this.#life.on(ON.turn_client);
        return false;
      case "forward":
        this.#life.on(ON.auth);
        this.#host.toServer(answer.packet, true);
        this.#life.on(ON.turn_server);
        return false;
      case "secure-server":
        this.#life.on(ON.auth);
        this.#effects.send("server", answer.packet);
        this.#life.on(ON.tls_needed);
        this.#effects.secure("server", NOTHING);
        return false;
    }
  }

  /** Does what a step of the authentication asks for. */
  #take(step: Exclude<AuthStep, { kind: "refuse" }>): void {
    if (step.kind === "to-client") {
      this.#effects.send("client", this.login.packetFor("client", step.payload));
      this.#life.on(ON[step.then]);
    } else {
      this.#host.toServer(this.login.packetFor("server", step.payload), false);
      this.#life.on(ON.turn_server);
    }
  }

  #clientSecured(result: TlsResult): void {
    if (result.kind === "failed") {
      this.#effects.report("info", `TLS with a client failed: ${result.reason}`);
      return this.#host.clientLost();
    }
    this.#life.on(ON.secured);
    if (result.kind === "distrusted") {
      this.#effects.report("info", `A client was refused: ${result.reason}`);
      this.defer({
        errorNumber: ErrorNumber.ER_ACCESS_DENIED_ERROR,
        sqlState: "28000",
        text: `(proxy) ${result.reason}, give one with --ssl-cert and --ssl-key`,
      });
    }
  }

  #serverSecured(result: TlsResult): void {
    if (result.kind !== "secured") {
      const text = `no TLS with backend ${this.#host.backendName}: ${result.reason}`;
      this.#effects.report("warning", text);
      return this.#host.refuse(tlsRefusal(text));
    }
    this.#effects.send("server", this.login.response());
    this.#life.on(ON.secured);
  }
}
