/**
 * The demo plugin: two small MySQL servers inside the program, so that the proxy can be tried with nothing installed.
 *
 * `--demo` loads it. One server takes writes, the other is read-only; both show the same database in memory. Unless the
 * user names others, they are the proxy's backends. When clients are served, a short tour goes through the proxy.
 *
 * @module
 */
import { TLS_OPTIONS } from "../../lib/net/tls_options.ts";
import { defineOptions, type MainHalf, type Plugin, PLUGIN_API_VERSION, valuesOf } from "../../lib/plugin/mod.ts";

const options = defineOptions([
  {
    name: "demo",
    type: "flag",
    default: false,
    text: "Start two built-in demo servers as backends and run a short tour",
    since: "0.9",
  },
  {
    name: "demo-password",
    type: "string",
    secret: true,
    placeholder: "PASSWORD",
    text: "The password of every user of the demo servers, empty by default",
    since: "0.9",
  },
]);

/** What `prepare` has opened; it runs once, on the main thread, before `startMain`. */
let servers: import("./demo_servers.ts").DemoServers | undefined;

const plugin: Plugin<null> = {
  apiVersion: PLUGIN_API_VERSION,
  name: "demo",
  version: "0.9.0",
  text: "Serves a sample database to try the proxy with",
  options,
  activatedBy: "demo",

  async prepare({ values, log, setDefault }) {
    // Imported when needed: the event threads load this module too, and have no use for a database.
    const { DemoServers } = await import("./demo_servers.ts");
    const { loadDemoTls } = await import("./tls.ts");
    const password = valuesOf(options, values)["demo-password"] ?? "";
    servers = DemoServers.open({ password, tls: await loadDemoTls(valuesOf(TLS_OPTIONS, values), log) }, log);
    const { readWrite, readOnly } = servers;
    if (setDefault("proxy-backend-addresses", [readWrite.addressText])) {
      setDefault("proxy-read-only-backend-addresses", [readOnly.addressText]);
    } else {
      log.write("message", `The demo server listens on ${readWrite.addressText}, but other backends were asked for`);
    }
  },

  startMain({ values, log }): MainHalf<null> {
    const open = servers;
    if (open === undefined) throw new TypeError("startMain() before prepare()");
    return {
      shared: null,
      ready: async () => {
        const { runTour } = await import("./tour.ts");
        await runTour(open, values, log);
      },
      stats: () => open.stats(),
      stop: async () => {
        servers = undefined;
        await open.close();
      },
    };
  },
};

export default plugin;
