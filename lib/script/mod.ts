/**
 * The contract between connections and the scripts that look at them: types that both sides know, and nothing else.
 *
 * @module
 */
export * from "./script.ts";
export * from "./world.ts";
