/**
 * The server's side of a login, for the servers inside this program: packets of the client go in, what to do comes out.
 *
 * ```
 * greeting() ─► response ──────────────► answer to a switch ─► accepted ─► changeUser()
 *               └► TLS request ► response ┘     └► refused                 └► as above
 * ```
 *
 * Passwords are never needed in clear, so there is neither an RSA key nor a full authentication; see
 * {@linkcode Credentials}.
 *
 * @module
 */
import {
  CACHING_SHA2_PASSWORD,
  Capability,
  encodeError,
  encodeHandshake,
  encodePacket,
  encodePackets,
  ErrorNumber,
  hasCapability,
  HEADER_LENGTH,
  NATIVE_PASSWORD,
  type Packet,
  PacketCollector,
  parseChangeUser,
  parseHandshakeResponse,
  ProtocolError,
} from "../protocol/mod.ts";
import { type CompressionAlgorithm, MAX_COMPRESSION_LEVEL } from "../protocol/compression.ts";
import { certificateProof } from "./certificate_proof.ts";
import { ServerAuthentication, type ServerPlugin, type Verdict } from "./server_authentication.ts";
import { newNonce, unknownCredentials } from "./server_credentials.ts";
import type { LoggedIn, ServerLoginStep } from "./server_login_step.ts";
import type { ServerLoginOptions } from "./server_offer.ts";

type Accepted = Extract<ServerLoginStep, { kind: "accepted" }>;
type Acceptance = Extract<Verdict, { kind: "accepted" }>;

type Phase =
  | { readonly kind: "response" }
  | { readonly kind: "answer"; readonly authentication: ServerAuthentication; readonly who: Who }
  | { readonly kind: "over" };

/** Who the client says it is. */
type Who = Omit<LoggedIn, "plugin" | "info">;

/** The largest packet that a login may hold: connection attributes take 64 KB. */
const PACKET_LIMIT = 1 << 20;

const NOTHING = new Uint8Array(0);

const COMPRESSION_FLAGS: Readonly<Record<CompressionAlgorithm, bigint>> = {
  zlib: Capability.CLIENT_COMPRESS,
  zstd: Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM,
};
const COMPRESSION = COMPRESSION_FLAGS.zlib | COMPRESSION_FLAGS.zstd;

/** ER_SECURE_TRANSPORT_REQUIRED and its text. */
const TLS_REQUIRED = 3159;
const TLS_REQUIRED_TEXT = "Connections using insecure transport are prohibited while --require_secure_transport=ON.";

/** One client's login, and its changes of user. */
export class ServerLogin {
  /** The nonce in the greeting; requests for another plugin repeat it. */
  readonly nonce: Uint8Array;
  readonly #options: ServerLoginOptions;
  readonly #offered: bigint;
  readonly #collector = new PacketCollector(PACKET_LIMIT);
  #phase: Phase = { kind: "response" };
  #secure = false;
  #expectedSequenceId = 1;

  constructor(options: ServerLoginOptions) {
    this.#options = options;
    this.nonce = options.nonce ?? newNonce();
    const compression = options.compression.reduce((bits, name) => bits | COMPRESSION_FLAGS[name], 0n);
    this.#offered = options.capabilities | compression | (options.tls === undefined ? 0n : Capability.CLIENT_SSL);
  }

  /** The greeting, framed: what the client gets first. */
  greeting(): Uint8Array {
    const { serverVersion, connectionId, charset, status } = this.#options;
    const handshake = encodeHandshake({
      serverVersion,
      connectionId,
      authData: this.nonce,
      capabilities: this.#offered,
      charset,
      status,
      authPluginName: this.#defaultPlugin,
    });
    return encodePacket(handshake, 0);
  }

  get #defaultPlugin(): ServerPlugin {
    return this.#options.defaultPlugin ?? CACHING_SHA2_PASSWORD;
  }

  /** Whether the client speaks by TLS. */
  get secure(): boolean {
    return this.#secure;
  }

  /** Takes bytes of the client, decrypted after a `secure` step, up to the end of the login. */
  receive(chunk: Uint8Array): ServerLoginStep {
    let write: Uint8Array = NOTHING;
    for (let at = 0; at < chunk.length;) {
      let collected;
      try {
        collected = this.#collector.collect(chunk, at);
      } catch {
        const text = "Got a packet bigger than 'max_allowed_packet' bytes";
        const step = this.#refuse(this.#expectedSequenceId, ErrorNumber.ER_NET_PACKET_TOO_LARGE, text);
        return { ...step, write: joined(write, step.write) };
      }
      at = collected.at;
      const { packet } = collected;
      if (packet === undefined) break;
      const sequenceId = packet[3]!;
      const step = this.take({ payload: packet.subarray(HEADER_LENGTH), sequenceId, lastSequenceId: sequenceId });
      write = joined(write, step.write);
      if (step.kind !== "more") return { ...step, write, rest: chunk.subarray(at) };
    }
    return { kind: "more", write, rest: NOTHING };
  }

  /** Takes one packet of the client. */
  take(packet: Packet): ServerLoginStep {
    const next = packet.lastSequenceId + 1 & 0xff;
    if (packet.sequenceId !== this.#expectedSequenceId) {
      return this.#refuse(next, ErrorNumber.ER_NET_PACKETS_OUT_OF_ORDER, "Got packets out of order");
    }
    switch (this.#phase.kind) {
      case "over":
        throw new TypeError("take() after the end of the login");
      case "response":
        try {
          return this.#response(packet.payload, next);
        } catch (error) {
          return this.#refuseBadPacket(error, next, ErrorNumber.ER_HANDSHAKE_ERROR, "Bad handshake");
        }
      case "answer": {
        const { authentication, who } = this.#phase;
        return this.#judge(authentication, authentication.next(packet.payload), who, next);
      }
    }
  }

  /**
   * Begins a change of user with the client's COM_CHANGE_USER; {@linkcode take} goes on with it.
   *
   * @param before What the login, or the last change of user, has brought.
   */
  changeUser(packet: Packet, before: LoggedIn): ServerLoginStep {
    const next = packet.lastSequenceId + 1 & 0xff;
    try {
      const { capabilities, compression, zstdLevel } = before;
      const change = parseChangeUser(packet.payload, capabilities);
      const who = {
        username: change.username,
        database: change.database === "" ? undefined : change.database,
        attributes: change.attributes ?? before.attributes,
        capabilities,
        compression,
        zstdLevel,
      };
      return this.#authenticate(who, change.authPluginName, change.authResponse, next);
    } catch (error) {
      return this.#refuseBadPacket(error, next, ErrorNumber.ER_MALFORMED_PACKET, "Malformed communication packet");
    }
  }

  #response(payload: Uint8Array, next: number): ServerLoginStep {
    const { tls } = this.#options;
    const response = parseHandshakeResponse(payload);
    switch (response.kind) {
      case "response320":
        return this.#refuseOldClient(next);
      case "ssl-request":
        if (tls === undefined || this.#secure) {
          return this.#refuse(next, ErrorNumber.ER_HANDSHAKE_ERROR, "Bad handshake: TLS is not offered");
        }
        this.#secure = true;
        this.#expectedSequenceId = next;
        return { kind: "secure", write: NOTHING, rest: NOTHING };
      case "response41":
        break;
    }
    if (tls?.required && !this.#secure) return this.#refuse(next, TLS_REQUIRED, TLS_REQUIRED_TEXT);
    const asked = response.capabilities & COMPRESSION;
    if ((asked & ~this.#offered) !== 0n) {
      // PHP's mysqlnd compresses although that was not offered: it would wait for ever for an answer that it can read.
      return this.#refuse(next, ErrorNumber.ER_HANDSHAKE_ERROR, "Bad handshake: this compression is not offered");
    }
    const { username, database, authResponse, authPluginName, attributes, zstdLevel } = response;
    // Where a client wants both, the documentation of the flags gives zlib the precedence.
    const compression = (["zlib", "zstd"] as const).find((name) => hasCapability(asked, COMPRESSION_FLAGS[name]));
    const who = {
      username,
      database: database === "" ? undefined : database,
      capabilities: response.capabilities & this.#offered,
      attributes: attributes ?? new Map(),
      compression,
      // A level that there is not is no reason to turn a client away.
      zstdLevel: compression === "zstd" && isLevel(zstdLevel) ? zstdLevel : undefined,
    };
    return this.#authenticate(who, authPluginName, authResponse, next);
  }

  #authenticate(who: Who, plugin: string | undefined, answer: Uint8Array, next: number): ServerLoginStep {
    const authentication = new ServerAuthentication({
      credentials: this.#options.credentials(who.username) ?? unknownCredentials(),
      nonce: this.nonce,
      canSwitch: hasCapability(who.capabilities, Capability.CLIENT_PLUGIN_AUTH),
      defaultPlugin: this.#defaultPlugin,
    });
    return this.#judge(authentication, authentication.first(plugin, answer), who, next);
  }

  #judge(authentication: ServerAuthentication, verdict: Verdict, who: Who, next: number): ServerLoginStep {
    switch (verdict.kind) {
      case "switch":
        this.#phase = { kind: "answer", authentication, who };
        this.#expectedSequenceId = next + 1 & 0xff;
        return { kind: "more", write: encodePacket(verdict.request, next), rest: NOTHING };
      case "unsupported":
        return this.#refuseOldClient(next);
      case "denied": {
        const account = `'${who.username}'@'${this.#options.host ?? "localhost"}'`;
        const using = verdict.withPassword ? "YES" : "NO";
        const text = `Access denied for user ${account} (using password: ${using})`;
        return this.#refuse(next, ErrorNumber.ER_ACCESS_DENIED_ERROR, text);
      }
      case "accepted":
        return this.#accept(verdict, authentication, who, next);
    }
  }

  #accept(verdict: Acceptance, authentication: ServerAuthentication, who: Who, next: number): Accepted {
    this.#phase = { kind: "over" };
    const { plugin, withPassword, before } = verdict;
    const fingerprint = this.#secure ? this.#options.tls?.fingerprint : undefined;
    const provable = plugin === NATIVE_PASSWORD && withPassword && fingerprint !== undefined;
    const info = provable ? certificateProof(authentication.credentials.native, this.nonce, fingerprint) : "";
    return {
      kind: "accepted",
      write: encodePackets(before, next),
      rest: NOTHING,
      client: { ...who, plugin, info },
      sequenceId: next + before.length & 0xff,
    };
  }

  #refuseBadPacket(error: unknown, next: number, errorNumber: number, text: string): ServerLoginStep {
    if (!(error instanceof ProtocolError)) throw error;
    return this.#refuse(next, errorNumber, text);
  }

  #refuseOldClient(next: number): ServerLoginStep {
    const text = "Client does not support authentication protocol requested by server; consider upgrading MySQL client";
    return this.#refuse(next, ErrorNumber.ER_NOT_SUPPORTED_AUTH_MODE, text);
  }

  #refuse(sequenceId: number, errorNumber: number, text: string): ServerLoginStep {
    this.#phase = { kind: "over" };
    return { kind: "refused", write: encodePacket(encodeError(errorNumber, text), sequenceId), rest: NOTHING };
  }
}

function isLevel(level: number | undefined): boolean {
  return level !== undefined && level >= 1 && level <= MAX_COMPRESSION_LEVEL.zstd;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
