/**
 * A client that shows the packets themselves. It shares no code with the proxy, so that both cannot be wrong together,
 * and knows just enough of the protocol to log in without a password and to find the end of a response.
 *
 * @module
 */

import { ROOT } from "../servers/users.ts";

/** Capability flags, by their names in the protocol documentation. Bits from 32 on are MariaDB's extended ones. */
export const CAPABILITY = {
  LONG_PASSWORD: 1n << 0n,
  LONG_FLAG: 1n << 2n,
  CONNECT_WITH_DB: 1n << 3n,
  LOCAL_FILES: 1n << 7n,
  PROTOCOL_41: 1n << 9n,
  TRANSACTIONS: 1n << 13n,
  SECURE_CONNECTION: 1n << 15n,
  MULTI_STATEMENTS: 1n << 16n,
  MULTI_RESULTS: 1n << 17n,
  PS_MULTI_RESULTS: 1n << 18n,
  PLUGIN_AUTH: 1n << 19n,
  SESSION_TRACK: 1n << 23n,
  DEPRECATE_EOF: 1n << 24n,
  OPTIONAL_RESULTSET_METADATA: 1n << 25n,
  QUERY_ATTRIBUTES: 1n << 27n,
  MARIADB_PROGRESS: 1n << 32n,
  MARIADB_STMT_BULK_OPERATIONS: 1n << 34n,
  MARIADB_EXTENDED_METADATA: 1n << 35n,
  MARIADB_CACHE_METADATA: 1n << 36n,
} as const;

/** What every login here asks for. */
export const BASE_CAPABILITIES = CAPABILITY.LONG_PASSWORD | CAPABILITY.LONG_FLAG | CAPABILITY.CONNECT_WITH_DB |
  CAPABILITY.LOCAL_FILES | CAPABILITY.PROTOCOL_41 | CAPABILITY.TRANSACTIONS | CAPABILITY.SECURE_CONNECTION |
  CAPABILITY.MULTI_STATEMENTS | CAPABILITY.MULTI_RESULTS | CAPABILITY.PS_MULTI_RESULTS | CAPABILITY.PLUGIN_AUTH;

/** One packet: up to 2^24 - 1 bytes of payload. */
export interface RawPacket {
  readonly sequence: number;
  readonly payload: Uint8Array;
}

const encoder = new TextEncoder();

/** Bytes from numbers, texts and bytes, one after the other. */
export function bytes(...parts: (number | string | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const blocks = parts.map((part) =>
    typeof part === "number" ? Uint8Array.of(part) : typeof part === "string" ? encoder.encode(part) : part
  );
  const joined = new Uint8Array(blocks.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const block of blocks) {
    joined.set(block, offset);
    offset += block.length;
  }
  return joined;
}

/** `value` as `size` bytes, the lowest first. */
export function little(value: number | bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => Number((BigInt(value) >> BigInt(8 * index)) & 0xffn));
}

/** A packet with its header. `payload` must be shorter than 2^24 - 1 bytes. */
export function packet(sequence: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes(little(payload.length, 3), sequence, payload);
}

/** Where a packet of a response ends, given what was sent: what {@linkcode RawClient.response} needs to know. */
export type ResponseKind = "query" | "prepare" | "fetch" | "one";

/** A connection that is logged in as root. */
export class RawClient implements Disposable {
  // Small at first: a test may hold thousands.
  #buffer = new Uint8Array(2048);
  #start = 0;
  #end = 0;

  private constructor(readonly connection: Deno.TcpConn, readonly capabilities: bigint) {}

  /** Connects and logs in. The capabilities in force are those that both sides have. */
  static async connect(
    { port, database }: { readonly port: number; readonly database: string },
    capabilities: bigint = CAPABILITY.DEPRECATE_EOF,
  ): Promise<RawClient> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    const greeter = new RawClient(connection, 0n);
    try {
      const greeting = (await greeter.read()).payload;
      const offered = offeredCapabilities(greeting);
      const used = (BASE_CAPABILITIES | capabilities) & offered;
      const client = new RawClient(connection, used);
      const isMariadb = !(offered & CAPABILITY.LONG_PASSWORD);
      await client.write(packet(
        1,
        bytes(
          little(used & 0xffffffffn, 4),
          little(1 << 30, 4),
          45,
          new Uint8Array(19),
          little(isMariadb ? used >> 32n : 0n, 4),
          `${ROOT.user}\0`,
          0,
          `${database}\0`,
          isMariadb ? "mysql_native_password\0" : "caching_sha2_password\0",
        ),
      ));
      for (;;) {
        const { sequence, payload } = await client.read();
        if (payload[0] === 0) return client;
        if (payload[0] === 0xff) throw new Error(`Log-in refused: ${new TextDecoder().decode(payload.subarray(3))}`);
        // An auth switch: an empty password is an empty answer with every plugin.
        if (payload[0] === 0xfe) await client.write(packet(sequence + 1, new Uint8Array(0)));
      }
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Writes bytes as they are, in as few segments as the system likes. */
  async write(data: Uint8Array): Promise<void> {
    for (let sent = 0; sent < data.length;) sent += await this.connection.write(data.subarray(sent));
  }

  /** Sends a command. */
  async send(command: number, ...body: (number | string | Uint8Array)[]): Promise<void> {
    await this.write(packet(0, bytes(command, ...body)));
  }

  /** Reads until the buffer holds `length` bytes. */
  async #fill(length: number): Promise<void> {
    if (this.#end - this.#start >= length) return;
    if (this.#start + length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(length, 65_536));
      grown.set(this.#buffer.subarray(this.#start, this.#end));
      this.#end -= this.#start;
      this.#start = 0;
      this.#buffer = grown;
    }
    while (this.#end - this.#start < length) {
      const count = await this.connection.read(this.#buffer.subarray(this.#end));
      if (count === null) throw new Deno.errors.UnexpectedEof("The other side has closed the connection");
      this.#end += count;
    }
  }

  /** Reads one packet. */
  async read(): Promise<RawPacket> {
    await this.#fill(4);
    const [low = 0, middle = 0, high = 0, sequence = 0] = this.#buffer.subarray(this.#start);
    const length = low | middle << 8 | high << 16;
    await this.#fill(4 + length);
    const payload = this.#buffer.slice(this.#start + 4, this.#start + 4 + length);
    this.#start += 4 + length;
    return { sequence, payload };
  }

  /** Whether the other side closes the connection without a further byte. */
  async isClosed(): Promise<boolean> {
    if (this.#end > this.#start) return false;
    try {
      return await this.connection.read(new Uint8Array(1)) === null;
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionReset) return true;
      throw error;
    }
  }

  /** Reads the packets of a whole response. */
  async response(kind: ResponseKind = "query"): Promise<RawPacket[]> {
    const packets: RawPacket[] = [];
    const next = async (): Promise<Uint8Array> => {
      const packet = await this.read();
      packets.push(packet);
      return packet.payload;
    };
    if (kind === "one") {
      await next();
    } else if (kind === "fetch") {
      await this.#rows(next);
    } else if (kind === "prepare") {
      await this.#prepared(next);
    } else {
      while (await this.#result(next));
    }
    return packets;
  }

  async #prepared(next: () => Promise<Uint8Array>): Promise<void> {
    const first = await next();
    if (first[0] !== 0) return;
    const view = new DataView(first.buffer, first.byteOffset);
    const extra = this.capabilities & CAPABILITY.DEPRECATE_EOF ? 0 : 1;
    for (const count of [view.getUint16(7, true), view.getUint16(5, true)]) {
      for (let index = 0; index < (count && count + extra); index++) await next();
    }
  }

  /** Reads one result. Returns whether another follows. */
  async #result(next: () => Promise<Uint8Array>): Promise<boolean> {
    let first = await next();
    // MariaDB's progress reports come as ERR packets with the code 0xffff.
    while (first[0] === 0xff && first[1] === 0xff && first[2] === 0xff) first = await next();
    if (first[0] === 0xff || first[0] === 0xfb) return false;
    if (first[0] === 0x00) return hasMore(first);
    const [columns, size] = lengthEncoded(first);
    const cached = this.capabilities & CAPABILITY.MARIADB_CACHE_METADATA ||
      this.capabilities & CAPABILITY.OPTIONAL_RESULTSET_METADATA;
    const follows = !cached || first[size] === 1 || (first.length === 1 && !cached);
    if (follows) { for (let index = 0; index < columns; index++) await next(); }
    if (!(this.capabilities & CAPABILITY.DEPRECATE_EOF)) await next();
    return await this.#rows(next);
  }

  async #rows(next: () => Promise<Uint8Array>): Promise<boolean> {
    for (;;) {
      const row = await next();
      if (row[0] === 0xff) return false;
      if (row[0] === 0xfe && row.length < 0xffffff) {
        return this.capabilities & CAPABILITY.DEPRECATE_EOF ? hasMore(row) : Boolean((row[3] ?? 0) & 0x08);
      }
    }
  }

  /** Sends a query and reads its response. */
  async query(sql: string): Promise<RawPacket[]> {
    // With query attributes every query says how many it has: none, in one set.
    const attributes = this.capabilities & CAPABILITY.QUERY_ATTRIBUTES ? [0, 1] : [];
    await this.send(3, ...attributes, sql);
    return await this.response();
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    try {
      this.connection.close();
    } catch {
      // It is closed already.
    }
  }
}

/** The length-encoded integer at the start of `data`, and its size in bytes. */
export function lengthEncoded(data: Uint8Array): [value: number, size: number] {
  const first = data[0] ?? 0;
  const size = first < 0xfb ? 1 : first === 0xfc ? 3 : first === 0xfd ? 4 : 9;
  if (size === 1) return [first, 1];
  let value = 0;
  for (let index = size - 1; index > 0; index--) value = value * 256 + (data[index] ?? 0);
  return [value, size];
}

/** The first packet of a response. */
export function first(packets: readonly RawPacket[]): Uint8Array {
  const packet = packets[0];
  if (packet === undefined) throw new Error("The response is empty");
  return packet.payload;
}

/** The four bytes that name a prepared statement, from the response to COM_STMT_PREPARE. */
export function statementId(prepared: readonly RawPacket[]): Uint8Array {
  const ok = first(prepared);
  if (ok[0] !== 0) throw new Error(`Cannot prepare: ${new TextDecoder().decode(ok)}`);
  return ok.slice(1, 5);
}

/**
 * The response to COM_STMT_PREPARE as text, without what differs from run to run: MariaDB numbers statements through all
 * connections.
 */
export function preparedTranscript(prepared: readonly RawPacket[]): string[] {
  return transcript(prepared.map(({ sequence, payload }, index) => ({
    sequence,
    payload: index === 0 && payload[0] === 0 ? bytes(payload.subarray(0, 1), "id", payload.subarray(5)) : payload,
  })));
}

/** Packets as text that a comparison can show. */
export function transcript(packets: readonly RawPacket[]): string[] {
  return packets.map(({ sequence, payload }) => `${sequence} ${toHex(payload)}`);
}

/** Whether an OK packet says that another result follows. */
function hasMore(ok: Uint8Array): boolean {
  let offset = 1;
  for (let field = 0; field < 2; field++) offset += lengthEncoded(ok.subarray(offset))[1];
  return Boolean((ok[offset] ?? 0) & 0x08);
}

/** The capabilities that a greeting offers, MariaDB's extended ones included. */
function offeredCapabilities(greeting: Uint8Array): bigint {
  if (greeting[0] !== 10) throw new Error(`Not a greeting: ${new TextDecoder().decode(greeting)}`);
  const start = greeting.indexOf(0, 1) + 1 + 4 + 8 + 1;
  const view = new DataView(greeting.buffer, greeting.byteOffset);
  const standard = BigInt(view.getUint16(start, true)) | BigInt(view.getUint16(start + 5, true)) << 16n;
  const isMariadb = !(standard & CAPABILITY.LONG_PASSWORD);
  const extended = isMariadb ? BigInt(view.getUint32(start + 14, true)) : 0n;
  return standard | extended << 32n;
}

function toHex(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
