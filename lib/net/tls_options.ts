/**
 * The options of TLS towards clients. They belong to the whole program: whatever it listens with takes them, so that one
 * certificate serves all.
 *
 * @module
 */
import { defineOptions, type ValuesOf } from "../plugin/mod.ts";
import { NetError } from "./net_error.ts";

/** What the chassis registers beside its own options. */
export const TLS_OPTIONS = defineOptions([
  {
    name: "ssl-mode",
    type: "choice",
    choices: ["disabled", "preferred", "required"],
    default: "preferred",
    placeholder: "MODE",
    text: "Whether clients may or must use TLS: disabled, preferred, required",
    since: "0.9",
  },
  {
    name: "ssl-cert",
    type: "path",
    defaultText: "one is made and kept in the --data-dir",
    text: "The certificate that is shown to clients (PEM), with those between it and its CA behind it; needs --ssl-key",
    since: "0.9",
  },
  {
    name: "ssl-key",
    type: "path",
    text: "The private key of --ssl-cert (PEM)",
    since: "0.9",
  },
  {
    name: "ssl-ca",
    type: "path",
    text: "Ask clients that use TLS for a certificate, and refuse one that no CA in this file (PEM) has signed",
    since: "0.9",
  },
  {
    name: "ssl-require-client-cert",
    type: "flag",
    default: false,
    text: "Refuse clients that use TLS and show no certificate; needs --ssl-ca",
    since: "0.9",
  },
  {
    name: "password-private-key",
    type: "path",
    defaultText: "one is made and kept in the --data-dir",
    text: "The RSA key (PEM) for clients that encrypt their password with it because they use no TLS; give the " +
      "server's private_key.pem if they have its public key in a file",
    since: "0.9",
  },
  {
    name: "data-dir",
    type: "path",
    placeholder: "DIR",
    defaultText: "the user's data folder",
    text: "Where the certificate and the keys are kept that the program makes itself",
    since: "0.9",
  },
]);

/** The parsed values of {@linkcode TLS_OPTIONS}. */
export type TlsValues = ValuesOf<typeof TLS_OPTIONS>;

/**
 * Checks what no single option can: that those are given which need each other.
 *
 * @throws {NetError} `bad-option`
 */
export function checkTlsOptions(values: TlsValues): void {
  const { "ssl-cert": cert, "ssl-key": key } = values;
  if (cert !== undefined && key === undefined) {
    throw new NetError("bad-option", `"--ssl-key" is missing, the file with the private key of "--ssl-cert=${cert}"`);
  }
  if (key !== undefined && cert === undefined) {
    throw new NetError("bad-option", `"--ssl-cert" is missing, the file with the certificate of "--ssl-key=${key}"`);
  }
  if (values["ssl-require-client-cert"] && values["ssl-ca"] === undefined) {
    throw new NetError(
      "bad-option",
      '"--ssl-ca" is missing, the file with the CA of the certificates that "--ssl-require-client-cert" asks for',
    );
  }
}
