import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ChassisError } from "../../lib/chassis/chassis_error.ts";
import { type Configuration, configure } from "../../lib/chassis/configuration.ts";
import { baseDirectories, programDirectory } from "../../lib/chassis/basedir.ts";
import { defineOptions, type OptionDefinition, type OptionValue, type Plugin } from "../../lib/plugin/mod.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FIXTURES = join(ROOT, "tests", "chassis", "fixtures");
const ECHO = join(FIXTURES, "echo.ts");

function pluginWith(name: string, options: readonly OptionDefinition[], more: Partial<Plugin> = {}): Plugin {
  return {
    apiVersion: 1,
    name,
    version: "1",
    text: "",
    options,
    startMain: () => ({ shared: undefined }),
    ...more,
  };
}

const PROXY = pluginWith(
  "proxy",
  defineOptions([
    { name: "proxy-address", type: "string", default: "x", text: "", since: "0.9" },
    { name: "backends", short: "b", type: "list", default: [], positional: true, text: "", since: "0.9" },
  ]),
);
const DEMO = pluginWith(
  "demo",
  defineOptions([
    { name: "demo", type: "flag", default: false, text: "Start the demo", since: "0.9" },
    { name: "demo-rows", type: "integer", default: 5, text: "", since: "0.9" },
  ]),
  { activatedBy: "demo" },
);
const SHIPPED = [PROXY, DEMO];

interface Run {
  readonly plugins: readonly string[];
  readonly value: (name: string) => OptionValue;
}

function asRun(configuration: Configuration): Run {
  if (configuration.kind !== "run") throw new Error(`The arguments only print: ${configuration.text}`);
  return {
    plugins: configuration.plugins.map(({ plugin }) => plugin.name),
    value: (name) => configuration.settings.values.get(name),
  };
}

async function configured(...args: string[]): Promise<Run> {
  return asRun(await configure(args, SHIPPED));
}

async function printed(...args: string[]): Promise<string> {
  const configuration = await configure(args, SHIPPED);
  return configuration.kind === "print" ? configuration.text : "";
}

async function message(...args: string[]): Promise<string> {
  return (await assertRejects(() => configure(args, SHIPPED), ChassisError)).message;
}

async function withFile(name: string, text: string, step: (path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const path = join(dir, name);
    await Deno.writeTextFile(path, text, { mode: 0o600 });
    await step(path);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("configure() loads the proxy by default and takes words as backends", async () => {
  const run = await configured("db1:3306", "-b", "db2", "--proxy-address", "y");
  assertEquals(run.plugins, ["proxy"]);
  assertEquals([run.value("backends"), run.value("proxy-address")], [["db2", "db1:3306"], "y"]);
});

Deno.test("configure() loads plugins from lists, paths and directories", async () => {
  assertEquals((await configured("--plugins=demo,proxy", "--plugins", "demo")).plugins, ["demo", "proxy"]);
  assertEquals((await configured("--plugins=")).plugins, []);
  assertEquals((await configured(`--plugins=${ECHO}`)).plugins, ["echo"]);
  assertEquals((await configured("--plugins=echo", `--plugin-dir=${FIXTURES}`)).plugins, ["echo"]);
  const basedir = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(basedir, "lib", "mysql-proxy", "plugins", "mine"), { recursive: true });
    const module = `export { default } from ${JSON.stringify(new URL("./fixtures/echo.ts", import.meta.url).href)};`;
    await Deno.writeTextFile(join(basedir, "lib", "mysql-proxy", "plugins", "mine", "mod.js"), module);
    assertEquals((await configured("--plugins=mine", `--basedir=${basedir}`)).plugins, ["echo"]);
  } finally {
    await Deno.remove(basedir, { recursive: true });
  }
});

Deno.test("configure() adds the plugin of a flag that is given, in the command line or the file", async () => {
  const run = await configured("--demo", "--demo-rows=7");
  assertEquals([run.plugins, run.value("demo-rows")], [["proxy", "demo"], 7]);
  assertEquals((await configured("--demo=false", "--plugins=proxy,demo")).plugins, ["proxy", "demo"]);
  await withFile("x.cnf", "[mysql-proxy]\ndemo = true\ndemo-rows = 8\n", async (path) => {
    const fromFile = await configured(`--defaults-file=${path}`);
    assertEquals([fromFile.plugins, fromFile.value("demo-rows")], [["proxy", "demo"], 8]);
  });
});

Deno.test("configure() reads plugins and their options from the file", async () => {
  await withFile("x.toml", `[mysql-proxy]\nplugins = ["${ECHO}"]\necho-timeout = 7\n`, async (path) => {
    const run = await configured("--defaults-file", path);
    assertEquals([run.plugins, run.value("echo-timeout")], [["echo"], 7]);
    assertEquals((await configured("--defaults-file", path, "--echo-timeout=8")).value("echo-timeout"), 8);
    assertEquals(
      await message("--defaults-file", path, "--plugins=proxy"),
      `${path}:3: "echo-timeout" is no known option, did you mean "shutdown-timeout"?`,
    );
  });
});

Deno.test("configure() refuses what it does not know and says what would be right", async () => {
  assertEquals(await message("--plugnis=x"), 'Unknown option "--plugnis", did you mean "--plugins"?');
  assertEquals(
    await message("--demo-rows=7"),
    'Unknown option "--demo-rows", it belongs to plugin "demo": load it with "--plugins"',
  );
  assertEquals(
    await message("--plugins=prosy", `--plugin-dir=${FIXTURES}`),
    `Unknown plugin "prosy", did you mean "proxy"? Shipped are "proxy", "demo" (not in "${FIXTURES}" either)`,
  );
  assertEquals(await message("--plugins=./no_such.ts"), 'Cannot load plugin "./no_such.ts": there is no such file');
  assertEquals(await message("--basedir=relative"), 'Option "--basedir" must be an absolute path, got "relative"');
  assertEquals(
    await message("--log-level=loud"),
    'Option "--log-level" must be one of error, critical, warning, message, info, debug, got "loud"',
  );
});

Deno.test("configure() refuses modules that are no plugins of this version", async () => {
  const of = (name: string) => message(`--plugins=${join(FIXTURES, name)}`);
  const begin = (name: string) => `Cannot load plugin "${join(FIXTURES, name)}": `;
  assertEquals(
    await of("old_api.ts"),
    `${begin("old_api.ts")}it was built for version 999 of the plugin interface, this program has 1`,
  );
  assertEquals(await of("no_plugin.ts"), `${begin("no_plugin.ts")}its default export is not a plugin`);
  assertEquals(
    await of("incomplete.ts"),
    `${begin("incomplete.ts")}its "startMain" is missing or has the wrong type`,
  );
  assertEquals(await of("throws.ts"), `${begin("throws.ts")}the module failed`);
});

Deno.test("configure() prints help and version instead of anything else", async () => {
  for (const flag of ["--help", "-?", "-h"]) {
    const help = await printed(flag, "--no-such-option");
    assert(help.includes("--proxy-address="), flag);
    assert(help.includes("--demo\n"), "the flag that loads a plugin is shown");
    assert(!help.includes("--demo-rows"), "the other options of a plugin that is not loaded are not");
  }
  assert((await printed("--help", "--demo")).includes("--demo-rows"));
  assert((await printed("-V")).endsWith("-- modules\n  proxy: 1\n"));
});

Deno.test("configure() resolves paths against basedir, else against the current directory", async () => {
  assertEquals((await configured("--log-file=x.log")).value("log-file"), join(Deno.cwd(), "x.log"));
  assertEquals((await configured("--log-file=x.log", "--basedir=/base")).value("log-file"), "/base/x.log");
  await withFile("x.cnf", "[mysql-proxy]\nbasedir = /base\npid-file = x.pid\n", async (path) => {
    assertEquals((await configured(`--defaults-file=${path}`)).value("pid-file"), "/base/x.pid");
  });
});

Deno.test("baseDirectories() is the source tree when nothing is given", () => {
  assertEquals(join(programDirectory(), "/"), join(ROOT, "/"));
  assertEquals(baseDirectories("/base").program(), "/base");
});
