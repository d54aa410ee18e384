/**
 * What goes on after the login: commands one way, responses the other, and where each of them ends.
 *
 * @module
 */
import { PacketWalker, type ResponseFormat, ResponseTracker } from "../protocol/mod.ts";

/** Takes the first byte of each command, and each packet of a file that the server asked for. */
export interface ClientPackets {
  /** A packet of the client has gone by. `first` is its first byte, `undefined` if it is empty. */
  clientPacket(first: number | undefined): void;
}

/** Both directions of a logged-in connection. */
export class Conversation {
  readonly commands: PacketWalker;
  readonly responses: PacketWalker;
  readonly tracker: ResponseTracker;

  constructor(format: ResponseFormat, session: ClientPackets) {
    this.tracker = new ResponseTracker(format);
    this.responses = new PacketWalker(this.tracker);
    this.commands = new PacketWalker({
      packet: (bytes, start, end) => session.clientPacket(start < end ? bytes[start] : undefined),
    });
  }

  /** Whether no packet is half-way in either direction. */
  get atBoundary(): boolean {
    return this.commands.atBoundary && this.responses.atBoundary;
  }

  /**
   * The sequence id that the client expects of the next packet, or `undefined` where a packet of ours would land inside
   * another one.
   */
  get nextSequenceId(): number | undefined {
    if (!this.responses.atBoundary || this.tracker.foreign) return undefined;
    if (this.tracker.idle && this.commands.atBoundary) return 0;
    return ((this.tracker.started ? this.responses : this.commands).sequenceId + 1) & 0xff;
  }
}
