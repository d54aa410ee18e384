/**
 * Verifies the answers of one login or change of user: by caching_sha2_password or mysql_native_password, whichever the
 * client can.
 *
 * @module
 */
import {
  CACHING_SHA2_PASSWORD,
  CachingSha2,
  encodeAuthMoreData,
  encodeAuthSwitchRequest,
  NATIVE_PASSWORD,
  NONCE_LENGTH,
  verifyCachingSha2,
  verifyNativePassword,
} from "../protocol/mod.ts";
import type { Credentials } from "./server_credentials.ts";

/** The plugins that a server of this program has. */
export type ServerPlugin = typeof CACHING_SHA2_PASSWORD | typeof NATIVE_PASSWORD;

/** What an answer has led to. */
export type Verdict =
  | {
    readonly kind: "accepted";
    readonly plugin: ServerPlugin;
    /** Whether there is a password: an empty one proves nothing. */
    readonly withPassword: boolean;
    /** What goes out ahead of the OK packet. */
    readonly before: readonly Uint8Array[];
  }
  /** The client is to answer again, for another plugin. */
  | { readonly kind: "switch"; readonly request: Uint8Array }
  | { readonly kind: "denied"; readonly withPassword: boolean }
  /** The client knows none of the plugins. */
  | { readonly kind: "unsupported" };

/** Options of {@linkcode ServerAuthentication}. */
export interface ServerAuthenticationOptions {
  readonly credentials: Credentials;
  /** The nonce that the client has; a switch to another plugin keeps it. */
  readonly nonce: Uint8Array;
  /** Whether the client understands a request for another plugin. */
  readonly canSwitch: boolean;
  /** The plugin that the greeting has named. */
  readonly defaultPlugin: ServerPlugin;
}

/** One login or change of user. */
export class ServerAuthentication {
  readonly #options: ServerAuthenticationOptions;
  #requested: ServerPlugin | undefined;

  constructor(options: ServerAuthenticationOptions) {
    this.#options = options;
  }

  /** What the answers are verified with. */
  get credentials(): Credentials {
    return this.#options.credentials;
  }

  /**
   * Takes the first answer.
   *
   * @param plugin Whose answer it is; undefined from clients that know of no plugins, which means the native one.
   */
  first(plugin: string | undefined, answer: Uint8Array): Verdict {
    const name = plugin === undefined || plugin === "" ? NATIVE_PASSWORD : plugin;
    const { canSwitch, defaultPlugin } = this.#options;
    if (name !== CACHING_SHA2_PASSWORD && name !== NATIVE_PASSWORD) {
      return canSwitch ? this.#request(defaultPlugin) : { kind: "unsupported" };
    }
    const verdict = this.#verify(name, answer);
    // A client that was told to use another plugin than the greeting names first sends nothing.
    const undecided = verdict.kind === "denied" && !verdict.withPassword && name !== defaultPlugin;
    return undecided && canSwitch ? this.#request(name) : verdict;
  }

  /** Takes the answer to the request for another plugin. */
  next(answer: Uint8Array): Verdict {
    if (this.#requested === undefined) throw new TypeError("next() without a request");
    return this.#verify(this.#requested, answer);
  }

  #verify(plugin: ServerPlugin, response: Uint8Array): Verdict {
    const { credentials, nonce } = this.#options;
    // Some clients end an empty answer with a NUL.
    const answer = response.length === 1 && response[0] === 0 ? response.subarray(0, 0) : response;
    const withPassword = answer.length > 0;
    const right = plugin === CACHING_SHA2_PASSWORD
      ? verifyCachingSha2(answer, nonce, credentials.cachingSha2)
      : verifyNativePassword(answer, nonce, credentials.native);
    if (!right) return { kind: "denied", withPassword };
    const told = plugin === CACHING_SHA2_PASSWORD && withPassword;
    const before = told ? [encodeAuthMoreData(Uint8Array.of(CachingSha2.FAST_AUTH_SUCCESS))] : [];
    return { kind: "accepted", plugin, withPassword, before };
  }

  #request(pluginName: ServerPlugin): Verdict {
    this.#requested = pluginName;
    const data = new Uint8Array(NONCE_LENGTH + 1);
    data.set(this.#options.nonce);
    return { kind: "switch", request: encodeAuthSwitchRequest({ kind: "plugin", pluginName, data }) };
  }
}
