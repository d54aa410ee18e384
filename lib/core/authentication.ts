/**
 * The exchange that proves who the client is, between a client and a server that may be reached in different ways.
 *
 * Most plugins prove it by an answer to the server's nonce, and everything goes through as it is. But two of them send the
 * password itself where nobody can listen, and encrypted with the server's RSA key where somebody could. A proxy with TLS
 * on one side only stands between two ends that do different things; it translates: it shows its own key and passes the
 * password on inside of TLS, or asks the server for its key and encrypts what came inside of TLS. The password is never
 * kept longer than that takes.
 *
 * Sources: https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html and
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
 *
 * @module
 */
import {
  AUTH_MORE_DATA_HEADER,
  AUTH_NEXT_FACTOR_HEADER,
  AUTH_SWITCH_HEADER,
  CACHING_SHA2_PASSWORD,
  CachingSha2,
  CLEAR_PASSWORD,
  decodeText,
  decryptPassword,
  encodeAuthMoreData,
  encodeText,
  encryptPassword,
  ErrorNumber,
  nonceOf,
  parseAuthNextFactor,
  parseAuthSwitchRequest,
  ProtocolError,
  SHA256_PASSWORD,
  SHA256_REQUEST_PUBLIC_KEY,
} from "../protocol/mod.ts";
import type { PasswordKeys } from "./login_policy.ts";
import { insecure, type Refusal } from "./refusal.ts";

/** How a side is reached: open to listeners, through a Unix socket, or encrypted. */
export type Transport = "plain" | "socket" | "tls";

/** What is to be done with a packet of the exchange; payloads without header. */
export type AuthStep =
  /** Send it; whose turn it is then, or how the exchange has ended. */
  | { readonly kind: "to-client"; readonly payload: Uint8Array; readonly then: Turn }
  | { readonly kind: "to-server"; readonly payload: Uint8Array }
  | { readonly kind: "refuse"; readonly refusal: Refusal };

/** Who speaks next, or how the exchange has ended. */
export type Turn = "turn_client" | "turn_server" | "logged_in" | "refused";

/** What becomes of the data with which a client begins. */
export type FirstStep =
  | { readonly kind: "send"; readonly data: Uint8Array }
  /** The client is to be asked first; its answer goes to {@linkcode Authentication.firstAnswer}. */
  | { readonly kind: "ask"; readonly payload: Uint8Array }
  | { readonly kind: "refuse"; readonly refusal: Refusal };

const OK_HEADER = 0x00;
const ERR_HEADER = 0xff;

/** Plugins whose first packet answers the nonce, the same way each time, and does not hold the password. */
const ANSWERS_NONCE: ReadonlySet<string> = new Set([CACHING_SHA2_PASSWORD, "mysql_native_password", "client_ed25519"]);

/** One exchange: a login, or a change of user. */
export class Authentication {
  readonly #keys: PasswordKeys;
  readonly #client: Transport;
  readonly #server: Transport;
  #plugin: string;
  #nonce: Uint8Array;
  /** The client's next packet holds the password, in a form that depends on its transport. */
  #wanted = false;
  /** The client's password while the server's key is being fetched. */
  #password: Uint8Array | undefined;
  /** The client's answer to the nonce, once it is there. */
  #answer: Uint8Array | undefined;
  #factors = 1;

  /** @param nonce what the client was given last, with or without the NUL behind it. */
  constructor(keys: PasswordKeys, client: Transport, server: Transport, plugin: string, nonce: Uint8Array) {
    this.#keys = keys;
    this.#client = client;
    this.#server = server;
    this.#plugin = plugin;
    this.#nonce = nonceOf(nonce);
  }

  /** The nonce that both sides know now; a change of user begins with it. */
  get nonce(): Uint8Array {
    return this.#nonce;
  }

  /** The plugin that the nonce was given for. */
  get plugin(): string {
    return this.#plugin;
  }

  /** The client's answer to the nonce, if that alone proves who it is: then the same client would answer the same again. */
  get proof(): Uint8Array | undefined {
    return this.#factors === 1 && ANSWERS_NONCE.has(this.#plugin) ? this.#answer : undefined;
  }

  /** Takes the data that came with the login packet, for the plugin that the client chose. */
  first(plugin: string | undefined, data: Uint8Array): FirstStep {
    this.#answer = data.slice();
    if (plugin !== undefined && plugin !== "") this.#plugin = plugin;
    if (this.#plugin === CLEAR_PASSWORD) {
      const refusal = this.#clearPasswordRefusal();
      return refusal === undefined ? { kind: "send", data } : { kind: "refuse", refusal };
    }
    return this.#plugin === SHA256_PASSWORD ? this.#firstOf(data) : { kind: "send", data };
  }

  /** Takes the client's answer to what {@linkcode first} asked. */
  firstAnswer(payload: Uint8Array): FirstStep {
    return this.#firstOf(payload);
  }

  #firstOf(data: Uint8Array): FirstStep {
    const step = this.#translate(data);
    switch (step.kind) {
      case "to-client":
        return { kind: "ask", payload: step.payload };
      case "to-server":
        return { kind: "send", data: step.payload };
      case "refuse":
        return step;
    }
  }

  /**
   * Takes a packet of the server.
   *
   * @throws {ProtocolError} if it is empty or malformed.
   */
  fromServer(payload: Uint8Array): AuthStep {
    switch (payload[0]) {
      case undefined:
        throw new ProtocolError("malformed", "Empty packet during login");
      case OK_HEADER:
        return this.#end(payload, "logged_in");
      case ERR_HEADER:
        return this.#end(payload, "refused");
      case AUTH_SWITCH_HEADER: {
        const request = parseAuthSwitchRequest(payload);
        if (request.kind === "plugin") return this.#begin(payload, request.pluginName, request.data);
        return { kind: "to-client", payload, then: "turn_client" };
      }
      case AUTH_NEXT_FACTOR_HEADER: {
        const { pluginName, data } = parseAuthNextFactor(payload);
        this.#factors++;
        return this.#begin(payload, pluginName, data);
      }
      case AUTH_MORE_DATA_HEADER:
        return this.#moreData(payload);
      default:
        return { kind: "to-client", payload, then: "turn_client" };
    }
  }

  /** Takes a packet of the client. */
  fromClient(payload: Uint8Array): AuthStep {
    this.#answer ??= payload.slice();
    return this.#wanted ? this.#translate(payload) : { kind: "to-server", payload };
  }

  #end(payload: Uint8Array, then: "logged_in" | "refused"): AuthStep {
    this.#forgetPassword();
    return { kind: "to-client", payload, then };
  }

  /** The server wants another plugin, or one more. */
  #begin(payload: Uint8Array, plugin: string, data: Uint8Array): AuthStep {
    this.#forgetPassword();
    this.#answer = undefined;
    this.#plugin = plugin;
    this.#nonce = nonceOf(data);
    this.#wanted = plugin === SHA256_PASSWORD;
    const refusal = plugin === CLEAR_PASSWORD ? this.#clearPasswordRefusal() : undefined;
    return refusal === undefined ? { kind: "to-client", payload, then: "turn_client" } : { kind: "refuse", refusal };
  }

  #moreData(payload: Uint8Array): AuthStep {
    const password = this.#password;
    if (password !== undefined) {
      this.#password = undefined;
      const encrypted = encryptPassword(password, this.#nonce, decodeText(payload.subarray(1)));
      password.fill(0);
      return { kind: "to-server", payload: encrypted };
    }
    if (this.#plugin === CACHING_SHA2_PASSWORD && payload.length === 2) {
      if (payload[1] === CachingSha2.FAST_AUTH_SUCCESS) return { kind: "to-client", payload, then: "turn_server" };
      if (payload[1] === CachingSha2.PERFORM_FULL_AUTHENTICATION) this.#wanted = true;
    }
    return { kind: "to-client", payload, then: "turn_client" };
  }

  /** What the client has sent holds the password, unless it asks for the key to encrypt it with. */
  #translate(payload: Uint8Array): AuthStep {
    const clientHides = hidesPasswords(this.#plugin, this.#client);
    const serverHides = hidesPasswords(this.#plugin, this.#server);
    const empty = payload.length === 0 || (payload.length === 1 && payload[0] === 0);
    if (clientHides === serverHides || empty) return { kind: "to-server", payload };
    const request = this.#plugin === SHA256_PASSWORD ? SHA256_REQUEST_PUBLIC_KEY : CachingSha2.REQUEST_PUBLIC_KEY;
    if (clientHides) {
      this.#password = payload.slice();
      return { kind: "to-server", payload: Uint8Array.of(request) };
    }
    if (payload.length === 1 && payload[0] === request) {
      const key = encodeAuthMoreData(encodeText(this.#keys.publicKey));
      return { kind: "to-client", payload: key, then: "turn_client" };
    }
    const password = decryptPassword(payload, this.#nonce, this.#keys.privateKey);
    if (password !== undefined) return { kind: "to-server", payload: password };
    // Some clients take a connection for encrypted because they were told to encrypt it.
    if (payload.at(-1) === 0) return { kind: "to-server", payload };
    return { kind: "refuse", refusal: WRONG_KEY };
  }

  #clearPasswordRefusal(): Refusal | undefined {
    if (!hidesPasswords(CLEAR_PASSWORD, this.#client)) {
      return insecure("this account's password is sent in clear text, connect with TLS (--ssl-mode=REQUIRED, --ssl)");
    }
    if (!hidesPasswords(CLEAR_PASSWORD, this.#server)) {
      return insecure("this account's password is sent in clear text, and the backend has no TLS (--backend-ssl-mode)");
    }
    return undefined;
  }

  #forgetPassword(): void {
    this.#password?.fill(0);
    this.#password = undefined;
  }
}

/** What a client is told whose password cannot be decrypted. */
export const WRONG_KEY: Refusal = {
  errorNumber: ErrorNumber.ER_ACCESS_DENIED_ERROR,
  sqlState: "28000",
  text:
    "(proxy) the password cannot be decrypted: it was encrypted with another key than the proxy's. Let the client " +
    "ask for the key (--get-server-public-key), give it the proxy's, or use TLS; or give the proxy the backend's " +
    "private key (--password-private-key)",
};

/** Whether `plugin` sends the password itself over `transport`. sha256_password does not trust Unix sockets. */
function hidesPasswords(plugin: string, transport: Transport): boolean {
  return transport === "tls" || (transport === "socket" && plugin !== SHA256_PASSWORD);
}

/** Whether there is a plugin for which the two transports differ. */
export function differ(client: Transport, server: Transport): boolean {
  return [CACHING_SHA2_PASSWORD, SHA256_PASSWORD].some((plugin) =>
    hidesPasswords(plugin, client) !== hidesPasswords(plugin, server)
  );
}
