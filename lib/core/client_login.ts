/**
 * The client's side of a login, for connections of the proxy's own: the server's bytes go in, what to do comes out.
 *
 * ```
 * greeting ─► response ───────────────────► exchange ─► in
 *          └► TLS request ► secured() ► response ┘  └► refused, failed
 * ```
 *
 * @module
 */
import {
  AUTH_MORE_DATA_HEADER,
  AUTH_SWITCH_HEADER,
  Capability,
  concat,
  type ConnectionAttributes,
  encodeHandshakeResponse,
  encodePacket,
  type ErrPacket,
  type Handshake,
  hasCapability,
  HEADER_LENGTH,
  isErr,
  isOk,
  PacketCollector,
  parseAuthSwitchRequest,
  parseErr,
  parseHandshake,
  ProtocolError,
} from "../protocol/mod.ts";
import { type ClientAnswer, ClientAuthentication } from "./client_authentication.ts";
import type { BackendTls } from "./login_policy.ts";

/** Options of {@linkcode ClientLogin}. */
export interface ClientLoginOptions {
  readonly user: string;
  readonly password: string;
  readonly database?: string;
  /** `as-client` is like `preferred`: there is no client. */
  readonly tls: BackendTls;
  /** The server is reached through a Unix socket. */
  readonly socket: boolean;
  /** What the server may show about the connection. */
  readonly attributes?: ConnectionAttributes;
}

/** What a login has brought. */
export interface ClientSession {
  /** What both sides can do. */
  readonly capabilities: bigint;
  readonly serverVersion: string;
  readonly connectionId: number;
}

/** What to do. `write` goes out as it is, framed; it may be empty. */
export type ClientLoginStep =
  /** Wait for more of the server. */
  | { readonly kind: "more"; readonly write: Uint8Array }
  /** Go on with TLS behind `write`; `rest` came already and belongs to it. Then comes {@linkcode ClientLogin.secured}. */
  | { readonly kind: "secure"; readonly write: Uint8Array; readonly rest: Uint8Array }
  | { readonly kind: "in"; readonly session: ClientSession }
  /** The server has said no. */
  | { readonly kind: "refused"; readonly err: ErrPacket }
  /** It cannot be gone on with. */
  | { readonly kind: "failed"; readonly reason: string };

/** The largest packet of a server during a login: an RSA key has less than a kilobyte. */
const PACKET_LIMIT = 64 * 1024;

/** The least that a server must offer; all since 4.1 do. */
const NEEDED = Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_SECURE_CONNECTION;

/** What is asked for where it is offered. Without the multi-statement flag a query cannot smuggle in another one. */
const WANTED = NEEDED | Capability.CLIENT_LONG_FLAG | Capability.CLIENT_TRANSACTIONS | Capability.CLIENT_MULTI_RESULTS |
  Capability.CLIENT_PLUGIN_AUTH | Capability.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA | Capability.CLIENT_CONNECT_ATTRS |
  Capability.CLIENT_SESSION_TRACK | Capability.CLIENT_DEPRECATE_EOF;

/** utf8mb4_general_ci, which every server knows. */
const CHARSET = 45;

/** What MySQL takes at most. */
const MAX_PACKET_SIZE = 1 << 30;

const NOTHING: Uint8Array = new Uint8Array(0);

/** One login. */
export class ClientLogin {
  readonly #options: ClientLoginOptions;
  readonly #collector = new PacketCollector(PACKET_LIMIT);
  #handshake: Handshake | undefined;
  #capabilities = 0n;
  #authentication: ClientAuthentication | undefined;
  #nextSequenceId = 0;

  constructor(options: ClientLoginOptions) {
    this.#options = options;
  }

  /** Takes bytes of the server, decrypted after {@linkcode secured}, up to the end of the login. */
  receive(chunk: Uint8Array): ClientLoginStep {
    let write = NOTHING;
    try {
      for (let at = 0; at < chunk.length;) {
        const collected = this.#collector.collect(chunk, at, this.#nextSequenceId);
        at = collected.at;
        if (collected.packet === undefined) break;
        this.#nextSequenceId = this.#nextSequenceId + 1 & 0xff;
        const step = this.#take(collected.packet.subarray(HEADER_LENGTH));
        if (step.kind === "secure") return { ...step, rest: chunk.subarray(at) };
        if (step.kind !== "more") return step;
        write = concat(write, step.write);
      }
    } catch (error) {
      return failed(error);
    }
    return { kind: "more", write };
  }

  /** TLS has begun. */
  secured(): ClientLoginStep {
    try {
      return { kind: "more", write: this.#response("tls") };
    } catch (error) {
      return failed(error);
    }
  }

  #take(payload: Uint8Array): ClientLoginStep {
    if (isErr(payload)) return { kind: "refused", err: parseErr(payload) };
    const authentication = this.#authentication;
    if (authentication === undefined) return this.#greeted(parseHandshake(payload));
    if (isOk(payload)) return { kind: "in", session: this.#session };
    if (payload[0] === AUTH_SWITCH_HEADER) {
      return this.#answer(authentication.switchTo(parseAuthSwitchRequest(payload)));
    }
    if (payload[0] === AUTH_MORE_DATA_HEADER) return this.#answer(authentication.moreData(payload));
    throw new ProtocolError("malformed", "Expected a packet of a login");
  }

  #greeted(handshake: Handshake): ClientLoginStep {
    if (this.#handshake !== undefined) throw new ProtocolError("malformed", "Expected TLS, got a second greeting");
    this.#handshake = handshake;
    const offered = handshake.capabilities;
    if (!hasCapability(offered, NEEDED)) return { kind: "failed", reason: "the server is older than MySQL 4.1" };
    const { tls, socket, database } = this.#options;
    const withTls = hasCapability(offered, Capability.CLIENT_SSL);
    if (tls === "required" && !withTls) {
      return { kind: "failed", reason: "it offers no TLS, which --backend-ssl-mode asks for" };
    }
    // MariaDB leaves this flag out where it knows of further ones, of which none is wanted here.
    this.#capabilities = WANTED & offered | Capability.CLIENT_LONG_PASSWORD |
      (database === undefined ? 0n : Capability.CLIENT_CONNECT_WITH_DB);
    if (!withTls || !wantsTls(tls, socket)) {
      return { kind: "more", write: this.#response(socket ? "socket" : "plain") };
    }
    this.#capabilities |= Capability.CLIENT_SSL;
    const request = encodeHandshakeResponse({
      kind: "ssl-request",
      capabilities: this.#capabilities,
      maxPacketSize: MAX_PACKET_SIZE,
      charset: CHARSET,
    });
    return { kind: "secure", write: this.#frame(request), rest: NOTHING };
  }

  #response(transport: "plain" | "socket" | "tls"): Uint8Array {
    const handshake = this.#handshake;
    if (handshake === undefined) throw new TypeError("secured() before the greeting");
    const { user, password, database, attributes } = this.#options;
    this.#authentication = new ClientAuthentication(password, transport);
    const { plugin, data } = this.#authentication.first(handshake.authPluginName, handshake.authData);
    return this.#frame(encodeHandshakeResponse({
      kind: "response41",
      capabilities: this.#capabilities,
      maxPacketSize: MAX_PACKET_SIZE,
      charset: CHARSET,
      username: user,
      authResponse: data,
      authPluginName: plugin,
      ...(database === undefined ? {} : { database }),
      ...(attributes === undefined ? {} : { attributes }),
    }));
  }

  #answer(answer: ClientAnswer): ClientLoginStep {
    switch (answer.kind) {
      case "send":
        return { kind: "more", write: this.#frame(answer.payload) };
      case "wait":
        return { kind: "more", write: NOTHING };
      case "unable":
        return { kind: "failed", reason: answer.reason };
    }
  }

  #frame(payload: Uint8Array): Uint8Array {
    const packet = encodePacket(payload, this.#nextSequenceId);
    this.#nextSequenceId = this.#nextSequenceId + 1 & 0xff;
    return packet;
  }

  get #session(): ClientSession {
    const { serverVersion = "", connectionId = 0 } = this.#handshake ?? {};
    return { capabilities: this.#capabilities, serverVersion, connectionId };
  }
}

/** Nobody can listen to a Unix socket. */
function wantsTls(tls: BackendTls, socket: boolean): boolean {
  switch (tls) {
    case "disabled":
      return false;
    case "preferred":
    case "as-client":
      return !socket;
    case "required":
      return true;
  }
}

function failed(error: unknown): ClientLoginStep {
  if (!(error instanceof ProtocolError)) throw error;
  return { kind: "failed", reason: error.message };
}
