import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  checkValue,
  defaultText,
  parseTexts,
  resolvePaths,
  splitList,
  ValueError,
} from "../../lib/chassis/option_value.ts";
import type { OptionDefinition } from "../../lib/plugin/mod.ts";

const described = { name: "x", text: "", since: "0.9" };
const FLAG: OptionDefinition = { ...described, type: "flag", default: false };
const INTEGER: OptionDefinition = { ...described, type: "integer", default: 1, minimum: 1, maximum: 9 };
const SECONDS: OptionDefinition = { ...described, type: "seconds", default: 2 };
const CHOICE: OptionDefinition = { ...described, type: "choice", choices: ["a", "b"], default: "a" };
const LIST: OptionDefinition = { ...described, type: "list", default: ["p", "q"] };
const PATHS: OptionDefinition = { ...described, type: "path-list", default: [] };
const PATH: OptionDefinition = { ...described, type: "path" };
const STRING: OptionDefinition = { ...described, type: "string" };
const SECRET: OptionDefinition = { ...INTEGER, secret: true };

const why = (step: () => unknown) => assertThrows(step, ValueError).message;

Deno.test("splitList() splits at every comma and drops blanks and empty elements", () => {
  assertEquals(splitList(" a , b,,c "), ["a", "b", "c"]);
  assertEquals(splitList("[::1]:1,/tmp/x"), ["[::1]:1", "/tmp/x"]);
  assertEquals(splitList(""), []);
});

Deno.test("parseTexts() reads every type", () => {
  for (const [text, value] of [["true", true], ["1", true], ["false", false], ["0", false]] as const) {
    assertEquals(parseTexts(FLAG, [text]), value);
  }
  assertEquals(parseTexts(INTEGER, ["7"]), 7);
  assertEquals(parseTexts(INTEGER, ["7", "3"]), 3, "the last one counts");
  assertEquals(parseTexts(SECONDS, ["0.5"]), 0.5);
  assertEquals(parseTexts(SECONDS, ["-1"]), -1);
  assertEquals(parseTexts(SECONDS, [".25"]), 0.25);
  assertEquals(parseTexts(CHOICE, ["b"]), "b");
  assertEquals(parseTexts(LIST, ["a,b", "c"]), ["a", "b", "c"]);
  assertEquals(parseTexts(LIST, [""]), []);
  assertEquals(parseTexts(STRING, [""]), "");
});

Deno.test("parseTexts() says what is wrong", () => {
  assertEquals(why(() => parseTexts(FLAG, ["yes"])), 'must be true or false, got "yes"');
  for (const text of ["", "x", "1.5", "1e1", "0x1", " 1", "9x"]) {
    assertEquals(why(() => parseTexts(INTEGER, [text])), `must be an integer, got ${JSON.stringify(text)}`);
  }
  assertEquals(why(() => parseTexts(INTEGER, ["0"])), "must be at least 1, got 0");
  assertEquals(why(() => parseTexts(INTEGER, ["10"])), "must be at most 9, got 10");
  assertEquals(why(() => parseTexts(SECONDS, ["1s"])), 'must be a number of seconds, got "1s"');
  assertEquals(why(() => parseTexts(SECONDS, ["."])), 'must be a number of seconds, got "."');
  assertEquals(why(() => parseTexts(CHOICE, ["c"])), 'must be one of a, b, got "c"');
  assertEquals(why(() => parseTexts(PATH, [""])), "must not be empty");
  assertEquals(why(() => parseTexts(SECRET, ["hunter2"])), "must be an integer, got something else");
});

Deno.test("checkValue() accepts only the type of the definition", () => {
  assertEquals(checkValue(LIST, "a, b"), ["a", "b"]);
  assertEquals(checkValue(LIST, ["a", "b,c"]), ["a", "b", "c"]);
  assertEquals(why(() => checkValue(LIST, ["a", 1])), 'must be a list of strings, got ["a",1]');
  assertEquals(why(() => checkValue(FLAG, 1)), "must be true or false, got 1");
  assertEquals(why(() => checkValue(FLAG, "true")), 'must be true or false, got "true"');
  assertEquals(why(() => checkValue(INTEGER, 1.5)), "must be an integer, got 1.5");
  assertEquals(why(() => checkValue(INTEGER, "2")), 'must be an integer, got "2"');
  assertEquals(why(() => checkValue(SECONDS, NaN)), "must be a number of seconds, got null");
  assertEquals(why(() => checkValue(STRING, 4040)), "must be a string in quotes, got 4040");
  assertEquals(why(() => checkValue(STRING, 1n)), "must be a string in quotes, got 1");
});

Deno.test("resolvePaths() makes relative paths absolute and nothing else", () => {
  const basedir = () => "/base";
  assertEquals(resolvePaths(PATH, "a/b", basedir), "/base/a/b");
  assertEquals(resolvePaths(PATH, "/a/b", () => assert(false)), "/a/b");
  assertEquals(resolvePaths(PATH, undefined, basedir), undefined);
  assertEquals(resolvePaths(PATHS, ["a", "/b"], basedir), ["/base/a", "/b"]);
  assertEquals(resolvePaths(STRING, "a", basedir), "a");
});

Deno.test("defaultText() shows what help shows", () => {
  assertEquals(defaultText(LIST), "p,q");
  assertEquals(defaultText(PATHS), undefined);
  assertEquals(defaultText(FLAG), undefined);
  assertEquals(defaultText(SECONDS), "2");
  assertEquals(defaultText({ ...INTEGER, defaultText: "cores" }), "cores");
  assertEquals(defaultText({ ...STRING, secret: true, default: "root" }), undefined);
});
