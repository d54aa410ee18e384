import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/toml";
import { withOptionsTable } from "../lib/chassis/print_options.ts";
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

Deno.test("README.md shows a TOML file that parses", () => {
  const [, toml = ""] = /```toml\n([\s\S]*?)```/.exec(readme) ?? [];
  assert("mysql-proxy" in parse(toml));
});
