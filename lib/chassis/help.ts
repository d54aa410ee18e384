/**
 * `--help`, `--version`, and the table of options for the README: all from the same definitions.
 *
 * @module
 */
import type { OptionDefinition, Plugin } from "../plugin/mod.ts";
import { defaultText, isList, placeholderOf } from "./option_value.ts";
import type { OptionGroup } from "./option_set.ts";
import { PROGRAM, VERSION } from "./version.ts";

const WIDTH = 92;
const INDENT = 8;

const HEAD = `${PROGRAM} ${VERSION} stands between MySQL clients and servers.

Usage: ${PROGRAM} [OPTION...] [HOST[:PORT]...]

Examples:
  ${PROGRAM} --demo
  ${PROGRAM} localhost:3306
  ${PROGRAM} --event-threads=8 --log-level=info db1:3306 db2:3306
  ${PROGRAM} --defaults-file=/etc/${PROGRAM}.toml
`;

const FOOT =
  `Every option can also stand in the [${PROGRAM}] group of the --defaults-file, unless it is marked otherwise.
Lists take several values, by commas or by repeating the option.

Exit codes: 0 after a clean stop, 1 after an error, 130 or 143 when a second SIGINT or SIGTERM cut a clean stop short.
`;

/** The text of `--help`. */
export function helpText(groups: readonly OptionGroup[]): string {
  const sections = groups.filter(({ options }) => options.length > 0).map(({ name, text, options }) => {
    return `Options of ${name} (${text}):\n${options.map(describe).join("")}`;
  });
  return [HEAD, ...sections, FOOT.split("\n\n").map((part) => wrap(part, 0)).join("\n")].join("\n");
}

/** The text of `--version`: the program, what it runs on, and the plugins (spec section 1.6). */
export function versionText(plugins: readonly Plugin[]): string {
  return [
    `${PROGRAM} ${VERSION}`,
    `  deno: ${Deno.version.deno}`,
    `  v8: ${Deno.version.v8}`,
    "-- modules",
    ...plugins.map(({ name, version }) => `  ${name}: ${version}`),
    "",
  ].join("\n");
}

/** All options as Markdown tables, one for each group that has any. */
export function optionsTable(groups: readonly OptionGroup[]): string {
  const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
  const sections = groups.filter(({ options }) => options.length > 0).map(({ name, options }) => {
    const rows = options.map((option) => {
      const shown = defaultText(option);
      const value = shown === undefined ? "" : option.defaultText === undefined ? `\`${shown}\`` : cell(shown);
      return `| \`${spelling(option)}\` | ${value} | ${cell(option.text)} | ${option.since} |\n`;
    });
    return `**${name}**\n\n| option | default | meaning | since |\n| --- | --- | --- | --- |\n${rows.join("")}`;
  });
  return sections.join("\n");
}

function describe(option: OptionDefinition): string {
  const value = defaultText(option);
  const notes = [
    value === undefined ? undefined : `default: ${value}`,
    isList(option) ? "list" : undefined,
    option.commandLineOnly ? "command line only" : undefined,
  ].filter((note) => note !== undefined);
  const text = notes.length === 0 ? option.text : `${option.text} (${notes.join("; ")})`;
  return `  ${spelling(option)}\n${wrap(text, INDENT)}`;
}

function spelling(option: OptionDefinition): string {
  const { name, short, type } = option;
  const long = type === "flag" ? `--${name}` : `--${name}=${placeholderOf(option)}`;
  return short === undefined ? long : `-${short}, ${long}`;
}

/** Breaks a text at blanks so that no line is longer than {@linkcode WIDTH}, unless a word is. */
function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter((part) => part !== "")) {
    if (line !== "" && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  if (line !== "") lines.push(line);
  return lines.map((content) => `${" ".repeat(indent)}${content}\n`).join("");
}
