/**
 * The program's name and version, in one place.
 *
 * @module
 */

/** The program's name, and the name of its group in config files. */
export const PROGRAM = "mysql-proxy";

/** The release; `deno.json` says the same. */
export const VERSION = "0.9.0";
