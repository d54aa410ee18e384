/**
 * The server's packets between the handshake response and the final OK or ERR: go on with another plugin, here is more
 * data for the plugin, here comes the next factor. The client's answers to them are the plugin's raw bytes.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets.html
 *
 * @module
 */
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** First bytes of these packets. */
export const AUTH_SWITCH_HEADER = 0xfe;
export const AUTH_MORE_DATA_HEADER = 0x01;
export const AUTH_NEXT_FACTOR_HEADER = 0x02;

/** The single bytes that caching_sha2_password exchanges as "more data" and as answers to it. */
export const CachingSha2 = {
  /** Client: send me your RSA public key. */
  REQUEST_PUBLIC_KEY: 0x02,
  /** Server: the scramble matched the cache; OK follows. */
  FAST_AUTH_SUCCESS: 0x03,
  /** Server: send the password itself, over TLS or encrypted with the public key. */
  PERFORM_FULL_AUTHENTICATION: 0x04,
} as const;

/** `old-password` is the one-byte form: scramble the first 8 bytes of the nonce with the method before 4.1. */
export type AuthSwitchRequest =
  | { readonly kind: "old-password" }
  | {
    readonly kind: "plugin";
    readonly pluginName: string;
    /** As sent. A nonce usually has a NUL after it: see {@linkcode nonceOf}. */
    readonly data: Uint8Array;
  };

/** @throws {ProtocolError} `malformed` if the packet is none. */
export function parseAuthSwitchRequest(payload: Uint8Array): AuthSwitchRequest {
  const reader = new PayloadReader(payload).expect(AUTH_SWITCH_HEADER, "an auth switch request");
  if (reader.remaining === 0) return { kind: "old-password" };
  return { kind: "plugin", pluginName: reader.nulOrRestText(), data: reader.rest().slice() };
}

/** The packet that asks the client to go on with another plugin. */
export function encodeAuthSwitchRequest(request: AuthSwitchRequest): Uint8Array {
  const writer = new PayloadWriter().u8(AUTH_SWITCH_HEADER);
  if (request.kind === "plugin") writer.nulText(request.pluginName).bytes(request.data);
  return writer.finish();
}

/**
 * The plugin's data in an "auth more data" packet.
 *
 * @throws {ProtocolError} `malformed` if the packet is none.
 */
export function parseAuthMoreData(payload: Uint8Array): Uint8Array {
  return new PayloadReader(payload).expect(AUTH_MORE_DATA_HEADER, "auth more data").rest().slice();
}

/** The packet that carries more data of the plugin to the client. */
export function encodeAuthMoreData(data: Uint8Array): Uint8Array {
  return new PayloadWriter(data.length + 1).u8(AUTH_MORE_DATA_HEADER).bytes(data).finish();
}

/** The plugin of the next authentication factor and its data. */
export interface AuthNextFactor {
  readonly pluginName: string;
  readonly data: Uint8Array;
}

/** @throws {ProtocolError} `malformed` if the packet is none. */
export function parseAuthNextFactor(payload: Uint8Array): AuthNextFactor {
  const reader = new PayloadReader(payload).expect(AUTH_NEXT_FACTOR_HEADER, "an auth next factor request");
  return { pluginName: reader.nulOrRestText(), data: reader.rest().slice() };
}

/** The packet that asks for the next factor; only to clients with `MULTI_FACTOR_AUTHENTICATION`. */
export function encodeAuthNextFactor(factor: AuthNextFactor): Uint8Array {
  return new PayloadWriter().u8(AUTH_NEXT_FACTOR_HEADER).nulText(factor.pluginName).bytes(factor.data).finish();
}
