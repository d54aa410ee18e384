/**
 * The entry point of MySQL Proxy.
 *
 * @module
 */
import { run } from "./lib/chassis/run.ts";

if (import.meta.main) Deno.exit(await run(Deno.args));
