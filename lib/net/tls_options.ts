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
    text:
      "TLS for clients: disabled (not offered), preferred (offered), required (clients without it are refused, unless " +
      "they come by a Unix socket)",
    since: "0.9",
  },
  {
    name: "ssl-cert",
    type: "path",
    defaultText: "one is made and kept in the --data-dir",
    text:
      "The certificate to show to clients (PEM), followed by the intermediate ones if there are any; needs --ssl-key. " +
      "The files are read again when they change",
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
    text:
      "Ask clients that use TLS for a certificate, and refuse one that no CA in this file (PEM) has signed; clients that " +
      "have none are let in",
    since: "0.9",
  },
  {
    name: "ssl-require-client-cert",
    type: "flag",
    default: false,
    text:
      "Refuse clients that use TLS and show no certificate; needs --ssl-ca. Clients without TLS are the business of --ssl-mode",
    since: "0.9",
  },
  {
    name: "password-private-key",
    type: "path",
    defaultText: "one is made and kept in the --data-dir",
    text:
      "The RSA key (PEM) for the passwords of clients without TLS; name the backend's private_key.pem here if the " +
      "clients have the backend's public key in a file",
    since: "0.9",
  },
  {
    name: "data-dir",
    type: "path",
    placeholder: "DIR",
    defaultText: "mysql-proxy in the user's data folder, such as ~/.local/share/mysql-proxy",
    text: "The folder of the certificate and keys that the program makes itself",
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
