/**
 * The login: from the server's greeting to its OK or ERR.
 *
 * Here whole packets count, since capabilities are taken out of what both sides are offered, and what they agree on
 * decides how everything after it is read. Which plugin proves the client's identity, and how, is between the two.
 *
 * @module
 */
import {
  Capability,
  encodePacket,
  ErrorNumber,
  hasCapability,
  HEADER_LENGTH,
  PacketCollector,
  parseHandshake,
  parseHandshakeResponse,
  ProtocolError,
  type ResponseFormat,
  responseWithoutCapabilities,
  withoutCapabilities,
} from "../protocol/mod.ts";
import type { Side } from "./effects.ts";

const COMPRESSION = Capability.CLIENT_COMPRESS | Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM;

/** Capabilities that are taken out of what both sides are offered: the proxy would lose sight of the packets. */
const HIDDEN_CAPABILITIES = Capability.CLIENT_SSL | COMPRESSION;

/** The largest packet that a login may hold: far more than connection attributes (64 KB) or a Kerberos ticket take. */
const PACKET_LIMIT = 1 << 20;

const OK = 0x00;
const ERR = 0xff;
const AUTH_MORE_DATA = 0x01;
/** After this byte in an AuthMoreData packet of caching_sha2_password the server's OK follows by itself. */
const FAST_AUTH_SUCCESS = 0x03;

/** An ERR packet that the proxy owes the client. */
export interface Refusal {
  readonly errorNumber: number;
  /** Left out for clients older than the field. */
  readonly sqlState: string | undefined;
  readonly text: string;
}

/** What to do with the client's first packet. */
export type Answer = { readonly kind: "forward"; readonly packet: Uint8Array } | {
  readonly kind: "refuse";
  readonly refusal: Refusal;
};

/** One login. Packets go in and out with their headers. */
export class Login {
  readonly #client = new PacketCollector(PACKET_LIMIT);
  #server = new PacketCollector(PACKET_LIMIT);
  #serverCapabilities = 0n;
  #clientCapabilities = 0n;
  #lastSequenceId = -1;

  /** The user's name, once the client has sent it. */
  username: string | undefined;
  /** The server's connection id, once it has greeted. */
  threadId: number | undefined;

  /** The sequence id that either side expects of the next packet. */
  get nextSequenceId(): number {
    return (this.#lastSequenceId + 1) & 0xff;
  }

  /** Begins anew with another server; what the last one left unfinished is forgotten. */
  nextServer(): void {
    this.#server = new PacketCollector(PACKET_LIMIT);
  }

  /**
   * Takes bytes of a side up to the end of a packet.
   *
   * @throws {ProtocolError} `too-large` for a packet that no login has.
   */
  collect(from: Side, chunk: Uint8Array, at: number): { readonly at: number; readonly packet: Uint8Array | undefined } {
    const collected = (from === "client" ? this.#client : this.#server).collect(chunk, at);
    if (collected.packet !== undefined) this.#lastSequenceId = collected.packet[3]!;
    return collected;
  }

  /**
   * Reads the server's first packet.
   *
   * @returns what to offer the client, and whether that is an ERR: then the login is over.
   * @throws {ProtocolError} if it is neither a greeting nor an ERR.
   */
  greeting(packet: Uint8Array): { readonly packet: Uint8Array; readonly refused: boolean } {
    const payload = packet.subarray(HEADER_LENGTH);
    if (payload[0] === ERR) return { packet, refused: true };
    const { capabilities, connectionId } = parseHandshake(payload);
    this.#serverCapabilities = capabilities & ~HIDDEN_CAPABILITIES;
    this.threadId = connectionId;
    const offer = withoutCapabilities(payload, HIDDEN_CAPABILITIES);
    return { packet: encodePacket(offer, packet[3]!), refused: false };
  }

  /**
   * Reads the client's first packet.
   *
   * @throws {ProtocolError} if it is not one.
   */
  response(packet: Uint8Array): Answer {
    const payload = packet.subarray(HEADER_LENGTH);
    const response = parseHandshakeResponse(payload);
    switch (response.kind) {
      case "response320":
        return refuse(ErrorNumber.CR_VERSION_ERROR, undefined, "4.0 protocol is not supported");
      case "ssl-request":
        return refuse(
          ErrorNumber.CR_SSL_CONNECTION_ERROR,
          "HY000",
          "(proxy) TLS was asked for but not offered, connect without it (--ssl-mode=DISABLED or --skip-ssl)",
        );
      case "response41": {
        // PHP's mysqlnd does not look at what is offered: it would compress, and wait for ever for compressed answers.
        if ((response.capabilities & COMPRESSION) !== 0n) {
          return refuse(
            ErrorNumber.ER_UNKNOWN_ERROR,
            "HY000",
            "(proxy) compression was asked for but not offered, connect without it (no MYSQLI_CLIENT_COMPRESS)",
          );
        }
        this.#clientCapabilities = response.capabilities & ~HIDDEN_CAPABILITIES;
        this.username = response.username;
        const kept = responseWithoutCapabilities(payload, HIDDEN_CAPABILITIES);
        return { kind: "forward", packet: encodePacket(kept, packet[3]!) };
      }
    }
  }

  /**
   * What a packet of the server says about who speaks next, or how the login has ended.
   *
   * @throws {ProtocolError} if it is empty.
   */
  verdict(packet: Uint8Array): "logged_in" | "refused" | "turn_client" | "turn_server" {
    switch (packet[HEADER_LENGTH]) {
      case undefined:
        throw new ProtocolError("malformed", "Empty packet during login");
      case OK:
        return "logged_in";
      case ERR:
        return "refused";
      case AUTH_MORE_DATA:
        return packet[HEADER_LENGTH + 1] === FAST_AUTH_SUCCESS && packet.length === HEADER_LENGTH + 2
          ? "turn_server"
          : "turn_client";
      default:
        return "turn_client";
    }
  }

  /** How responses look after what both sides have agreed on. */
  get format(): ResponseFormat {
    const agreed = this.#serverCapabilities & this.#clientCapabilities;
    return {
      deprecateEof: hasCapability(agreed, Capability.CLIENT_DEPRECATE_EOF),
      optionalMetadata: hasCapability(agreed, Capability.CLIENT_OPTIONAL_RESULTSET_METADATA) ||
        hasCapability(agreed, Capability.MARIADB_CLIENT_CACHE_METADATA),
    };
  }
}

function refuse(errorNumber: number, sqlState: string | undefined, text: string): Answer {
  return { kind: "refuse", refusal: { errorNumber, sqlState, text } };
}
