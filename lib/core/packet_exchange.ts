/**
 * Packets that are taken one by one and passed on under other sequence ids.
 *
 * Each side counts for itself: where the proxy asks or answers something of its own (TLS, a key), one side's count moves
 * on and the other's does not.
 *
 * @module
 */
import { encodePacket, PacketCollector } from "../protocol/mod.ts";
import type { Side } from "./effects.ts";

/** The largest packet that a login may hold: far more than connection attributes (64 KB) or a Kerberos ticket take. */
const PACKET_LIMIT = 1 << 20;

/** Both sides of an exchange. */
export class PacketExchange {
  readonly #collectors: Record<Side, PacketCollector> = {
    client: new PacketCollector(PACKET_LIMIT),
    server: new PacketCollector(PACKET_LIMIT),
  };
  /** The last id seen or given, -1 before the first. */
  readonly #sequence: Record<Side, number> = { client: -1, server: -1 };

  /** Begins anew with a side. */
  reset(side: Side): void {
    this.#collectors[side] = new PacketCollector(PACKET_LIMIT);
    this.#sequence[side] = -1;
  }

  /**
   * Takes bytes of a side up to the end of a packet.
   *
   * @returns where it stopped, and the packet with its header if it is whole.
   * @throws {ProtocolError} `too-large` for a packet that no login has, `out-of-order` for one of the client that has
   *   not the number it should have: it is something else than MySQL's protocol, such as a balancer's header.
   */
  collect(from: Side, chunk: Uint8Array, at: number): { readonly at: number; readonly packet: Uint8Array | undefined } {
    const expected = from === "client" ? this.nextSequenceId(from) : undefined;
    const collected = this.#collectors[from].collect(chunk, at, expected);
    if (collected.packet !== undefined) this.#sequence[from] = collected.packet[3]!;
    return collected;
  }

  /** The packet with which `payload` goes to a side. */
  packetFor(to: Side, payload: Uint8Array): Uint8Array {
    this.#sequence[to] = this.nextSequenceId(to);
    return encodePacket(payload, this.#sequence[to]);
  }

  /** The sequence id that a side expects of the next packet. */
  nextSequenceId(to: Side): number {
    return (this.#sequence[to] + 1) & 0xff;
  }
}
