/**
 * Sequence ids after the login where a side compresses: see `packet_renumbering.ts`.
 *
 * The ids of both sides are made anew, as two sides without compression would count: from 0 with each command, on with
 * every further packet of either side.
 *
 * @module
 */
import { PacketRenumbering } from "../protocol/mod.ts";
import type { Conversation } from "./conversation.ts";

/** Both directions of a conversation; it also walks them, since what a packet is depends on those before it. */
export class Numbering {
  readonly #conversation: Conversation;
  readonly #commands = new PacketRenumbering();
  readonly #responses = new PacketRenumbering();
  #next = 0;
  /** How many responses were complete when the last command came. */
  #answered = 0;

  constructor(conversation: Conversation) {
    this.#conversation = conversation;
  }

  /** Numbers and walks bytes of the client. */
  fromClient(chunk: Uint8Array): void {
    const { commands, tracker } = this.#conversation;
    let walked = 0;
    this.#commands.renumber(chunk, (at, continues) => {
      commands.walk(chunk, walked, at);
      walked = at;
      if (!continues && !tracker.inExchange && !tracker.wantsLocalInfile) {
        this.#next = 0;
        this.#answered = tracker.completed;
      }
      return this.#next++ & 0xff;
    });
    commands.walk(chunk, walked);
  }

  /** Numbers and walks bytes of the server. */
  fromServer(chunk: Uint8Array): void {
    const { responses, tracker } = this.#conversation;
    let walked = 0;
    this.#responses.renumber(chunk, (at) => {
      responses.walk(chunk, walked, at);
      walked = at;
      // The response to a command that was sent before the one in front of it was answered.
      if (tracker.completed > this.#answered && !tracker.started) this.#next = 1;
      return this.#next++ & 0xff;
    });
    responses.walk(chunk, walked);
  }
}
