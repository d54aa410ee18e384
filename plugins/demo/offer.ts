/**
 * What the demo servers offer a client before it has logged in.
 *
 * @module
 */
import { newCredentials } from "../../lib/core/server_credentials.ts";
import type { ServerLoginOptions } from "../../lib/core/server_offer.ts";
import { Capability } from "../../lib/protocol/capability.ts";
import { COMPRESSION_ALGORITHMS } from "../../lib/protocol/compression.ts";
import { CACHING_SHA2_PASSWORD, NATIVE_PASSWORD } from "../../lib/protocol/scramble.ts";
import { ServerStatus } from "../../lib/protocol/status.ts";
import { CHARSET_TEXT } from "./sql/value_type.ts";
import { SERVER_VERSION } from "./sql/variables.ts";
import type { DemoTls } from "./tls.ts";

/** What the servers can do besides TLS and compression; no LOAD DATA LOCAL. */
export const CAPABILITIES = Capability.CLIENT_LONG_PASSWORD | Capability.CLIENT_FOUND_ROWS |
  Capability.CLIENT_LONG_FLAG | Capability.CLIENT_CONNECT_WITH_DB | Capability.CLIENT_IGNORE_SPACE |
  Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_INTERACTIVE | Capability.CLIENT_TRANSACTIONS |
  Capability.CLIENT_SECURE_CONNECTION | Capability.CLIENT_MULTI_STATEMENTS | Capability.CLIENT_MULTI_RESULTS |
  Capability.CLIENT_PS_MULTI_RESULTS | Capability.CLIENT_PLUGIN_AUTH | Capability.CLIENT_CONNECT_ATTRS |
  Capability.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA | Capability.CLIENT_SESSION_TRACK | Capability.CLIENT_DEPRECATE_EOF;

/** What all connections of both servers have in common. */
export interface Offer {
  readonly tls: DemoTls | undefined;
  readonly login: Omit<ServerLoginOptions, "connectionId">;
}

/**
 * Makes the offer. Every user name is welcome with the one password.
 *
 * @param tls undefined where it cannot be had, or is not wanted.
 */
export function newOffer(password: string, tls: DemoTls | undefined): Offer {
  const credentials = newCredentials(password);
  return {
    tls,
    login: {
      serverVersion: SERVER_VERSION,
      capabilities: CAPABILITIES,
      // So that MariaDB's clients on other machines take the certificate; an empty password proves nothing.
      defaultPlugin: tls === undefined || password === "" ? CACHING_SHA2_PASSWORD : NATIVE_PASSWORD,
      charset: CHARSET_TEXT,
      status: ServerStatus.SERVER_STATUS_AUTOCOMMIT,
      credentials: () => credentials,
      tls: tls === undefined ? undefined : { required: false, fingerprint: tls.fingerprint },
      compression: COMPRESSION_ALGORITHMS,
    },
  };
}
