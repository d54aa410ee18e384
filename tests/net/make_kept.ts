/**
 * Loads certificate and keys from the data folder that its argument names, as one of several programs that start at once.
 * Prints what it got as JSON.
 *
 * @module
 */
import { loadServerTls } from "../../lib/net/server_certificate.ts";
import { TLS_OPTIONS } from "../../lib/net/tls_options.ts";
import { type OptionValue, valuesOf } from "../../lib/plugin/mod.ts";

const values = new Map<string, OptionValue>(TLS_OPTIONS.map(({ name, ...rest }) => {
  return [name, "default" in rest ? rest.default : undefined];
}));
values.set("data-dir", Deno.args[0]);
const lines: string[] = [];
const log = { enabled: () => true, write: (level: string, text: string) => void lines.push(`${level}: ${text}`) };
const tls = await loadServerTls(valuesOf(TLS_OPTIONS, values), log);
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify({ tls, lines })));
