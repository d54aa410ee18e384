/**
 * The options of the proxy plugin, with the original's names and short flags (spec 1.4).
 *
 * @module
 */
import { defineOptions, type ValuesOf } from "../../lib/plugin/mod.ts";

/** The definitions. */
export const options = defineOptions([
  {
    name: "proxy-address",
    short: "P",
    type: "list",
    default: ["127.0.0.1:4040"],
    placeholder: "HOST:PORT",
    text: "Listen on this address; :4040 is all interfaces, /path is a Unix socket",
    since: "0.5",
  },
  {
    name: "proxy-backend-addresses",
    short: "b",
    type: "list",
    default: ["127.0.0.1:3306"],
    placeholder: "HOST[:PORT]",
    text: "The read/write backends; a client goes to the one with the fewest connections",
    since: "0.5",
    positional: true,
  },
  {
    name: "proxy-read-only-backend-addresses",
    short: "r",
    type: "list",
    default: [],
    placeholder: "HOST[:PORT]",
    text: "The read-only backends; only scripts choose them",
    since: "0.5",
  },
  {
    name: "proxy-lua-script",
    short: "s",
    type: "path",
    placeholder: "FILE",
    text: "The Lua script that looks at what goes by: a file, or the name of a shipped one such as histogram or " +
      "rw-splitting; new connections get an edited file at once",
    since: "0.5",
  },
  {
    name: "proxy-pool-no-change-user",
    type: "flag",
    default: false,
    text:
      "Give a connection of the pool to a client that shows the same proof of its password as the last user, without " +
      "COM_CHANGE_USER; the session stays as it was left",
    since: "0.7",
  },
  {
    name: "proxy-query-user",
    type: "string",
    placeholder: "NAME",
    text: "The account for queries that a script runs itself, proxy.query()",
    since: "0.9",
  },
  {
    name: "proxy-query-password",
    type: "string",
    secret: true,
    placeholder: "PASSWORD",
    text: "Its password; better in the --defaults-file than on the command line",
    since: "0.9",
  },
  {
    name: "proxy-skip-profiling",
    type: "flag",
    default: false,
    text: "For old configurations, without effect",
    since: "0.5",
  },
  {
    name: "proxy-fix-bug-25371",
    type: "flag",
    default: false,
    text: "For old configurations, without effect",
    since: "0.5",
  },
  {
    name: "proxy-connect-timeout",
    type: "seconds",
    default: 2,
    minimum: 0.001,
    maximum: 86400,
    text: "Give up connecting to a backend after this time and take the next one",
    since: "0.8",
  },
  {
    name: "proxy-read-timeout",
    type: "seconds",
    default: 28800,
    minimum: 0.001,
    maximum: 31536000,
    text: "Close a connection when the side that is to speak has been silent for this long",
    since: "0.8",
  },
  {
    name: "proxy-write-timeout",
    type: "seconds",
    default: 28800,
    minimum: 0.001,
    maximum: 31536000,
    text: "Close a connection when a side has taken nothing for this long",
    since: "0.8",
  },
  {
    name: "proxy-login-timeout",
    type: "seconds",
    default: 10,
    minimum: 0.001,
    maximum: 86400,
    text: "Close a connection whose login makes no progress for this long",
    since: "0.9",
  },
  {
    name: "backend-ssl-mode",
    type: "list",
    default: ["preferred"],
    placeholder: "[ADDRESS=]MODE",
    text:
      "TLS towards the backends: disabled, preferred (where offered), required, verify-ca (required, with a certificate " +
      "that a CA in --backend-ssl-ca has signed), verify-identity (and that is for this host), as-client (where the " +
      "client uses it); with ADDRESS= for one backend only, as in db1:3306=verify-ca",
    since: "0.9",
  },
  {
    name: "backend-ssl-ca",
    type: "path-list",
    keyed: true,
    default: [],
    defaultText: "the public CAs, as browsers know them",
    placeholder: "[ADDRESS=]FILE",
    text: "The CAs that verify-ca and verify-identity trust (PEM)",
    since: "0.9",
  },
  {
    name: "backend-ssl-cert",
    type: "path-list",
    keyed: true,
    default: [],
    placeholder: "[ADDRESS=]FILE",
    text: "The certificate to show to backends that ask for one (PEM); needs --backend-ssl-key",
    since: "0.9",
  },
  {
    name: "backend-ssl-key",
    type: "path-list",
    keyed: true,
    default: [],
    placeholder: "[ADDRESS=]FILE",
    text: "The private key of --backend-ssl-cert (PEM)",
    since: "0.9",
  },
  {
    name: "backend-ssl-server-name",
    type: "list",
    default: [],
    defaultText: "the host of the backend's address",
    placeholder: "[ADDRESS=]NAME",
    text: "The name to ask a backend for (SNI), and that verify-identity looks for in its certificate",
    since: "0.9",
  },
  {
    name: "compression-algorithms",
    type: "list",
    default: ["zlib", "zstd", "uncompressed"],
    placeholder: "NAME,...",
    text: "The compression that clients are offered: zlib, zstd; give uncompressed alone to offer none",
    since: "0.9",
  },
  {
    name: "backend-compression-algorithms",
    type: "list",
    default: ["uncompressed"],
    placeholder: "[ADDRESS=]NAME",
    text:
      "The compression towards the backends, the first that a backend offers: zlib, zstd; uncompressed alone for none",
    since: "0.9",
  },
  {
    name: "proxy-protocol-networks",
    type: "list",
    default: [],
    placeholder: "NETWORK,...",
    text: "The balancers in front of the proxy whose PROXY protocol headers (v1, v2) are believed: networks such as " +
      "10.0.0.0/8, addresses, localhost, unix (Unix sockets), * (everybody)",
    since: "0.9",
  },
  {
    name: "backend-proxy-protocol",
    type: "list",
    default: [],
    defaultText: "none",
    placeholder: "[ADDRESS=]VERSION",
    text: "Tell backends the client's address with a header of the PROXY protocol: v1, v2, none; for backends that " +
      "expect it only, such as MariaDB with proxy_protocol_networks",
    since: "0.9",
  },
  {
    name: "no-proxy",
    type: "flag",
    default: false,
    text: "Load the plugin but do not listen",
    since: "0.5",
  },
]);

/** The parsed values. */
export type ProxyValues = ValuesOf<typeof options>;
