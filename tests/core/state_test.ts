import { assertEquals, assertThrows } from "@std/assert";
import { EVENT_NUMBER, nextState, STATE_NUMBER, STATES, statesPage, TRANSITIONS } from "../../lib/core/state.ts";

Deno.test("STATES have the original's numbers", () => {
  assertEquals([STATES[0], STATES[10], STATES[14], STATES[21]], [
    "INIT",
    "READ_QUERY",
    "CLOSE_CLIENT",
    "SEND_LOCAL_INFILE_RESULT",
  ]);
});

Deno.test("TRANSITIONS say one thing for each state and event", () => {
  const pairs = TRANSITIONS.map(({ from, on }) => `${from} ${on}`);
  assertEquals(pairs.filter((pair, index) => pairs.indexOf(pair) !== index), []);
});

Deno.test("TRANSITIONS reach every state but the original's catch-all", () => {
  const reached = new Set(["INIT"]);
  for (let grown = true; grown;) {
    grown = false;
    for (const { from, to } of TRANSITIONS) {
      if (!reached.has(from) || reached.has(to)) continue;
      reached.add(to);
      grown = true;
    }
  }
  assertEquals(STATES.filter((state) => !reached.has(state)), ["ERROR"]);
});

Deno.test("nextState() follows the table and refuses what is not in it", () => {
  assertEquals(nextState(STATE_NUMBER.READ_QUERY, EVENT_NUMBER.command), STATE_NUMBER.SEND_QUERY);
  assertThrows(() => nextState(STATE_NUMBER.READ_AUTH, EVENT_NUMBER.command), Error, '"READ_AUTH" on "command"');
});

Deno.test("states.md is what the table prints", async () => {
  const page = await Deno.readTextFile(new URL("../../lib/core/states.md", import.meta.url));
  assertEquals(page, statesPage(), "run: deno task docs");
});
