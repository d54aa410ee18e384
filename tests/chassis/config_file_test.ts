import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "node:path";
import { ChassisError } from "../../lib/chassis/chassis_error.ts";
import { ConfigFile, formatOf } from "../../lib/chassis/config_file.ts";
import { OptionSet } from "../../lib/chassis/option_set.ts";
import { defineOptions, type OptionValue } from "../../lib/plugin/mod.ts";

const SET = new OptionSet([{
  name: "test",
  text: "",
  options: defineOptions([
    { name: "help", type: "flag", default: false, text: "", since: "0.9", commandLineOnly: true },
    { name: "no-proxy", type: "flag", default: false, text: "", since: "0.9" },
    { name: "address", type: "string", text: "", since: "0.9" },
    { name: "peers", type: "list", default: [], text: "", since: "0.9" },
    { name: "event-threads", type: "integer", default: 1, text: "", since: "0.9" },
    { name: "timeout", type: "seconds", default: 1, text: "", since: "0.9" },
    { name: "password", type: "string", secret: true, text: "", since: "0.9" },
  ]),
}]);

/** All values that the file gives, after the same checks as at start. */
function read(path: string, text: string, mode: number | null = null): Record<string, OptionValue> {
  const file = new ConfigFile(path, text, mode);
  file.checkKeys(SET);
  const values = SET.all.map((option) => [option.name, file.read(option)] as const);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

function message(path: string, text: string, mode: number | null = null): string {
  const error = assertThrows(() => read(path, text, mode), ChassisError);
  assertEquals(error.code, "config");
  return error.message;
}

Deno.test("formatOf() goes by extension, then by content", () => {
  assertEquals(formatOf("a.toml", "address = :4040"), "toml");
  for (const path of ["a.cnf", "a.ini", "A.CONF"]) assertEquals(formatOf(path, 'address = "x"'), "ini");
  assertEquals(formatOf("config", '[mysql-proxy]\naddress = "x"'), "toml");
  assertEquals(formatOf("config", "[mysql-proxy]\naddress='x'"), "toml");
  assertEquals(formatOf("config", '[mysql-proxy]\npeers = [ "a" ]'), "toml");
  assertEquals(formatOf("config", '[mysql-proxy]\npeers = [\n  "a",\n]'), "toml");
  assertEquals(formatOf("config", "[mysql-proxy]\naddress = [::1]:4040"), "ini");
  assertEquals(formatOf("config", '# address = "x"\n[mysql-proxy]\naddress = :4040'), "ini");
  assertEquals(formatOf("config", ""), "ini");
});

Deno.test("ConfigFile reads the original's ini dialect", () => {
  const text = `\uFEFF# a comment
[other]
anything = goes here \\q

[mysql-proxy]
address =   [::1]:4040   \t
peers = a:1 , b:2,,c
no-proxy = true
event-threads=8
timeout = 0.5
  # another comment
password = "quoted" and\\sa\\ttab\\\\ = yes

[more]
event-threads = 1
`;
  for (const content of [text, text.replaceAll("\n", "\r\n")]) {
    assertEquals(read("a.cnf", content), {
      "no-proxy": true,
      address: "[::1]:4040",
      peers: ["a:1", "b:2", "c"],
      "event-threads": 8,
      timeout: 0.5,
      password: '"quoted" and a\ttab\\ = yes',
    });
  }
});

Deno.test("ConfigFile reads ini truth values and repeated keys", () => {
  for (const [text, value] of [["true", true], ["1", true], ["false", false], ["0", false]] as const) {
    assertEquals(read("a.ini", `[mysql-proxy]\nno-proxy = ${text}`), { "no-proxy": value });
  }
  assertEquals(read("a.ini", "[mysql-proxy]\npeers=a\naddress=1\npeers=b,c\naddress=2"), {
    address: "2",
    peers: ["a", "b", "c"],
  });
  assertEquals(read("a.ini", "[other]\nx = 1"), {}, "no group of ours");
});

Deno.test("ConfigFile names file, line and key of an error in an ini file", () => {
  const at3 = (line: string) => message("a.cnf", `# comment\n[mysql-proxy]\n${line}\n`);
  assertEquals(at3("event-threads = many"), 'a.cnf:3: "event-threads" must be an integer, got "many"');
  assertEquals(at3("no-proxy = yes"), 'a.cnf:3: "no-proxy" must be true or false, got "yes"');
  assertEquals(at3("event_threads = 1"), 'a.cnf:3: "event_threads" is no known option, did you mean "event-threads"?');
  assertEquals(at3("help = true"), 'a.cnf:3: "help" is for the command line only');
  assertEquals(
    at3("address = a\\x"),
    'a.cnf:3: this line has "\\x" in "address": only \\s, \\n, \\t, \\r and \\\\ are escapes',
  );
  assertEquals(
    at3("address"),
    'a.cnf:3: this line must be "key = value", "[group]" or a comment that begins with "#"',
  );
  assertEquals(
    message("a.cnf", "address = x"),
    'a.cnf:1: this line stands before any group: put "[mysql-proxy]" above it',
  );
});

Deno.test("ConfigFile reads TOML", () => {
  const text = `
# comment
["mysql-proxy"]
address = "127.0.0.1:4040"
peers = [
  "a:1", # first
  "b:2,c:3",
]
no-proxy = true
event-threads = 8
timeout = 0.5
`;
  assertEquals(read("a.toml", text), {
    "no-proxy": true,
    address: "127.0.0.1:4040",
    peers: ["a:1", "b:2", "c:3"],
    "event-threads": 8,
    timeout: 0.5,
  });
  assertEquals(read("a.toml", '[mysql-proxy]\npeers = "a, b"'), { peers: ["a", "b"] });
  assertEquals(read("a.toml", ""), {});
});

Deno.test("ConfigFile names file, line and key of an error in a TOML file", () => {
  const at3 = (line: string) => message("a.toml", `# comment\n[mysql-proxy]\n${line}\n`);
  assertEquals(at3('event-threads = "many"'), 'a.toml:3: "event-threads" must be an integer, got "many"');
  assertEquals(at3("no-proxy = 1"), 'a.toml:3: "no-proxy" must be true or false, got 1');
  assertEquals(at3("address = 4040"), 'a.toml:3: "address" must be a string in quotes, got 4040');
  assertEquals(at3("peers = [1]"), 'a.toml:3: "peers" must be a list of strings, got [1]');
  assertEquals(at3('adress = "x"'), 'a.toml:3: "adress" is no known option, did you mean "address"?');
  assertEquals(at3("[mysql-proxy.address]"), 'a.toml:3: "address" must be a string in quotes, got {}');
  assertEquals(at3("[other]"), 'a.toml:3: "other" is no known table, did you mean "[mysql-proxy]"?');
  assertEquals(
    message("a.toml", 'address = "x"'),
    'a.toml:1: "address" is no known table, did you mean "[mysql-proxy]"?',
  );
  assertEquals(message("a.toml", "mysql-proxy = 1"), 'a.toml: "mysql-proxy" must be a table, as in "[mysql-proxy]"');
  assert(at3("address = ").startsWith("a.toml:3: "), at3("address = "));
});

Deno.test("ConfigFile refuses a secret in a file that others may access", () => {
  const text = "[mysql-proxy]\npassword = hunter2\n";
  for (const mode of [0o100604, 0o100602, 0o100601]) {
    assertEquals(
      message("a.cnf", text, mode),
      'a.cnf:2: "password" is a secret and others may access the file: run "chmod 600 a.cnf"',
    );
  }
  assertEquals(read("a.cnf", text, 0o100660), { password: "hunter2" });
  assertEquals(read("a.cnf", "[mysql-proxy]\naddress = x", 0o100644), { address: "x" });
});

Deno.test("ConfigFile.load() says why it cannot read", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const missing = join(dir, "missing.cnf");
    await assertRejects(
      () => ConfigFile.load(missing),
      ChassisError,
      `Cannot read config file "${missing}": there is no such file`,
    );
    await assertRejects(
      () => ConfigFile.load(dir),
      ChassisError,
      `Cannot read config file "${dir}": it is not a regular file`,
    );
    const path = join(dir, "a.cnf");
    await Deno.writeTextFile(path, "[mysql-proxy]\naddress = x", { mode: 0o644 });
    const file = await ConfigFile.load(path);
    const options = SET.all.filter(({ name }) => name === "address");
    assertEquals(options.map((option) => file.read(option)), ["x"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
