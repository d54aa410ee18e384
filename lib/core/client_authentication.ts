/**
 * Proves to a server who the proxy is, in a login of its own: by mysql_native_password, caching_sha2_password or
 * sha256_password, whichever the account has.
 *
 * Sources: https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html and
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods_sha256_password_authentication.html
 *
 * @module
 */
import {
  CACHING_SHA2_PASSWORD,
  CachingSha2,
  decodeText,
  encodeText,
  encryptPassword,
  NATIVE_PASSWORD,
  nonceOf,
  parseAuthMoreData,
  type parseAuthSwitchRequest,
  scrambleCachingSha2,
  scrambleNativePassword,
  SHA256_PASSWORD,
  SHA256_REQUEST_PUBLIC_KEY,
} from "../protocol/mod.ts";
import type { Transport } from "./authentication.ts";

/** The plugins that there is an answer to. */
export type ClientPlugin = typeof CACHING_SHA2_PASSWORD | typeof NATIVE_PASSWORD | typeof SHA256_PASSWORD;

/** What to say to the server. */
export type ClientAnswer =
  | { readonly kind: "send"; readonly payload: Uint8Array }
  /** Nothing: the server goes on. */
  | { readonly kind: "wait" }
  | { readonly kind: "unable"; readonly reason: string };

/** One exchange, from the login packet to the server's OK or ERR. */
export class ClientAuthentication {
  readonly #password: string;
  readonly #transport: Transport;
  #plugin: ClientPlugin = NATIVE_PASSWORD;
  #nonce: Uint8Array = new Uint8Array(0);
  /** The server was asked for its RSA key. */
  #keyWanted = false;

  constructor(password: string, transport: Transport) {
    this.#password = password;
    this.#transport = transport;
  }

  /**
   * What the login packet has to say.
   *
   * @param offered the plugin in the greeting. In place of one that is not known another is named: the account's own may
   * be a known one, and then the server asks for it.
   */
  first(
    offered: string | undefined,
    nonce: Uint8Array,
  ): { readonly plugin: ClientPlugin; readonly data: Uint8Array } {
    const name = offered === undefined || offered === "" ? NATIVE_PASSWORD : offered;
    this.#plugin = isKnown(name) ? name : CACHING_SHA2_PASSWORD;
    this.#nonce = nonce;
    return { plugin: this.#plugin, data: this.#begin() };
  }

  /** Takes the server's request for another plugin. */
  switchTo(request: ReturnType<typeof parseAuthSwitchRequest>): ClientAnswer {
    if (request.kind === "old-password") {
      return unable("the account has a password of before MySQL 4.1, set a new one");
    }
    const { pluginName, data } = request;
    if (!isKnown(pluginName)) {
      const known = `${CACHING_SHA2_PASSWORD}, ${SHA256_PASSWORD} or ${NATIVE_PASSWORD}`;
      return unable(`the account logs in by "${pluginName}", use an account with ${known}`);
    }
    this.#plugin = pluginName;
    this.#nonce = nonceOf(data);
    return send(this.#begin());
  }

  /**
   * Takes more data of the plugin.
   *
   * @throws {ProtocolError} `malformed` if it should be a key and is none, `out-of-range` if the password is too long for it.
   */
  moreData(payload: Uint8Array): ClientAnswer {
    const data = parseAuthMoreData(payload);
    if (this.#keyWanted) {
      this.#keyWanted = false;
      return send(encryptPassword(this.#withNul, this.#nonce, decodeText(data)));
    }
    if (this.#plugin === CACHING_SHA2_PASSWORD && data.length === 1) {
      if (data[0] === CachingSha2.FAST_AUTH_SUCCESS) return { kind: "wait" };
      if (data[0] === CachingSha2.PERFORM_FULL_AUTHENTICATION) return send(this.#whole());
    }
    return unable(`the server said something during ${this.#plugin} that it must not`);
  }

  #begin(): Uint8Array {
    this.#keyWanted = false;
    switch (this.#plugin) {
      case NATIVE_PASSWORD:
        return scrambleNativePassword(this.#password, this.#nonce);
      case CACHING_SHA2_PASSWORD:
        return scrambleCachingSha2(this.#password, this.#nonce);
      case SHA256_PASSWORD:
        return this.#password === "" ? this.#withNul : this.#whole();
    }
  }

  /** The password itself where nobody can listen, or the request for the key to encrypt it with. */
  #whole(): Uint8Array {
    // sha256_password does not trust Unix sockets.
    const hidden = this.#transport === "tls" || (this.#transport === "socket" && this.#plugin !== SHA256_PASSWORD);
    if (hidden) return this.#withNul;
    this.#keyWanted = true;
    return Uint8Array.of(
      this.#plugin === SHA256_PASSWORD ? SHA256_REQUEST_PUBLIC_KEY : CachingSha2.REQUEST_PUBLIC_KEY,
    );
  }

  get #withNul(): Uint8Array {
    return encodeText(`${this.#password}\0`);
  }
}

function isKnown(name: string): name is ClientPlugin {
  return name === CACHING_SHA2_PASSWORD || name === NATIVE_PASSWORD || name === SHA256_PASSWORD;
}

function send(payload: Uint8Array): ClientAnswer {
  return { kind: "send", payload };
}

function unable(reason: string): ClientAnswer {
  return { kind: "unable", reason };
}
