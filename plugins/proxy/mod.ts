/**
 * The proxy plugin: accepts MySQL clients and connects each with a backend.
 *
 * @module
 */
import { type Plugin, PLUGIN_API_VERSION, type ThreadHalf, valuesOf } from "../../lib/plugin/mod.ts";
import { startMain } from "./main_half.ts";
import { options } from "./options.ts";
import type { Setup } from "./setup.ts";
import { ProxyThread } from "./thread_half.ts";

const IDLE_THREAD: ThreadHalf = { stop: () => Promise.resolve() };
const NOTHING: Setup = {
  listen: [],
  backends: [],
  backendMemory: { entries: [], cells: new SharedArrayBuffer(4), uuids: new SharedArrayBuffer(4) },
  acceptMemory: new SharedArrayBuffer(4),
  connectTimeout: 0,
  readTimeout: 0,
  writeTimeout: 0,
  loginTimeout: 0,
  policy: {
    clientTls: "disabled",
    clientCompression: [],
    passwordKeys: { publicKey: "", privateKey: "" },
    backends: [],
  },
  terms: [],
  serverTls: undefined,
  proxyNetworks: [],
  scripts: undefined,
};

const plugin: Plugin<Setup> = {
  apiVersion: PLUGIN_API_VERSION,
  name: "proxy",
  version: "0.9.0",
  text: "Connects clients with backends",
  options,
  startMain: (context) => valuesOf(options, context.values)["no-proxy"] ? { shared: NOTHING } : startMain(context),
  startThread: (context) => valuesOf(options, context.values)["no-proxy"] ? IDLE_THREAD : ProxyThread.start(context),
};

export default plugin;
