import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { ChassisError } from "../../lib/chassis/chassis_error.ts";
import { parseCommandLine } from "../../lib/chassis/command_line.ts";
import { ConfigFile } from "../../lib/chassis/config_file.ts";
import { helpText, optionsTable, versionText } from "../../lib/chassis/help.ts";
import { type OptionGroup, OptionSet } from "../../lib/chassis/option_set.ts";
import { CHASSIS_OPTIONS } from "../../lib/chassis/options.ts";
import { Settings } from "../../lib/chassis/settings.ts";
import { VERSION } from "../../lib/chassis/version.ts";
import type { OptionDefinition } from "../../lib/plugin/mod.ts";
import echo from "./fixtures/echo.ts";

const GROUPS: readonly OptionGroup[] = [
  { name: "chassis", text: "the program", options: CHASSIS_OPTIONS },
  { name: "echo", text: echo.text, options: echo.options },
];

function settings(args: readonly string[], file?: string): Settings {
  const set = new OptionSet(GROUPS);
  return new Settings({
    set,
    commandLine: parseCommandLine(args, set, "strict"),
    file: file === undefined ? undefined : new ConfigFile("x.cnf", `[mysql-proxy]\n${file}`),
    basedir: () => "/base",
  });
}

Deno.test("VERSION is that of deno.json", async () => {
  const config: { readonly version?: unknown } = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  assertEquals(VERSION, config.version);
});

Deno.test("CHASSIS_OPTIONS default to at most four threads", () => {
  const threads = settings([]).values.get("event-threads");
  assert(typeof threads === "number" && threads >= 1 && threads <= 4 && threads <= navigator.hardwareConcurrency);
  assertEquals(settings(["--event-threads=64"]).values.get("event-threads"), 64);
  const error = assertThrows(() => settings(["--event-threads=0"]), ChassisError);
  assertEquals(error.message, 'Option "--event-threads" must be at least 1, got 0');
});

Deno.test("Settings let the command line win over the file, and the file over defaults, for every type", () => {
  const file = "echo-address = file\necho-peers = f1,f2\necho-timeout = 7\nno-echo = true\necho-file = f\n" +
    "log-level = debug\nevent-threads = 7";
  const names = ["echo-address", "echo-peers", "echo-timeout", "no-echo", "echo-file", "log-level", "event-threads"];
  const args = [
    "--echo-address=line",
    "--echo-peers=l1",
    "--echo-timeout=8",
    "--no-echo=false",
    "--echo-file=l",
    "--log-level=info",
    "--event-threads=8",
  ];
  const values = (from: Settings) => names.map((name) => from.values.get(name));
  const origins = (from: Settings) => names.map((name) => from.originOf(name));
  assertEquals(values(settings([], file)), ["file", ["f1", "f2"], 7, true, "/base/f", "debug", 7]);
  assertEquals(values(settings(args, file)), ["line", ["l1"], 8, false, "/base/l", "info", 8]);
  assertEquals(new Set(origins(settings([]))), new Set(["default"]));
  assertEquals(new Set(origins(settings([], file))), new Set(["file"]));
  assertEquals(new Set(origins(settings(args, file))), new Set(["command line"]));
});

Deno.test("Settings.setDefault() changes defaults only", () => {
  const made = settings(["--echo-timeout=8"], "echo-address = file");
  assertFalse(made.setDefault("echo-timeout", 9));
  assertFalse(made.setDefault("echo-address", "plugin"));
  assertFalse(made.setDefault("no-such-option", "plugin"));
  assert(made.setDefault("echo-peers", ["p1", "p2"]));
  assert(made.setDefault("echo-file", "p"));
  const names = ["echo-timeout", "echo-address", "echo-peers", "echo-file"];
  assertEquals(names.map((name) => made.values.get(name)), [8, "file", ["p1", "p2"], "/base/p"]);
  assertEquals(made.originOf("echo-peers"), "plugin");
  assertThrows(() => made.setDefault("no-echo", "yes"), ChassisError, 'option "--no-echo" must be true or false');
});

Deno.test("OptionSet refuses names and letters that are malformed or taken", () => {
  const option = (name: string, short?: string): OptionDefinition => ({
    name,
    type: "string",
    text: "",
    since: "0.9",
    ...(short === undefined ? {} : { short }),
  });
  const refused = (...options: OptionDefinition[]) => {
    return assertThrows(() => new OptionSet([...GROUPS, { name: "new", text: "", options }]), ChassisError).message;
  };
  assertEquals(refused(option("plugins")), 'Plugin "new" has an option that another one has too, "--plugins"');
  assertEquals(refused(option("other", "P")), 'Plugin "new" has an option that another one has too, "--other"');
  for (const name of ["", "A", "a_b", "-a", "a.b", "__proto__"]) {
    assertEquals(refused(option(name)), `Plugin "new" has an option with a bad name, "${name}"`);
  }
  assertEquals(refused(option("other", "no")), 'Plugin "new" has an option with a bad name, "other"');
});

Deno.test("helpText() shows every option with its letter, placeholder, default and text", () => {
  const help = helpText(GROUPS);
  for (const { options } of GROUPS) {
    for (const { name, text } of options) {
      assert(help.includes(`--${name}`), name);
      assert(help.replaceAll(/\s+/g, " ").includes(text), text);
    }
  }
  assert(help.includes("  -?, --help\n"));
  assert(help.includes("  -P, --echo-address=VALUE\n        Where to listen (default: 127.0.0.1:0)\n"));
  assert(help.includes("  -b, --echo-peers=VALUE\n        Peers (default: one; list)\n"));
  assert(help.includes("Options of echo (a fixture):\n"));
  assert(help.indexOf("Examples:") < help.indexOf("Options of chassis"));
  for (const line of help.split("\n")) assert(line.length <= 100, line);
});

Deno.test("versionText() lists what runs", () => {
  assertEquals(
    versionText([echo]),
    `mysql-proxy ${VERSION}\n  deno: ${Deno.version.deno}\n  v8: ${Deno.version.v8}\n-- modules\n  echo: 1.2.3\n`,
  );
});

Deno.test("optionsTable() has a row for every option", () => {
  const table = optionsTable(GROUPS);
  const rows = table.split("\n").filter((line) => line.startsWith("| `"));
  assertEquals(rows.length, GROUPS.flatMap(({ options }) => options).length);
  assert(rows.includes("| `-P, --echo-address=VALUE` | `127.0.0.1:0` | Where to listen | 0.9 |"));
  for (const row of rows) assertEquals(row.replaceAll("\\|", "").split("|").length, 6, row);
});
