/**
 * A peer of the proxy that sends what it likes, and reads packets.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import net from "node:net";
import { setImmediate } from "node:timers";
import tls from "node:tls";
import { type ErrPacket, parseErr } from "../../../lib/protocol/mod.ts";
import { BASE_CAPABILITIES, bytes, little, packet } from "../../interop/raw_client.ts";

/** Bits of the capabilities, beside those of the raw client. */
export const SSL = 1n << 11n;
export const COMPRESS = 1n << 5n;

/** One packet as it came. */
export interface Packet {
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** A connection to a port of 127.0.0.1. */
export class Peer implements Disposable {
  #socket: net.Socket;
  #bytes: Uint8Array = new Uint8Array(0);
  #ended = false;
  #wake = () => {};

  /** The port of this end. */
  readonly port: number;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.port = socket.localPort ?? 0;
    this.#listen();
  }

  static async connect(port: number): Promise<Peer> {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new Peer(socket);
  }

  #listen(): void {
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    this.#socket.on("data", (chunk) => {
      if (typeof chunk !== "string") this.#bytes = bytes(this.#bytes, chunk);
      this.#wake();
    });
    // What the peer is told after a reset counts as nothing.
    for (const event of ["end", "close", "error"]) this.#socket.on(event, end);
  }

  /** Sends bytes as they are; does not care whether they arrive. */
  write(data: Uint8Array): void {
    this.#socket.write(Buffer.from(data), () => {});
  }

  /** Sends them so that they arrive one after the other. */
  async writePieces(pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      this.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next packet; `undefined` when the other side has closed. */
  async read(): Promise<Packet | undefined> {
    for (;;) {
      const [a = 0, b = 0, c = 0, sequence = 0] = this.#bytes;
      const end = 4 + (a | b << 8 | c << 16);
      if (this.#bytes.length >= 4 && this.#bytes.length >= end) {
        const payload = this.#bytes.slice(4, end);
        this.#bytes = this.#bytes.slice(end);
        return { sequence, payload };
      }
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** So many bytes. @throws {Error} if the other side closes before. */
  async take(count: number): Promise<Uint8Array> {
    while (this.#bytes.length < count) {
      if (this.#ended) throw new Error(`Closed after ${this.#bytes.length} of ${count} bytes`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const taken = this.#bytes.slice(0, count);
    this.#bytes = this.#bytes.slice(count);
    return taken;
  }

  /** All bytes up to the end that the other side makes. */
  async readToEnd(): Promise<Uint8Array> {
    while (!this.#ended) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#bytes;
  }

  /** The ERR with which the other side ends, `undefined` if it ends without; packets before that are skipped. */
  async lastWord(): Promise<ErrPacket & { readonly sequence: number } | undefined> {
    for (let packet = await this.read(); packet !== undefined; packet = await this.read()) {
      if (packet.payload[0] === 0xff) return { ...parseErr(packet.payload), sequence: packet.sequence };
    }
    return undefined;
  }

  /** Goes on in TLS; the request must have been sent. */
  async secure(): Promise<void> {
    const below = this.#socket;
    below.removeAllListeners();
    const above = tls.connect({ socket: below, rejectUnauthorized: false });
    await new Promise<void>((resolve, reject) => {
      above.once("secureConnect", resolve);
      above.once("error", reject);
      above.once("close", () => reject(new Error("It was closed in the TLS handshake")));
    });
    above.removeAllListeners();
    this.#socket = above;
    this.#listen();
  }

  /** Says that nothing more will come. */
  end(): void {
    this.#socket.end();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** A request for TLS. */
export function sslRequest(sequence = 1): Uint8Array<ArrayBuffer> {
  return packet(sequence, head(SSL));
}

/** The login packet of a user with the scramble or password `data`. */
export function loginPacket(
  user: string,
  plugin: string,
  data: Uint8Array,
  { sequence = 1, capabilities = 0n }: { readonly sequence?: number; readonly capabilities?: bigint } = {},
): Uint8Array<ArrayBuffer> {
  return packet(sequence, bytes(head(capabilities), `${user}\0`, data.length, data, "mysql\0", `${plugin}\0`));
}

function head(capabilities: bigint): Uint8Array {
  return bytes(
    little((BASE_CAPABILITIES | capabilities) & 0xffffffffn, 4),
    little(1 << 30, 4),
    45,
    new Uint8Array(23),
  );
}
