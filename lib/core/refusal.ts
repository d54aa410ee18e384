/**
 * An ERR packet that the proxy owes a client.
 *
 * @module
 */
import { ErrorNumber } from "../protocol/mod.ts";

/** What to tell the client before it is disconnected. */
export interface Refusal {
  readonly errorNumber: number;
  /** Left out for clients older than the field. */
  readonly sqlState: string | undefined;
  readonly text: string;
}

/** Something for which MySQL has no number. */
export function unknown(text: string): Refusal {
  return { errorNumber: ErrorNumber.ER_UNKNOWN_ERROR, sqlState: "HY000", text: `(proxy) ${text}` };
}

/** The client broke the protocol before it was logged in. */
export function badHandshake(why: string): Refusal {
  return { errorNumber: ErrorNumber.ER_HANDSHAKE_ERROR, sqlState: "08S01", text: `(proxy) bad handshake: ${why}` };
}

/** TLS is missing, or did not come off. */
export function tlsRefusal(text: string): Refusal {
  return { errorNumber: ErrorNumber.CR_SSL_CONNECTION_ERROR, sqlState: "HY000", text: `(proxy) ${text}` };
}

/** Something may go over TLS only. */
export function insecure(text: string): Refusal {
  return { errorNumber: ErrorNumber.ER_SECURE_TRANSPORT_REQUIRED, sqlState: "HY000", text: `(proxy) ${text}` };
}
