/**
 * Packets over a socket, TLS and a compressed protocol, for a client that accepts nothing but what the protocol says: each
 * packet must carry the number that follows the one before. It shares no code with the proxy.
 *
 * Sources: "MySQL Packets", "Compression" and "TLS" in MySQL's protocol documentation.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import net from "node:net";
import tls from "node:tls";
import zlib from "node:zlib";
import { bytes, little } from "./raw_client.ts";

/** The algorithms of the compressed protocol. */
export type Compression = "zlib" | "zstd";

/** How a client asks for TLS: by default it takes whatever certificate there is. */
export interface TlsRequest {
  /** PEM of the authority that must have signed the server's certificate for 127.0.0.1. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const FULL = 0xffffff;

/** Whether this version of Deno can compress with zstd. */
export const HAS_ZSTD = typeof zlib.zstdCompressSync === "function";

function compressed(algorithm: Compression, data: Uint8Array): Uint8Array {
  return algorithm === "zlib" ? zlib.deflateSync(data) : zlib.zstdCompressSync(data);
}

function plain(algorithm: Compression, data: Uint8Array): Uint8Array {
  return algorithm === "zlib" ? zlib.inflateSync(data) : zlib.zstdDecompressSync(data);
}

/** Bytes that have arrived and wait to be read. */
class Inbox {
  #chunks: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Takes `count` bytes, which must be there. */
  take(count: number): Uint8Array {
    const [first] = this.#chunks;
    if (first === undefined || first.length < count) this.#chunks = [bytes(...this.#chunks)];
    const block = this.#chunks[0] ?? new Uint8Array(0);
    if (block.length === count) this.#chunks.shift();
    else this.#chunks[0] = block.subarray(count);
    this.#length -= count;
    return block.subarray(0, count);
  }
}

/** A connection that exchanges packets. */
export class RawChannel implements Disposable {
  #socket: net.Socket;
  /** As they come from the socket. */
  #wire = new Inbox();
  /** Packets with their headers, no longer compressed. */
  #packets = new Inbox();
  #sequence = 0;
  #compressedSequence = 0;
  #compression: Compression | undefined;
  #ended: Error | undefined;
  #wake = () => {};

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  /** Connects to `port` of 127.0.0.1. */
  static async open(port: number): Promise<RawChannel> {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new RawChannel(socket);
  }

  #listen(socket: net.Socket): void {
    const end = (error?: Error) => {
      this.#ended ??= error ?? new Error("The other side has closed the connection");
      this.#wake();
    };
    socket.on("data", (chunk) => {
      if (typeof chunk !== "string") this.#wire.add(chunk);
      this.#wake();
    });
    socket.on("end", () => end());
    socket.on("close", () => end());
    socket.on("error", (error: Error) => end(error));
  }

  /** Goes on in TLS. The SSLRequest must be sent, and nothing may have come after the greeting. */
  async secure(request: TlsRequest): Promise<void> {
    if (this.#wire.length > 0) throw new Error("The server has sent something before TLS begins");
    const below = this.#socket;
    below.removeAllListeners();
    const above = tls.connect({
      socket: below,
      rejectUnauthorized: request.ca !== undefined,
      ...(request.ca === undefined ? {} : { ca: request.ca, host: "127.0.0.1" }),
      ...(request.cert === undefined ? {} : { cert: request.cert }),
      ...(request.key === undefined ? {} : { key: request.key }),
    });
    await new Promise<void>((resolve, reject) => {
      above.once("secureConnect", resolve);
      above.once("error", reject);
      above.once("close", () => reject(new Error("The other side has closed the connection in the TLS handshake")));
    });
    above.removeAllListeners("error");
    above.removeAllListeners("close");
    this.#socket = above;
    this.#listen(above);
  }

  /** Whether the connection is in TLS. */
  get isSecure(): boolean {
    return this.#socket instanceof tls.TLSSocket;
  }

  /** Goes on compressed; both sides do from the packet after the OK of the log-in on. */
  compress(algorithm: Compression): void {
    if (this.#wire.length + this.#packets.length > 0) {
      throw new Error("The server has sent something before compression");
    }
    this.#compression = algorithm;
  }

  /** Begins a new exchange: numbers start at 0 again. */
  restart(): void {
    const left = this.#wire.length + this.#packets.length;
    if (left > 0) throw new Error(`The server has sent ${left} bytes more than its answer`);
    this.#sequence = 0;
    this.#compressedSequence = 0;
  }

  async #take(count: number): Promise<Uint8Array> {
    while (this.#wire.length < count) {
      if (this.#ended !== undefined) throw this.#ended;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#wire.take(count);
  }

  /** Waits until `count` bytes of packets are there. */
  async #fill(count: number): Promise<Uint8Array> {
    if (this.#compression === undefined) return await this.#take(count);
    while (this.#packets.length < count) {
      const header = await this.#take(7);
      const size = unsigned(header, 0);
      const sequence = header[3] ?? 0;
      const inflated = unsigned(header, 4);
      if (sequence !== this.#compressedSequence) {
        throw new Error(`A compressed packet has the number ${sequence} instead of ${this.#compressedSequence}`);
      }
      this.#compressedSequence = (sequence + 1) & 0xff;
      const body = await this.#take(size);
      const data = inflated === 0 ? body : plain(this.#compression, body);
      if (inflated !== 0 && data.length !== inflated) {
        throw new Error(`A compressed packet holds ${data.length} bytes instead of the ${inflated} in its header`);
      }
      this.#packets.add(data);
    }
    return this.#packets.take(count);
  }

  /** Reads one payload, put together when it came in several packets. */
  async read(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (;;) {
      const header = await this.#fill(4);
      const sequence = header[3] ?? 0;
      if (sequence !== this.#sequence) {
        throw new Error(`A packet has the number ${sequence} instead of ${this.#sequence}`);
      }
      this.#sequence = (sequence + 1) & 0xff;
      const length = unsigned(header, 0);
      parts.push(await this.#fill(length));
      if (length < FULL) return parts.length === 1 ? parts[0] ?? new Uint8Array(0) : bytes(...parts);
    }
  }

  /** Sends one payload, split where it is longer than a packet can be. */
  async write(payload: Uint8Array): Promise<void> {
    const parts: Uint8Array[] = [];
    let start = 0;
    for (;;) {
      const part = payload.subarray(start, start + FULL);
      parts.push(little(part.length, 3), Uint8Array.of(this.#sequence), part);
      this.#sequence = (this.#sequence + 1) & 0xff;
      start += FULL;
      if (part.length < FULL) break;
    }
    await this.#send(
      this.#compression === undefined ? bytes(...parts) : this.#pack(this.#compression, bytes(...parts)),
    );
  }

  /** Puts packets into compressed ones; what is shorter than 50 bytes goes as it is, as in MySQL's clients. */
  #pack(algorithm: Compression, data: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let start = 0; start < data.length; start += FULL) {
      const part = data.subarray(start, start + FULL);
      const short = part.length < 50 ? undefined : compressed(algorithm, part);
      const body = short !== undefined && short.length < part.length ? short : part;
      const inflated = body === part ? 0 : part.length;
      parts.push(little(body.length, 3), Uint8Array.of(this.#compressedSequence), little(inflated, 3), body);
      this.#compressedSequence = (this.#compressedSequence + 1) & 0xff;
    }
    return bytes(...parts);
  }

  async #send(data: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      this.#socket.write(Buffer.from(data), (error) => error ? reject(error) : resolve())
    );
  }

  /** Whether the other side closes the connection without a further byte. */
  async isClosed(): Promise<boolean> {
    while (this.#wire.length === 0 && this.#ended === undefined) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#wire.length === 0;
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

function unsigned(data: Uint8Array, offset: number): number {
  return (data[offset] ?? 0) | (data[offset + 1] ?? 0) << 8 | (data[offset + 2] ?? 0) << 16;
}
