/**
 * The part of a session's life up to the server's OK: whose packet is taken in which state, and what it leads to.
 *
 * @module
 */
import { ERR_HEADER, ErrorNumber, HEADER_LENGTH, isSslRequest, ProtocolError } from "../protocol/mod.ts";
import type { AuthStep } from "./authentication.ts";
import type { Effects, Side } from "./effects.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Login } from "./login.ts";
import { badHandshake, type Refusal, tlsRefusal, unknown } from "./refusal.ts";
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
  /** The server has accepted the client with this OK packet. */
  loggedIn(login: Login, ok: Uint8Array): void;
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

/** One login of one client, with one server after the other if need be. */
export class LoginDialogue {
  readonly login: Login;
  readonly #life: Lifecycle;
  readonly #effects: Effects;
  readonly #host: LoginHost;
  /** What the client will be told when it has sent its login packet. */
  #pending: Pending | undefined;

  constructor(login: Login, life: Lifecycle, effects: Effects, host: LoginHost) {
    this.login = login;
    this.#life = life;
    this.#effects = effects;
    this.#host = host;
  }

  /**
   * Keeps a refusal until the client has sent its login packet, if that is what it is about to do: it does so in any case,
   * and takes no answer whose number does not come after that.
   *
   * @returns whether it is kept.
   */
  defer(refusal: Refusal): boolean {
    if (this.#life.state !== "READ_AUTH" && this.#life.state !== "SECURE_CLIENT") return false;
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
      if (this.#host.loginOver) return at;
    }
    return chunk.length;
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
    const step = this.login.exchange("server", packet);
    if (step.kind === "refuse") return this.#host.refuse(step.refusal);
    this.#life.on(ON.auth_result);
    this.#take(step);
    if (step.kind === "to-client" && step.then === "logged_in") this.#host.loggedIn(this.login, packet);
    else if (step.kind === "to-client" && step.then === "refused") this.#host.end();
  }

  #greeting(packet: Uint8Array): void {
    const greeting = this.login.greeting(packet);
    this.#life.on(greeting.refused ? ON.handshake_refused : ON.handshake);
    this.#effects.send("client", greeting.packet);
    if (!greeting.refused) return this.#life.on(ON.turn_client);
    this.#life.on(ON.sent);
    this.#host.end();
  }

  /** @returns whether TLS begins behind the packet. */
  #fromClient(packet: Uint8Array): boolean {
    if (this.#life.state === "CONNECT_SERVER" || this.#life.state === "READ_HANDSHAKE") {
      throw new ProtocolError("out-of-order", "the client spoke before the greeting");
    }
    if (this.#life.state === "SECURE_SERVER") throw new ProtocolError("out-of-order", "the client spoke out of turn");
    if (this.#life.state !== "READ_AUTH") {
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
    const answer = this.login.begin(packet);
    switch (answer.kind) {
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
        this.#effects.send("server", answer.packet);
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
      this.#effects.send("server", this.login.packetFor("server", step.payload));
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
