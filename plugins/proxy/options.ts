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
    text: "The read/write backends, in order",
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
    name: "no-proxy",
    type: "flag",
    default: false,
    text: "Load the plugin but do not listen",
    since: "0.5",
  },
]);

/** The parsed values. */
export type ProxyValues = ValuesOf<typeof options>;
