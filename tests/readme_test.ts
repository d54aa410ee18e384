import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/toml";
import { withOptionsTable } from "../lib/chassis/print_options.ts";
import { exampleTests } from "./documented_scripts.ts";
import { ROOMS } from "./floors.ts";

const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));
const config: { tasks: Record<string, unknown> } = JSON.parse(
  await Deno.readTextFile(new URL("../deno.json", import.meta.url)),
);

Deno.test("README.md has the options as they are defined", () => {
  assertEquals(withOptionsTable(readme), readme, "run: deno task docs");
});

Deno.test("README.md names tasks that exist", () => {
  const named = [...readme.matchAll(/deno task (\w+)/g)].map(([, task]) => task ?? "");
  assert(named.length > 5);
  for (const task of named) assert(task in config.tasks, `There is no task "${task}"`);
});

Deno.test("README.md describes every room that is there", async () => {
  for (const room of Object.keys(ROOMS)) {
    const path = room === "plugins" ? "plugins/proxy" : room;
    const exists = await Deno.stat(new URL(`../${path}`, import.meta.url)).then(() => true, () => false);
    if (exists) assert(readme.includes(`\n${path}`), `${path} is not in the layout`);
  }
});

Deno.test("README.md shows TOML files that parse, with options that exist", () => {
  const files = [...readme.matchAll(/```toml\n([\s\S]*?)```/g)];
  assert(files.length > 1);
  for (const [, text = ""] of files) {
    const { "mysql-proxy": group } = parse(text);
    assert(typeof group === "object" && group !== null, `There is no group in ${text}`);
    for (const name of Object.keys(group)) assert(isOption(name), `There is no option "${name}"`);
  }
});

Deno.test("README.md starts the proxy with options that exist", () => {
  const commands = [...readme.matchAll(/^npx -y deno task start (.*)$/gm)].map(([, words = ""]) => words);
  const named = commands.flatMap((words) => [...words.matchAll(/--([a-z-]+)/g)].map(([, name = ""]) => name));
  assert(named.length > 5);
  for (const name of named) assert(isOption(name), `There is no option "${name}"`);
});

Deno.test("README.md links to headings that exist", () => {
  const headings = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) => text.toLowerCase().replaceAll(" ", "-"));
  const links = [...readme.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = ""]) => anchor);
  assert(links.length > 0);
  for (const anchor of links) assert(headings.includes(anchor), `There is no heading for "#${anchor}"`);
});

Deno.test("README.md links to files that exist", async () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g)];
  assert(links.length > 4);
  for (const [, path = "", anchor] of links) {
    const text = await Deno.readTextFile(new URL(`../${path}`, import.meta.url));
    const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => {
      return `#${heading.toLowerCase().replaceAll(/[^\w -]/g, "").replaceAll(" ", "-")}`;
    });
    assert(anchor === undefined || headings.includes(anchor), `There is no heading for "${path}${anchor}"`);
  }
});

Deno.test("README.md names shipped scripts that exist", async () => {
  const section = readme.slice(readme.indexOf("\n### Scripting\n"), readme.indexOf("\n- **Scripts for MySQL Proxy"));
  const names = [...section.matchAll(/`([a-z-]+)`/g)].map(([, name = ""]) => name).filter((name) =>
    !name.startsWith("--")
  );
  assert(names.length > 5);
  for (const name of names) await Deno.stat(new URL(`../lib/mysql-proxy/lua/${name}.lua`, import.meta.url));
});

exampleTests(readme, "README.md");

/** Whether the README's table, which another test compares with the program, has the option. */
function isOption(name: string): boolean {
  return new RegExp(`^\\| \`(-\\S, )?--${name}[=\`]`, "m").test(readme);
}
