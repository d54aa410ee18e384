/**
 * What a plugin needs from the program that loads it: options, log, life cycle.
 *
 * @module
 */
export * from "./log.ts";
export * from "./option.ts";
export * from "./plugin.ts";
