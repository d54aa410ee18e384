/**
 * Prints `states.md` from the table; `deno task docs` runs it.
 *
 * @module
 */
import { statesPage } from "./state.ts";

await Deno.writeTextFile(new URL("./states.md", import.meta.url), statesPage());
