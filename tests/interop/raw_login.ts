/**
 * A client that logs in with every authentication plugin, over TLS or without, as the protocol documentation says and no
 * other way: what a server sends that it should not is an error. It shares no code with the proxy.
 *
 * Sources: "Connection Phase", "Authentication Methods" and COM_CHANGE_USER in MySQL's protocol documentation; "Connecting"
 * and the plugins' pages in MariaDB's.
 *
 * @module
 */

import { BASE_CAPABILITIES, bytes, CAPABILITY, lengthEncoded, little } from "./raw_client.ts";
import { type Compression, RawChannel, type TlsRequest } from "./raw_channel.ts";
import { ed25519Signature, nativeScramble, parsecSignature, rsaPassword, sha2Scramble } from "./raw_scramble.ts";

const COMPRESS = 1n << 5n;
const SSL = 1n << 11n;
const ZSTD = 1n << 26n;
const MULTI_FACTOR = 1n << 28n;

/** Who logs in, and how. */
export interface RawCredentials {
  readonly user: string;
  /** What the client says to each password and question that it is asked for, in their order; the last one again and again. */
  readonly answers: readonly string[];
  /** The plugin that the client begins with; the one that the greeting names unless set. */
  readonly plugin?: string;
  readonly database?: string;
}

/** How to reach the server. */
export interface RawLoginOptions extends RawCredentials {
  readonly port: number;
  /** Without it, the connection is not encrypted. */
  readonly tls?: TlsRequest;
  readonly compression?: Compression;
}

/** The server's ERR. */
export class ServerRefusal extends Error {
  override readonly name = "ServerRefusal";

  constructor(readonly errno: number, readonly sqlState: string, message: string) {
    super(message);
  }

  /** Reads an ERR packet. Before the capabilities are known it has no SQL state. */
  static from(payload: Uint8Array): ServerRefusal {
    const text = new TextDecoder().decode(payload.subarray(3));
    const errno = (payload[1] ?? 0) | (payload[2] ?? 0) << 8;
    return text.startsWith("#")
      ? new ServerRefusal(errno, text.slice(1, 6), text.slice(6))
      : new ServerRefusal(errno, "", text);
  }
}

/** What the client itself says to a server that wants a password in clear without TLS. */
export class ClearPasswordRefused extends Error {
  override readonly name = "ClearPasswordRefused";

  constructor() {
    super("The password is wanted in clear without TLS");
  }
}

interface Greeting {
  readonly version: string;
  readonly capabilities: bigint;
  readonly nonce: Uint8Array;
  readonly plugin: string;
}

function readText(data: Uint8Array, start: number): string {
  const end = data.indexOf(0, start);
  return new TextDecoder().decode(data.subarray(start, end < 0 ? data.length : end));
}

function readGreeting(data: Uint8Array): Greeting {
  if (data[0] === 0xff) throw ServerRefusal.from(data);
  if (data[0] !== 10) throw new Error(`The greeting begins with ${data[0]}`);
  const version = readText(data, 1);
  const start = 1 + version.length + 1 + 4;
  const view = new DataView(data.buffer, data.byteOffset);
  const low = BigInt(view.getUint16(start + 9, true));
  const high = BigInt(view.getUint16(start + 14, true));
  const length = data[start + 16] ?? 0;
  const rest = start + 27;
  if (length !== 21) throw new Error(`The nonce is said to be ${length} bytes instead of 21`);
  if (data[rest + 12] !== 0) throw new Error("The nonce does not end with a 0");
  return {
    version,
    capabilities: low | high << 16n,
    nonce: bytes(data.subarray(start, start + 8), data.subarray(rest, rest + 12)),
    plugin: readText(data, rest + 13),
  };
}

/** How a plugin got through: what a test wants to know of the path that a log-in took. */
export type AuthenticationStep =
  | { readonly step: "plugin"; readonly plugin: string }
  | { readonly step: "switch" | "next factor"; readonly plugin: string }
  | { readonly step: "fast" | "full" | "rsa key" | "clear" | "question" };

/** A client that is logged in. */
export class RawLogin implements Disposable {
  #answered = 0;
  /** How the log-in or the last change of user went. */
  steps: AuthenticationStep[] = [];

  private constructor(readonly channel: RawChannel, readonly greeting: Greeting, readonly capabilities: bigint) {}

  /**
   * Connects and logs in.
   *
   * @throws {ServerRefusal} When the server says no.
   */
  static async connect(options: RawLoginOptions): Promise<RawLogin> {
    const channel = await RawChannel.open(options.port);
    try {
      const greeting = readGreeting(await channel.read());
      const wanted = BASE_CAPABILITIES | CAPABILITY.DEPRECATE_EOF | MULTI_FACTOR;
      const compress = options.compression === "zlib" ? COMPRESS : options.compression === "zstd" ? ZSTD : 0n;
      const needed = compress | (options.tls === undefined ? 0n : SSL);
      if ((needed & greeting.capabilities) !== needed) {
        throw new Error(
          `The server does not offer ${compress && "compression"} ${options.tls === undefined ? "" : "TLS"}`,
        );
      }
      const used = needed | wanted & greeting.capabilities;
      const login = new RawLogin(channel, greeting, used);
      await login.#logIn(options);
      if (options.compression !== undefined) channel.compress(options.compression);
      return login;
    } catch (error) {
      channel[Symbol.dispose]();
      throw error;
    }
  }

  async #logIn(options: RawLoginOptions): Promise<void> {
    const { channel, capabilities, greeting } = this;
    const head = bytes(little(capabilities, 4), little(1 << 30, 4), 45, new Uint8Array(23));
    if (options.tls !== undefined) {
      await channel.write(head);
      await channel.secure(options.tls);
    }
    const plugin = options.plugin ?? greeting.plugin;
    const answer = this.#begin(plugin, greeting.nonce, options);
    await channel.write(bytes(
      head,
      `${options.user}\0`,
      answer.length,
      answer,
      `${options.database ?? ""}\0`,
      `${plugin}\0`,
      options.compression === "zstd" ? 3 : "",
    ));
    await this.#authenticate(plugin, greeting.nonce, options);
  }

  /**
   * Changes the user.
   *
   * @throws {ServerRefusal} When the server says no; it then closes the connection.
   */
  async changeUser(credentials: RawCredentials): Promise<void> {
    this.channel.restart();
    const plugin = credentials.plugin ?? this.greeting.plugin;
    const answer = this.#begin(plugin, this.greeting.nonce, credentials);
    await this.channel.write(bytes(
      17,
      `${credentials.user}\0`,
      answer.length,
      answer,
      `${credentials.database ?? ""}\0`,
      45,
      0,
      `${plugin}\0`,
    ));
    await this.#authenticate(plugin, this.greeting.nonce, credentials);
  }

  #answer({ answers }: RawCredentials): string {
    return answers[Math.min(this.#answered, answers.length - 1)] ?? "";
  }

  #begin(plugin: string, nonce: Uint8Array, credentials: RawCredentials): Uint8Array {
    this.#answered = 0;
    this.steps = [{ step: "plugin", plugin }];
    return this.#firstAnswer(plugin, nonce, credentials) ?? new Uint8Array(0);
  }

  /** What a client sends first with `plugin`; undefined: it waits for the server. */
  #firstAnswer(plugin: string, nonce: Uint8Array, credentials: RawCredentials): Uint8Array | undefined {
    const password = this.#answer(credentials);
    switch (plugin) {
      case "mysql_native_password":
        return nativeScramble(password, nonce);
      case "caching_sha2_password":
        return sha2Scramble(password, nonce);
      case "sha256_password":
        if (password === "") return Uint8Array.of(0);
        // Over TLS the password itself, else a request for the server's RSA key.
        if (this.channel.isSecure) this.steps.push({ step: "clear" });
        return this.channel.isSecure ? bytes(password, 0) : Uint8Array.of(1);
      case "client_ed25519":
        return nonce.length === 32 ? ed25519Signature(password, nonce) : new Uint8Array(0);
      case "mysql_clear_password":
        if (!this.channel.isSecure) throw new ClearPasswordRefused();
        this.steps.push({ step: "clear" });
        return bytes(password, 0);
      default:
        return undefined;
    }
  }

  /** Answers the server until it says OK. */
  async #authenticate(first: string, greetingNonce: Uint8Array, credentials: RawCredentials): Promise<void> {
    let plugin = first;
    let nonce = greetingNonce;
    for (;;) {
      const payload = await this.channel.read();
      const [kind] = payload;
      if (kind === 0xff) throw ServerRefusal.from(payload);
      if (kind === 0x00) return;
      if (kind === 0xfe || (kind === 0x02 && this.capabilities & MULTI_FACTOR)) {
        if (payload.length === 1) throw new Error("The server wants the password of MySQL before 4.1");
        plugin = readText(payload, 1);
        let data = payload.slice(1 + new TextEncoder().encode(plugin).length + 1);
        this.steps.push({ step: kind === 0xfe ? "switch" : "next factor", plugin });
        if (kind === 0x02 || this.#isAnotherTry(plugin)) this.#answered++;
        if (plugin === "dialog") {
          // PAM asks nothing at first: it takes whatever comes for a password.
          if (data.length > 0) await this.#ask(data, credentials);
          else await this.#say(credentials);
          continue;
        }
        if (data.at(-1) === 0 && data.length !== 32) data = data.subarray(0, -1);
        nonce = data;
        const answer = this.#firstAnswer(plugin, nonce, credentials);
        await this.channel.write(answer ?? new Uint8Array(0));
        continue;
      }
      // MariaDB leaves the 1 away where the byte after it cannot be mistaken.
      await this.#goOn(plugin, nonce, kind === 0x01 ? payload.subarray(1) : payload, credentials);
    }
  }

  /** Whether the server has asked for a password before and now wants another plugin to try: the next answer is for it. */
  #isAnotherTry(plugin: string): boolean {
    const switches = this.steps.filter(({ step }) => step === "switch");
    return switches.length > 1 && plugin !== "dialog";
  }

  async #goOn(plugin: string, nonce: Uint8Array, data: Uint8Array, credentials: RawCredentials): Promise<void> {
    const password = this.#answer(credentials);
    if (plugin === "dialog") return await this.#ask(data, credentials);
    if (plugin === "parsec") return await this.channel.write(parsecSignature(password, nonce, data));
    if (plugin === "caching_sha2_password") {
      if (data.length === 1 && data[0] === 3) {
        this.steps.push({ step: "fast" });
        return;
      }
      if (data.length === 1 && data[0] === 4) {
        this.steps.push({ step: "full" });
        if (!this.channel.isSecure) return await this.channel.write(Uint8Array.of(2));
        this.steps.push({ step: "clear" });
        return await this.channel.write(bytes(password, 0));
      }
    }
    if (plugin === "caching_sha2_password" || plugin === "sha256_password") {
      const key = new TextDecoder().decode(data);
      if (!key.startsWith("-----BEGIN PUBLIC KEY-----")) throw new Error(`This is no RSA key: "${key}"`);
      if (this.channel.isSecure) throw new Error("The server sends its RSA key over TLS without being asked");
      this.steps.push({ step: "rsa key" });
      return await this.channel.write(rsaPassword(password, nonce, key));
    }
    throw new Error(`The server sends ${data.length} bytes that ${plugin} does not know`);
  }

  /** Answers one question of the dialog plugin, whose first byte says whether the answer is secret and the last one. */
  async #ask(data: Uint8Array, credentials: RawCredentials): Promise<void> {
    const kind = (data[0] ?? 0) >> 1;
    if (kind !== 1 && kind !== 2) throw new Error(`The server asks a question of kind ${data[0]}`);
    await this.#say(credentials);
  }

  async #say(credentials: RawCredentials): Promise<void> {
    this.steps.push({ step: "question" });
    const answer = this.#answer(credentials);
    this.#answered++;
    await this.channel.write(bytes(answer, 0));
  }

  /** Sends a query and reads the payloads of its response, which must be one result set. */
  async query(sql: string): Promise<string[][]> {
    this.channel.restart();
    await this.channel.write(bytes(3, sql));
    const head = await this.channel.read();
    if (head[0] === 0xff) throw ServerRefusal.from(head);
    if (head[0] === 0) return [];
    const [columns] = lengthEncoded(head);
    for (let index = 0; index < columns; index++) await this.channel.read();
    if (!(this.capabilities & CAPABILITY.DEPRECATE_EOF)) await this.channel.read();
    const rows: string[][] = [];
    for (;;) {
      const row = await this.channel.read();
      if (row[0] === 0xff) throw ServerRefusal.from(row);
      if (row[0] === 0xfe && row.length < 0xffffff) return rows;
      rows.push(readRow(row));
    }
  }

  /** Says goodbye and closes the socket. */
  async quit(): Promise<void> {
    this.channel.restart();
    await this.channel.write(Uint8Array.of(1));
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.channel[Symbol.dispose]();
  }
}

function readRow(row: Uint8Array): string[] {
  const values: string[] = [];
  for (let offset = 0; offset < row.length;) {
    if (row[offset] === 0xfb) {
      values.push("NULL");
      offset++;
      continue;
    }
    const [length, size] = lengthEncoded(row.subarray(offset));
    values.push(new TextDecoder().decode(row.subarray(offset + size, offset + size + length)));
    offset += size + length;
  }
  return values;
}
