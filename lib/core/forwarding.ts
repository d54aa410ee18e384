/**
 * Traffic that nobody looks into: chunks go through as they come, and only the ends of commands and responses are counted.
 *
 * @module
 */
import { Command, concat, HEADER_LENGTH, type PacketVisitor, ProtocolError } from "../protocol/mod.ts";
import { ChangeUser, type ChangeUserTerms } from "./change_user.ts";
import { Conversation } from "./conversation.ts";
import type { Side } from "./effects.ts";
import type { Login } from "./login.ts";
import { Numbering } from "./numbering.ts";
import { EVENT_NUMBER as ON, STATE_NUMBER } from "./state.ts";
import type { Traffic, TrafficHost } from "./traffic.ts";

const READ_QUERY = STATE_NUMBER.READ_QUERY;
const READ_QUERY_RESULT = STATE_NUMBER.READ_QUERY_RESULT;
const READ_LOCAL_INFILE_DATA = STATE_NUMBER.READ_LOCAL_INFILE_DATA;
const READ_LOCAL_INFILE_RESULT = STATE_NUMBER.READ_LOCAL_INFILE_RESULT;
const CLOSE_SERVER = STATE_NUMBER.CLOSE_SERVER;

/** The traffic of one connection. */
export class Forwarding implements Traffic, PacketVisitor {
  readonly #host: TrafficHost;
  readonly #conversation: Conversation;
  /** There if a side compresses. */
  readonly #numbering: Numbering | undefined;
  /** There if a change of user has to be translated. */
  #changeUserTerms: ChangeUserTerms | undefined;
  #changeUser: ChangeUser | undefined;
  /** The client may have become somebody else: who that is, nobody here knows. */
  #userChanged = false;
  /** The begin of a command that may be a change of user. */
  #head: Uint8Array | undefined;

  /** @param ok the server's packet that ended the login, with its header. */
  constructor(host: TrafficHost, login: Login, ok: Uint8Array) {
    this.#host = host;
    this.#conversation = new Conversation(login.format, this);
    this.#conversation.tracker.loggedIn(ok, HEADER_LENGTH, ok.length);
    if (login.compression.client ?? login.compression.server) this.#numbering = new Numbering(this.#conversation);
    this.#changeUserTerms = login.changeUserTerms;
  }

  get idle(): boolean {
    return this.#host.life.number === READ_QUERY && this.#conversation.atBoundary;
  }

  get serverAtRest(): boolean {
    const { tracker } = this.#conversation;
    return tracker.idle && this.#conversation.atBoundary && !tracker.inTransaction && !this.#userChanged;
  }

  get inTransaction(): boolean {
    return this.#conversation.tracker.inTransaction;
  }

  get responses(): number {
    return this.#conversation.tracker.completed;
  }

  get responding(): boolean {
    return this.#host.life.number === READ_QUERY_RESULT && this.#conversation.tracker.started;
  }

  get uploading(): boolean {
    return !this.#conversation.commands.atBoundary;
  }

  get endless(): boolean {
    return this.#conversation.tracker.endless;
  }

  get leavesAfterRefusal(): boolean {
    return this.#conversation.leavesAfterRefusal;
  }

  get nextSequenceId(): number | undefined {
    return this.#changeUser?.nextSequenceId("client") ?? this.#conversation.nextSequenceId;
  }

  fromClient(chunk: Uint8Array): void {
    if (this.#changeUserTerms !== undefined) this.#converseWithChanges("client", chunk);
    else this.#fromClient(chunk);
  }

  fromServer(chunk: Uint8Array): void {
    if (this.#changeUserTerms !== undefined) this.#converseWithChanges("server", chunk);
    else this.#fromServer(chunk);
  }

  #fromClient(chunk: Uint8Array): void {
    if (!this.#host.serverOpen || !this.#host.clientOpen) return;
    if (this.#numbering === undefined) {
      this.#host.toServer(chunk, false);
      this.#conversation.commands.walk(chunk);
    } else {
      const { commands, tracker } = this.#conversation;
      const newCommand = commands.atBoundary && !tracker.inExchange && !tracker.wantsLocalInfile;
      this.#numbering.fromClient(chunk);
      this.#host.toServer(chunk, newCommand);
    }
  }

  /** For the conversation alone: a packet of the client has gone by. */
  packet(bytes: Uint8Array, start: number, end: number): void {
    const { tracker } = this.#conversation;
    if (this.#host.life.number === READ_LOCAL_INFILE_DATA) return this.#filePacket(tracker, start === end);
    if (tracker.inExchange) return tracker.exchanged();
    if (this.#host.life.number === CLOSE_SERVER) return;
    const command = start < end ? bytes[start]! : Command.COM_SLEEP;
    tracker.expect(command);
    this.#host.life.on(ON.command);
    if (command === Command.COM_CHANGE_USER) this.#userChanged = true;
    if (command === Command.COM_QUIT) this.#host.life.on(ON.quit);
    else this.#host.life.on(tracker.idle ? ON.turn_client : ON.turn_server);
  }

  #filePacket(tracker: Conversation["tracker"], last: boolean): void {
    this.#host.life.on(ON.data);
    if (!last) return this.#host.life.on(ON.sent);
    tracker.localInfileSent();
    this.#host.life.on(tracker.idle ? ON.turn_client : ON.data_end);
  }

  #fromServer(chunk: Uint8Array): void {
    if (!this.#host.clientOpen) return;
    if (this.#numbering === undefined) {
      this.#host.toClient(chunk);
      this.#conversation.responses.walk(chunk);
    } else {
      this.#numbering.fromServer(chunk);
      this.#host.toClient(chunk);
    }
    this.#afterResponse();
  }

  #afterResponse(): void {
    if (this.#host.life.number !== READ_QUERY_RESULT && this.#host.life.number !== READ_LOCAL_INFILE_RESULT) return;
    const { tracker } = this.#conversation;
    this.#host.life.on(ON.result);
    if (tracker.idle) {
      this.#host.life.on(ON.finished);
      this.#host.finished();
    } else {
      this.#host.life.on(tracker.wantsLocalInfile ? ON.wants_file : ON.sent);
    }
  }

  // --- changes of user that have to be translated

  #converseWithChanges(from: Side, chunk: Uint8Array): void {
    const whole = from === "client" && this.#changeUser === undefined ? this.#lookForChange(chunk) : chunk;
    if (whole === undefined) return;
    const change = this.#changeUser;
    if (change !== undefined) return this.#changeBytes(change, from, whole);
    if (from === "client") this.#fromClient(whole);
    else this.#fromServer(whole);
  }

  /** Begins a change of user if `chunk` does; returns the bytes to go on with, `undefined` for too few to tell. */
  #lookForChange(chunk: Uint8Array): Uint8Array | undefined {
    if (this.#host.life.number !== READ_QUERY || !this.#conversation.commands.atBoundary) return chunk;
    const whole = this.#head === undefined ? chunk : concat(this.#head, chunk);
    const empty = whole.length === HEADER_LENGTH && whole[0] === 0 && whole[1] === 0 && whole[2] === 0;
    if (whole.length <= HEADER_LENGTH && !empty) {
      this.#head = whole.slice();
      return undefined;
    }
    this.#head = undefined;
    if (whole[HEADER_LENGTH] === Command.COM_CHANGE_USER) {
      this.#userChanged = true;
      this.#changeUser = new ChangeUser(this.#changeUserTerms!);
    }
    return whole;
  }

  #changeBytes(change: ChangeUser, from: Side, chunk: Uint8Array): void {
    let at = 0;
    try {
      while (at < chunk.length && this.#host.clientOpen) {
        if (this.#changeUser !== change) return this.#converseWithChanges(from, chunk.subarray(at));
        const collected = change.collect(from, chunk, at);
        at = collected.at;
        if (collected.packet === undefined) return;
        this.#changeStep(change, from, collected.packet);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#host.garbled(from, error);
    }
  }

  #changeStep(change: ChangeUser, from: Side, packet: Uint8Array): void {
    const first = this.#host.life.number === READ_QUERY;
    const step = from === "client" ? change.fromClient(packet) : change.fromServer(packet);
    if (from === "client") this.#conversation.commands.walk(packet);
    switch (step.kind) {
      case "refuse":
        return this.#host.refuse(step.refusal);
      case "to-server":
        return this.#host.toServer(change.packetFor("server", step.payload), first);
      case "to-client":
        if (step.then === "logged_in" || step.then === "refused") {
          this.#changeUserTerms = change.terms;
          this.#changeUser = undefined;
        }
        this.#deliver(change.packetFor("client", step.payload));
    }
  }

  #deliver(packet: Uint8Array): void {
    this.#host.toClient(packet);
    this.#conversation.responses.walk(packet);
    this.#afterResponse();
  }
}
