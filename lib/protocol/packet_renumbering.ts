/**
 * Gives packets other sequence ids on their way.
 *
 * Inside of compressed packets nobody looks at the ids of the packets proper: clients number the parts of a long command
 * as they like, and servers go on from the number of the compressed packet. Where one side compresses and the other does
 * not, the other side would find its packets out of order.
 *
 * Source: what MySQL 9.7, MariaDB 10.11 and their clients were seen to send.
 *
 * @module
 */

const HEADER_LENGTH = 4;
const FULL_FRAGMENT = 0xffffff;

/** Follows the headers of one direction of one connection. */
export class PacketRenumbering {
  /** Bytes of the current header that have come, and what its length is so far. */
  #header = 0;
  #length = 0;
  /** Payload bytes of the current fragment that are still to come. */
  #remaining = 0;
  /** The fragment is a full one, so the packet goes on. */
  #continues = false;

  /**
   * Changes the ids in `chunk`, the bytes that follow those of the last call.
   *
   * @param number is asked for the id of each header, with the index of the id's byte in `chunk` and whether the header
   *   begins a further fragment of a packet; the bytes before that index are changed already.
   */
  renumber(chunk: Uint8Array, number: (at: number, continues: boolean) => number): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#remaining > 0) {
        const taken = Math.min(this.#remaining, chunk.length - at);
        this.#remaining -= taken;
        at += taken;
        continue;
      }
      if (this.#header < HEADER_LENGTH - 1) {
        this.#length |= chunk[at]! << (8 * this.#header);
        this.#header++;
      } else {
        chunk[at] = number(at, this.#continues);
        this.#remaining = this.#length;
        this.#continues = this.#length === FULL_FRAGMENT;
        this.#header = 0;
        this.#length = 0;
      }
      at++;
    }
  }
}
