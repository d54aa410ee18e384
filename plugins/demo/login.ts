/**
 * The server's side of a login: caching_sha2_password, and mysql_native_password for clients that know nothing else.
 *
 * Every user name is welcome with the one password, which is empty unless `--demo-password` is given. The server knows
 * it, so caching_sha2_password always takes its fast path and never needs a key or TLS.
 *
 * @module
 */
import { encodeAuthMoreData, encodeAuthSwitchRequest } from "../../lib/protocol/auth_switch.ts";
import {
  cachingSha2Hash,
  nativePasswordHash,
  NONCE_LENGTH,
  verifyCachingSha2,
  verifyNativePassword,
} from "../../lib/protocol/scramble.ts";
import { SqlError } from "./sql/sql_error.ts";

/** The plugin that the handshake names. */
export const DEFAULT_PLUGIN = "caching_sha2_password";

/** "Fast authentication succeeded", the byte before the OK packet. */
const FAST_AUTH_OK = 0x03;

/** What to send after an answer of the client. */
export type LoginStep =
  /** The password is right; `before` goes out ahead of the OK packet. */
  | { readonly kind: "accepted"; readonly before: readonly Uint8Array[] }
  /** The client is to answer again, for another plugin. */
  | { readonly kind: "switch"; readonly request: Uint8Array };

/** A nonce as servers make it: printable, so that it has no NUL and survives old clients. */
export function newNonce(): Uint8Array {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_LENGTH));
  return nonce.map((byte) => 33 + byte % 94);
}

/** Verifies the answers of one login or change of user. */
export class Login {
  readonly nonce: Uint8Array;
  readonly #sha2: Uint8Array;
  readonly #native: Uint8Array;
  #switched = false;

  /** `nonce` is the one that the client has; a switch to another plugin keeps it. */
  constructor(password: string, nonce: Uint8Array) {
    this.nonce = nonce;
    this.#sha2 = cachingSha2Hash(password);
    this.#native = nativePasswordHash(password);
  }

  /**
   * Takes an answer.
   *
   * @param plugin whose answer it is; undefined for clients that know of no plugins, which means the native one.
   * @param canSwitch whether the client understands a request for another plugin.
   * @throws {SqlError} 1045 for the wrong password, 1251 for a client that knows none of the plugins.
   */
  answer(user: string, plugin: string | undefined, response: Uint8Array, canSwitch: boolean): LoginStep {
    // Some clients end an empty answer with a NUL.
    const answer = response.length === 1 && response[0] === 0 ? response.subarray(0, 0) : response;
    const name = plugin === undefined || plugin === "" ? "mysql_native_password" : plugin;
    if (name === DEFAULT_PLUGIN) {
      if (!verifyCachingSha2(answer, this.nonce, this.#sha2)) throw denied(user, answer);
      return { kind: "accepted", before: answer.length === 0 ? [] : [encodeAuthMoreData(Uint8Array.of(FAST_AUTH_OK))] };
    }
    if (name === "mysql_native_password") {
      if (verifyNativePassword(answer, this.nonce, this.#native)) return { kind: "accepted", before: [] };
      if (answer.length > 0 || !canSwitch || this.#switched) throw denied(user, answer);
      // A client may send an empty answer because it was not sure which plugin is meant.
    }
    if (!canSwitch || this.#switched) {
      throw new SqlError(1251, "08004", "Client does not support authentication protocol requested by server");
    }
    this.#switched = true;
    const data = new Uint8Array(NONCE_LENGTH + 1);
    data.set(this.nonce);
    return { kind: "switch", request: encodeAuthSwitchRequest({ kind: "plugin", pluginName: DEFAULT_PLUGIN, data }) };
  }
}

function denied(user: string, response: Uint8Array): SqlError {
  const [name = "", host = ""] = user.split("@");
  const used = response.length > 0 ? "YES" : "NO";
  return new SqlError(1045, "28000", `Access denied for user '${name}'@'${host}' (using password: ${used})`);
}
