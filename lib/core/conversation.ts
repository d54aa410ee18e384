/**
 * What goes on after the login: commands one way, responses the other, and where each of them ends.
 *
 * @module
 */
import { type PacketVisitor, PacketWalker, type ResponseFormat, ResponseTracker } from "../protocol/mod.ts";

/** Both directions of a logged-in connection. */
export class Conversation {
  readonly commands: PacketWalker;
  readonly responses: PacketWalker;
  readonly tracker: ResponseTracker;

  /** @param client is told of every packet of the client. */
  constructor(format: ResponseFormat, client: PacketVisitor) {
    this.tracker = new ResponseTracker(format);
    this.responses = new PacketWalker(this.tracker);
    this.commands = new PacketWalker(client);
  }

  /** Whether no packet is half-way in either direction. */
  get atBoundary(): boolean {
    return this.commands.atBoundary && this.responses.atBoundary;
  }

  /**
   * Whether a server that closes now does so because it has refused a change of user: nothing of another answer has come.
   */
  get leavesAfterRefusal(): boolean {
    return this.tracker.changeRefused && !this.tracker.started && this.responses.atBoundary;
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
