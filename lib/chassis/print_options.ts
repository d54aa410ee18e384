/**
 * Prints the table of options into README.md, between its two markers; `deno task docs` runs it.
 *
 * @module
 */
import { SHIPPED_GROUPS } from "./configuration.ts";
import { optionsTable } from "./help.ts";

const BEGIN = "<!-- options -->\n\n";
const END = "\n<!-- /options -->";

/**
 * The README with the table between its markers replaced.
 *
 * @throws {Error} if a marker is missing.
 */
export function withOptionsTable(readme: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md lacks the markers "${BEGIN.trim()}" and "${END.trim()}"`);
  return readme.slice(0, begin + BEGIN.length) + optionsTable(SHIPPED_GROUPS) + readme.slice(end);
}

if (import.meta.main) {
  const path = new URL("../../README.md", import.meta.url);
  await Deno.writeTextFile(path, withOptionsTable(await Deno.readTextFile(path)));
}
