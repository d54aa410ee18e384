/**
 * The demo plugin's life without a proxy: `prepare`, `startMain`, `ready`, `stop`. The tour goes straight to the read/write
 * server unless the first argument is another address. The second is the password, the third the `--ssl-mode`.
 *
 * @module
 */
import plugin from "../../../plugins/demo/mod.ts";
import { TLS_OPTIONS } from "../../../lib/net/tls_options.ts";
import type { OptionValue } from "../../../lib/plugin/mod.ts";

const log = {
  enabled: () => true,
  write: (level: string, text: string) => {
    Deno.stderr.writeSync(new TextEncoder().encode(`${level}: ${text}\n`));
  },
};
const values = new Map<string, OptionValue>(TLS_OPTIONS.map(({ name }) => [name, undefined]));
values.set("demo", true).set("demo-password", Deno.args[1]).set("ssl-mode", Deno.args[2] ?? "disabled");
values.set("ssl-require-client-cert", false);
await plugin.prepare?.({
  values,
  log,
  setDefault(name, value) {
    values.set(name, value);
    return true;
  },
});
const half = await plugin.startMain({ values, log, threads: 1, shutdown: () => {} });
values.set("proxy-address", Deno.args[0] ? [Deno.args[0]] : values.get("proxy-backend-addresses"));
await half.ready?.();
await half.stop?.();
