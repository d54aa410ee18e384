/**
 * The login: from the server's greeting to its OK or ERR.
 *
 * Here whole packets count. The proxy makes its own terms with each side, TLS and compression, so both are taken out of
 * what the server offers and put in by the proxy, and each side has its own sequence ids. What else the two agree on
 * decides how everything after the login is read. How the client proves who it is, is the business of `authentication.ts`.
 *
 * @module
 */
import {
  Capability,
  changeCapabilities,
  changeResponse,
  type CompressionAlgorithm,
  encodeChangeUser,
  encodeHandshake,
  encodeHandshakeResponse,
  ErrorNumber,
  type Handshake,
  type HandshakeResponse41,
  hasCapability,
  HEADER_LENGTH,
  parseHandshake,
  parseHandshakeResponse,
  type ResponseFormat,
  sslRequestFor,
} from "../protocol/mod.ts";
import { Authentication, type AuthStep, differ, type FirstStep, type Transport } from "./authentication.ts";
import { sameTerms } from "./binding_terms.ts";
import type { ChangeUserTerms } from "./change_user.ts";
import type { Side } from "./effects.ts";
import type { BackendPolicy, LoginPolicy } from "./login_policy.ts";
import { PacketExchange } from "./packet_exchange.ts";
import { badHandshake, insecure, type Refusal, tlsRefusal, unknown } from "./refusal.ts";
import type { Identity, LinkTerms, ServerLink } from "./server_link.ts";
import type { Compression } from "./wire.ts";

/** The capabilities that each side agrees on with the proxy, not with the other side. */
const COMPRESSION: Readonly<Record<CompressionAlgorithm, bigint>> = {
  zlib: Capability.CLIENT_COMPRESS,
  zstd: Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM,
};
const OWN_CAPABILITIES = Capability.CLIENT_SSL | COMPRESSION.zlib | COMPRESSION.zstd;

/**
 * What a script does not expect: queries with attributes in front, and result sets without their EOF packets or definitions.
 * Scripts were written before there was such a thing.
 */
const UNSCRIPTED = Capability.CLIENT_DEPRECATE_EOF | Capability.CLIENT_OPTIONAL_RESULTSET_METADATA |
  Capability.CLIENT_QUERY_ATTRIBUTES | Capability.MARIADB_CLIENT_PROGRESS |
  Capability.MARIADB_CLIENT_COM_MULTI | Capability.MARIADB_CLIENT_EXTENDED_METADATA |
  Capability.MARIADB_CLIENT_CACHE_METADATA | Capability.MARIADB_CLIENT_BULK_UNIT_RESULTS;

/** What MySQL uses where a client names no level. */
const ZSTD_LEVEL = 3;
const HIGHEST_ZSTD_LEVEL = 22;

const ERR = 0xff;

/** A plugin that no account has. */
const NO_PLUGIN = "mysql_proxy_ask";

/** What to do with the client's packet, before the server has had a word on it. */
export type Answer =
  /** The client asks for TLS. */
  | { readonly kind: "secure-client" }
  /** The server is to be asked for TLS with this packet; then comes {@linkcode Login.response}. */
  | { readonly kind: "secure-server"; readonly packet: Uint8Array }
  | { readonly kind: "forward"; readonly packet: Uint8Array }
  /** The client has to answer this first. */
  | { readonly kind: "ask"; readonly packet: Uint8Array }
  /** The client is the one that the server's connection is logged in for. */
  | { readonly kind: "recognised" }
  /** The client wants other terms than the pooled connection has: it needs one of its own, see {@linkcode Login.resume}. */
  | { readonly kind: "other-terms" }
  | { readonly kind: "refuse"; readonly refusal: Refusal };

/** A login packet, and what becomes of it for the server. */
interface HeldResponse {
  readonly payload: Uint8Array;
  readonly capabilities: bigint;
  readonly zstdLevel: number;
  data: Uint8Array;
}

/** What a client says about its connection to the proxy. */
type ClientTerms = Pick<HandshakeResponse41, "capabilities" | "zstdLevel">;

/** One login. Packets go in and out with their headers. */
export class Login extends PacketExchange {
  readonly #policy: LoginPolicy;
  #client: Transport;
  #server: Transport = "plain";
  #backend: BackendPolicy | undefined;
  #backendName = "";
  #serverCapabilities = 0n;
  #nonce: Uint8Array = new Uint8Array(0);
  #plugin = "";
  /** The client's login packet, while the client is asked or the server's TLS begins. */
  #held: HeldResponse | undefined;
  #useTls = false;
  #clientCapabilities = 0n;
  /** What the client's own login packet says, where a script may replace it. */
  #own: HandshakeResponse41 | undefined;
  #authentication: Authentication | undefined;
  /** The connection of the pool that the client is to get. */
  #reused: ServerLink | undefined;

  /** What the client was told about the server, once there is something to tell. */
  handshake: Handshake | undefined;
  /** What the client said about itself. */
  client: HandshakeResponse41 | undefined;
  /** How each side compresses once the login is over. */
  readonly compression: { client: Compression | undefined; server: Compression | undefined } = {
    client: undefined,
    server: undefined,
  };

  /** @param socket the client is connected through a Unix socket. */
  constructor(policy: LoginPolicy, socket: boolean) {
    super();
    this.#policy = policy;
    this.#client = socket ? "socket" : "plain";
  }

  /** Begins with a server, whose name goes into messages; what another one left unfinished is forgotten. */
  useServer(backend: BackendPolicy, name: string): void {
    this.#backend = backend;
    this.#backendName = name;
    this.#server = backend.socket ? "socket" : "plain";
    this.#reused = undefined;
    this.reset("server");
  }

  /** The user's name, once the client has sent it. */
  get username(): string | undefined {
    return this.client?.username;
  }

  /** The server's connection id, once it has greeted. */
  get threadId(): number | undefined {
    return this.handshake?.connectionId;
  }

  /** What is not to be agreed on. */
  get #hidden(): bigint {
    return this.#policy.scripted === true ? UNSCRIPTED : 0n;
  }

  /**
   * Reads the server's first packet.
   *
   * @returns what to offer the client, and whether that is an ERR: then the login is over.
   * @throws {ProtocolError} if it is neither a greeting nor an ERR.
   */
  greeting(packet: Uint8Array): { readonly payload: Uint8Array; readonly refused: boolean } {
    const payload = packet.subarray(HEADER_LENGTH);
    if (payload[0] === ERR) return { payload, refused: true };
    this.#greeted(parseHandshake(payload));
    const offer = changeCapabilities(payload, OWN_CAPABILITIES | this.#hidden, this.#offered);
    return { payload: offer, refused: false };
  }

  #greeted(handshake: Handshake): void {
    this.handshake = handshake;
    this.#serverCapabilities = handshake.capabilities & ~this.#hidden;
    this.#nonce = handshake.authData;
    this.#plugin = handshake.authPluginName ?? "";
  }

  /**
   * Takes a script's greeting in place of a server's.
   *
   * @throws {ProtocolError} if it is none.
   */
  greetAs(payload: Uint8Array): void {
    this.#greeted(parseHandshake(payload));
  }

  /** The greeting for a client that gets a connection of the pool: that of its server, with the nonce it gave last. */
  reuse(link: ServerLink): Uint8Array {
    const { handshake, terms } = link;
    if (handshake === undefined || terms === undefined) throw new TypeError("The connection is not logged in");
    this.reset("server");
    this.#reused = link;
    this.#server = terms.transport;
    this.compression.server = link.wire.compression;
    const capabilities = handshake.capabilities & ~OWN_CAPABILITIES & ~this.#hidden;
    this.#greeted({ ...handshake, capabilities, authData: terms.nonce, authPluginName: terms.plugin });
    return this.packetFor(
      "client",
      encodeHandshake({ ...this.handshake!, capabilities: capabilities | this.#offered }),
    );
  }

  get #offered(): bigint {
    const { clientTls, clientCompression } = this.#policy;
    return clientCompression.reduce(
      (flags, algorithm) => flags | COMPRESSION[algorithm],
      clientTls === "disabled" ? 0n : Capability.CLIENT_SSL,
    );
  }

  /** TLS has begun with a side. */
  secured(side: Side): void {
    if (side === "client") this.#client = "tls";
    else this.#server = "tls";
  }

  /** Reads a login packet for what it says about the client, and answers nothing. @throws {ProtocolError} */
  look(packet: Uint8Array): void {
    const response = parseHandshakeResponse(packet.subarray(HEADER_LENGTH));
    if (response.kind !== "response41") return;
    this.client = response;
    this.#clientCapabilities = response.capabilities & ~this.#hidden;
    this.#own = { ...response, capabilities: response.capabilities & ~this.#hidden };
  }

  /**
   * Settles how the client is spoken to that no server is asked about, after {@linkcode look}.
   *
   * @returns why the client is not served all the same, if it is not.
   */
  admit(): Refusal | undefined {
    const own = this.#own;
    if (own === undefined) return undefined;
    this.compression.client = clientCompression(own);
    return this.#whyNotServe(own);
  }

  /**
   * Reads a payload with which the client begins: its request for TLS, its login packet, or its answer to what it was asked
   * first.
   *
   * @throws {ProtocolError} if it is none.
   */
  begin(payload: Uint8Array): Answer {
    const authentication = this.#authentication;
    if (authentication !== undefined) return this.#goOn(authentication.firstAnswer(payload));
    const response = parseHandshakeResponse(payload);
    switch (response.kind) {
      case "response320":
        return {
          kind: "refuse",
          refusal: {
            errorNumber: ErrorNumber.CR_VERSION_ERROR,
            sqlState: undefined,
            text: "4.0 protocol is not supported",
          },
        };
      case "ssl-request":
        return this.#policy.clientTls !== "disabled" && this.#client !== "tls" ? { kind: "secure-client" } : {
          kind: "refuse",
          refusal: tlsRefusal(
            "TLS was asked for but not offered, connect without it (--ssl-mode=DISABLED or --skip-ssl)",
          ),
        };
      case "response41": {
        const { authPluginName, authResponse, zstdLevel = ZSTD_LEVEL } = response;
        const capabilities = response.capabilities & ~this.#hidden;
        // A script may have put another packet in place of the client's.
        const own: ClientTerms = this.#own ?? { capabilities, zstdLevel };
        const refusal = this.#whyNot(own);
        if (refusal !== undefined) return { kind: "refuse", refusal };
        this.client = response;
        this.#clientCapabilities = capabilities;
        this.compression.client = clientCompression(own);
        this.#useTls = this.#wantsTls;
        this.#held = {
          payload,
          capabilities: this.#termsWithServer(capabilities, zstdLevel),
          zstdLevel,
          data: authResponse,
        };
        if (this.#reused !== undefined && !this.#suits(this.#reused)) return { kind: "other-terms" };
        if (this.#reused !== undefined && this.#policy.poolWithoutChangeUser === true) {
          const answer = this.#recognise(response, this.#reused);
          if (answer !== undefined) return answer;
        }
        const server = this.#useTls ? "tls" : this.#server;
        const { passwordKeys } = this.#policy;
        this.#authentication = new Authentication(passwordKeys, this.#client, server, this.#plugin, this.#nonce);
        return this.#goOn(this.#authentication.first(authPluginName, authResponse));
      }
    }
  }

  /**
   * Begins with a fresh server for a client whose login packet has come already, as an answer to another server's nonce.
   *
   * The server is told of a plugin that no account has, so it asks for the account's own with a nonce of its own.
   *
   * @throws {ProtocolError} if it is no greeting.
   */
  resume(packet: Uint8Array): Answer {
    this.#greeted(parseHandshake(packet.subarray(HEADER_LENGTH)));
    const client = this.client!;
    if (!hasCapability(this.#serverCapabilities & client.capabilities, Capability.CLIENT_PLUGIN_AUTH)) {
      return {
        kind: "refuse",
        refusal: unknown("a pooled connection is of no use to a client without CLIENT_PLUGIN_AUTH"),
      };
    }
    const asked = { ...client, authPluginName: NO_PLUGIN, authResponse: new Uint8Array(0) };
    const answer = this.begin(encodeHandshakeResponse(asked));
    this.client = client;
    return answer;
  }

  #goOn(step: FirstStep): Answer {
    if (step.kind === "refuse") return step;
    if (step.kind === "ask") return { kind: "ask", packet: this.packetFor("client", step.payload) };
    const held = this.#held!;
    held.data = step.data;
    if (!this.#useTls) return { kind: "forward", packet: this.response() };
    const request = sslRequestFor(held.payload, held.capabilities);
    return { kind: "secure-server", packet: this.packetFor("server", request) };
  }

  /** Whether a pooled connection is what the client would have got at a login of its own. */
  #suits({ terms }: ServerLink): boolean {
    if (terms === undefined || !sameTerms(terms.capabilities, this.#agreed)) return false;
    return this.#backend?.tls !== "as-client" || (this.#client === "tls") === (terms.transport === "tls");
  }

  /** The client gets a pooled connection if it says what its last user said, who knew the password. */
  #recognise({ username, authResponse, database = "" }: HandshakeResponse41, reused: ServerLink): Answer | undefined {
    const { proof, username: last } = reused.identity ?? {};
    const same = proof !== undefined && last === username && equal(proof, authResponse);
    // In another database it would not be where it thinks: a change of user takes it there.
    if (same) return database === reused.defaultDb ? { kind: "recognised" } : undefined;
    const text = "(proxy-pool) login failed";
    return { kind: "refuse", refusal: { errorNumber: ErrorNumber.ER_ACCESS_DENIED_ERROR, sqlState: "28000", text } };
  }

  /** The login packet for the server; a change of user where the server is logged in to already. */
  response(): Uint8Array {
    const { payload, capabilities, data, zstdLevel } = this.#held!;
    this.#held = undefined;
    if (this.#reused !== undefined) {
      this.#reused.changing = true;
      return this.packetFor("server", this.#changeUser(data));
    }
    return this.packetFor("server", changeResponse(payload, { capabilities, authResponse: data, zstdLevel }));
  }

  #changeUser(authResponse: Uint8Array): Uint8Array {
    const { username, database = "", charset, attributes } = this.client!;
    const authPluginName = this.client!.authPluginName ?? this.#plugin;
    const command = { username, authResponse, database, charset, authPluginName, ...(attributes && { attributes }) };
    return encodeChangeUser(command, this.#reused?.terms?.capabilities ?? this.#agreed);
  }

  /** Why a client is not served, whatever the server says. */
  #whyNotServe({ capabilities, zstdLevel = ZSTD_LEVEL }: ClientTerms): Refusal | undefined {
    const { clientTls } = this.#policy;
    if (clientTls === "required" && this.#client === "plain") {
      return insecure("connections without TLS are not served, connect with it (--ssl-mode=REQUIRED, --ssl)");
    }
    // PHP's mysqlnd does not look at what is offered: it would compress, and wait for ever for compressed answers.
    if ((capabilities & ~this.#offered & (COMPRESSION.zlib | COMPRESSION.zstd)) !== 0n) {
      return {
        errorNumber: ErrorNumber.ER_UNKNOWN_ERROR,
        sqlState: "HY000",
        text: "(proxy) compression was asked for but not offered, connect without it or see --compression-algorithms",
      };
    }
    if (zstdLevel < 1 || zstdLevel > HIGHEST_ZSTD_LEVEL) {
      return badHandshake(`the zstd level ${zstdLevel} is not one of 1 to ${HIGHEST_ZSTD_LEVEL}`);
    }
    return undefined;
  }

  #whyNot(own: ClientTerms): Refusal | undefined {
    const refusal = this.#whyNotServe(own);
    if (refusal !== undefined) return refusal;
    const tls = this.#reused === undefined ? this.#backend?.tls : undefined;
    const wanted = tls === "required" || (tls === "as-client" && this.#client === "tls");
    if (wanted && !hasCapability(this.#serverCapabilities, Capability.CLIENT_SSL)) {
      return tlsRefusal(`backend ${this.#backendName} offers no TLS, which --backend-ssl-mode asks for`);
    }
    return undefined;
  }

  get #wantsTls(): boolean {
    if (this.#reused !== undefined) return false;
    if (!hasCapability(this.#serverCapabilities, Capability.CLIENT_SSL)) return false;
    switch (this.#backend?.tls) {
      case "required":
        return true;
      case "preferred":
        return !this.#backend.socket;
      case "as-client":
        return this.#client === "tls";
      default:
        return false;
    }
  }

  /** What the login packet says to the server in place of the client's own terms with the proxy. */
  #termsWithServer(capabilities: bigint, level: number): bigint {
    if (this.#reused !== undefined) return capabilities;
    const algorithm = this.#backend?.compression.find((name) =>
      hasCapability(this.#serverCapabilities, COMPRESSION[name])
    );
    this.compression.server = algorithm === "zstd" ? { algorithm, level } : algorithm && { algorithm };
    return capabilities & ~OWN_CAPABILITIES | (this.#useTls ? Capability.CLIENT_SSL : 0n) |
      (algorithm === undefined ? 0n : COMPRESSION[algorithm]);
  }

  /**
   * Takes a packet of either side that goes on with the authentication.
   *
   * @throws {ProtocolError} if it is malformed.
   */
  exchange(from: Side, packet: Uint8Array): AuthStep {
    const authentication = this.#authentication;
    const payload = packet.subarray(HEADER_LENGTH);
    // A server may refuse before it has heard the client.
    const speaker = authentication ??
      new Authentication(this.#policy.passwordKeys, this.#client, this.#server, this.#plugin, this.#nonce);
    return from === "client" ? speaker.fromClient(payload) : speaker.fromServer(payload);
  }

  /** How the client is reached. */
  get transport(): Transport {
    return this.#client;
  }

  /** What changes of user need to know; undefined where their packets can go through as they are. */
  get changeUserTerms(): ChangeUserTerms | undefined {
    const [client, server] = [this.#client, this.#server];
    if (!differ(client, server)) return undefined;
    const nonce = this.#authentication?.nonce ?? this.#nonce;
    const keys = this.#policy.passwordKeys;
    return { keys, client, server, capabilities: this.#agreed, plugin: this.#plugin, nonce };
  }

  /** How the login leaves the connection to the server. */
  get linkTerms(): LinkTerms {
    const nonce = this.#authentication?.nonce ?? this.#nonce;
    const plugin = this.#authentication?.plugin ?? this.#plugin;
    const capabilities = this.#reused?.terms?.capabilities ?? this.#agreed;
    const charset = this.client?.charset ?? 0;
    return { transport: this.#server, capabilities, format: this.format, charset, plugin, nonce };
  }

  /** Who has logged in, as far as the server knows. */
  get identity(): Identity {
    const { username = "", authResponse = new Uint8Array(0), authPluginName } = this.client ?? {};
    return { username, authResponse, authPluginName, proof: this.#authentication?.proof };
  }

  /** Who the client says that it is: a script may log it in as somebody else. */
  get claim(): Identity | undefined {
    const said = this.#own ?? this.client;
    if (said === undefined) return undefined;
    const { username, authResponse, authPluginName } = said;
    return { username, authResponse, authPluginName, proof: undefined };
  }

  /** What both sides have agreed on. */
  get capabilities(): bigint {
    return this.#agreed;
  }

  /** How responses look after what both sides have agreed on. */
  get format(): ResponseFormat {
    const agreed = this.#agreed;
    return {
      deprecateEof: hasCapability(agreed, Capability.CLIENT_DEPRECATE_EOF),
      optionalMetadata: hasCapability(agreed, Capability.CLIENT_OPTIONAL_RESULTSET_METADATA) ||
        hasCapability(agreed, Capability.MARIADB_CLIENT_CACHE_METADATA),
    };
  }

  get #agreed(): bigint {
    return this.#serverCapabilities & this.#clientCapabilities;
  }
}

/** A client that can do both and is offered both gets zlib, as from MySQL's server. */
function clientCompression({ capabilities, zstdLevel: level = ZSTD_LEVEL }: ClientTerms): Compression | undefined {
  if (hasCapability(capabilities, COMPRESSION.zlib)) return { algorithm: "zlib" };
  return hasCapability(capabilities, COMPRESSION.zstd) ? { algorithm: "zstd", level } : undefined;
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
