import { assertEquals, assertThrows } from "@std/assert";
import { ChassisError } from "../../lib/chassis/chassis_error.ts";
import { parseCommandLine } from "../../lib/chassis/command_line.ts";
import { OptionSet } from "../../lib/chassis/option_set.ts";
import { defineOptions } from "../../lib/plugin/mod.ts";

const OPTIONS = defineOptions([
  { name: "help", short: "?", type: "flag", default: false, text: "", since: "0.9" },
  { name: "verbose", short: "v", type: "flag", default: false, text: "", since: "0.9" },
  { name: "no-proxy", type: "flag", default: false, text: "", since: "0.9" },
  { name: "address", short: "P", type: "string", placeholder: "HOST:PORT", text: "", since: "0.9" },
  { name: "peers", short: "b", type: "list", default: [], text: "", since: "0.9", positional: true },
  { name: "seconds", type: "seconds", default: 1, text: "", since: "0.9" },
]);
const SET = new OptionSet([{ name: "test", text: "", options: OPTIONS }]);
const WITHOUT_POSITIONAL = new OptionSet([
  { name: "test", text: "", options: OPTIONS.filter(({ name }) => name !== "peers") },
]);

function strict(...args: string[]): Record<string, readonly string[]> {
  return Object.fromEntries(parseCommandLine(args, SET, "strict"));
}

function message(...args: string[]): string {
  const error = assertThrows(() => strict(...args), ChassisError);
  assertEquals(error.code, "usage");
  return error.message;
}

Deno.test("parseCommandLine() reads values after a blank and after an equal sign", () => {
  assertEquals(strict("--address=a:1"), { address: ["a:1"] });
  assertEquals(strict("--address", "a:1"), { address: ["a:1"] });
  assertEquals(strict("--address=a=b"), { address: ["a=b"] });
  assertEquals(strict("--address="), { address: [""] });
  assertEquals(strict("--address", ""), { address: [""] });
  assertEquals(strict("--address=1", "--address", "010"), { address: ["1", "010"] }, "numbers stay texts");
});

Deno.test("parseCommandLine() reads short options in all spellings", () => {
  assertEquals(strict("-Pa:1"), { address: ["a:1"] });
  assertEquals(strict("-P", "a:1"), { address: ["a:1"] });
  assertEquals(strict("-P=a:1"), { address: ["a:1"] });
  assertEquals(strict("-P:4040"), { address: [":4040"] });
  assertEquals(strict("-P3306"), { address: ["3306"] });
  assertEquals(strict("-P/tmp/a-b.sock"), { address: ["/tmp/a-b.sock"] });
  assertEquals(strict("-P[::1]:3306"), { address: ["[::1]:3306"] });
  assertEquals(strict("-vPa"), { verbose: ["true"], address: ["a"] });
  assertEquals(strict("-?"), { help: ["true"] });
  assertEquals(strict("-h"), { help: ["true"] });
  assertEquals(strict("-b", "a", "-b", "b"), { peers: ["a", "b"] });
});

Deno.test("parseCommandLine() reads flags with and without a value", () => {
  assertEquals(strict("--no-proxy"), { "no-proxy": ["true"] });
  assertEquals(strict("--no-proxy=false"), { "no-proxy": ["false"] });
  assertEquals(strict("--verbose", "true"), { verbose: ["true"], peers: ["true"] }, "a word is no value of a flag");
  assertEquals(strict("-v=false"), { verbose: ["false"] });
});

Deno.test("parseCommandLine() hands other words to the positional option", () => {
  assertEquals(strict("db1", "-b", "db2", "db3:1"), { peers: ["db2", "db1", "db3:1"] });
  assertEquals(strict("--verbose", "--", "--address", "-x"), { verbose: ["true"], peers: ["--address", "-x"] });
  assertEquals(strict("123"), { peers: ["123"] });
  const error = assertThrows(() => parseCommandLine(["db1"], WITHOUT_POSITIONAL, "strict"), ChassisError);
  assertEquals(error.message, 'Unexpected argument "db1": options begin with "--", see "--help"');
});

Deno.test("parseCommandLine() names an unknown option and the nearest one", () => {
  assertEquals(message("--adress=x"), 'Unknown option "--adress", did you mean "--address"?');
  assertEquals(message("--adress", "x"), 'Unknown option "--adress", did you mean "--address"?');
  assertEquals(message("--no-address"), 'Unknown option "--no-address", did you mean "--address"?');
  assertEquals(message("--proxy"), 'Unknown option "--proxy", did you mean "--no-proxy"?');
  assertEquals(message("-x"), 'Unknown option "-x" in "-x", see "--help"');
  for (const evil of ["--__proto__=1", "--constructor.prototype.x=1", "--a.b=1"]) {
    assertEquals(message(evil).startsWith("Unknown option"), true, evil);
  }
});

Deno.test("parseCommandLine() says which plugin an option belongs to", () => {
  const other = defineOptions([{ name: "admin-address", type: "string", text: "", since: "0.9" }]);
  const set = new OptionSet([{ name: "test", text: "", options: OPTIONS }], [
    { name: "admin", text: "", options: other },
  ]);
  const error = assertThrows(() => parseCommandLine(["--admin-address=x"], set, "strict"), ChassisError);
  assertEquals(
    error.message,
    'Unknown option "--admin-address", it belongs to plugin "admin": load it with "--plugins"',
  );
});

Deno.test("parseCommandLine() misses a value instead of taking the next option for it", () => {
  const expected = 'Option "--address" needs a value, as in "--address=HOST:PORT"';
  assertEquals(message("--address"), expected);
  assertEquals(message("--address", "--verbose"), expected);
  assertEquals(message("--address", "--"), expected);
  assertEquals(message("-P", "-v"), 'Option "-P" needs a value, as in "--address=HOST:PORT"');
  assertEquals(strict("--seconds", "-1"), { seconds: ["-1"] }, "a negative number is a value");
});

Deno.test("parseCommandLine() leaves alone what a lenient pass does not know", () => {
  const lenient = (...args: string[]) => Object.fromEntries(parseCommandLine(args, WITHOUT_POSITIONAL, "lenient"));
  assertEquals(lenient("--what", "db1", "-xv", "--address=a", "--other=-P"), { address: ["a"] });
});
