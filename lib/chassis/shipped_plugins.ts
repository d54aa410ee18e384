/**
 * The plugins that come with the program. They are imported statically, so that `deno compile` embeds them.
 *
 * @module
 */
import demo from "../../plugins/demo/mod.ts";
import proxy from "../../plugins/proxy/mod.ts";
import type { Plugin } from "../plugin/mod.ts";

/** In the order of `--help`. */
export const SHIPPED_PLUGINS: readonly Plugin[] = [proxy, demo];
