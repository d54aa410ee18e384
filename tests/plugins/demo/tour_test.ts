import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { tlsAvailable } from "../../../lib/net/tls_provider.ts";
import { paint, table, widthOf } from "../../../plugins/demo/terminal.ts";
import { run } from "../../servers/run_program.ts";

const PROGRAM = new URL("tour_program.ts", import.meta.url).pathname;

/** Runs the plugin's life in a program of its own, with nothing permitted but the network of this machine. */
function tour(...args: string[]) {
  return run([Deno.execPath(), "run", "--no-prompt", "--allow-net=127.0.0.1", PROGRAM, ...args], { limit: 30_000 });
}

Deno.test("runTour() shows queries with their time and server, and how to connect", async () => {
  for (const password of [[], ["s3cret"]]) {
    const { code, stdout, stderr } = await tour("", ...password);
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "ERROR 1146 (42S02): Table 'shop.custommers' doesn't exist");
    assertStringIncludes(stdout, "ERROR 1290 (HY000): ");
    assertEquals(stdout.match(/\d+\.\d ms from demo-rw\n/g)?.length, 6);
    assertEquals(stdout.match(/\d+\.\d ms from demo-ro\n/g)?.length, 2);
    assertMatch(stdout, /mysql --host=127\.0\.0\.1 --port=\d+ --user=demo( --password)? shop\n/);
    assertStringIncludes(stdout, "Press Ctrl-C to stop\n");
    assertEquals(stdout.includes("\x1b"), false);
    assertEquals(stdout.includes("s3cret"), false);
  }
});

Deno.test({
  name: "runTour() goes by TLS where that is offered, with nothing permitted but the network",
  ignore: !tlsAvailable(),
  fn: async () => {
    const { code, stdout, stderr } = await tour("", "s3cret", "preferred");
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /message: TLS certificate for this run only, SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}\n$/);
    assertStringIncludes(stdout, "Press Ctrl-C to stop\n");
  },
});

Deno.test("runTour() says why there is none, and gives up on an address where nobody answers", async () => {
  const open = await tour("127.0.0.1:0");
  assertEquals([open.code, open.stderr], [0, ""]);
  assertStringIncludes(open.stdout, "No tour: the proxy's port was left to the system");
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const { code, stderr } = await tour(`127.0.0.1:${silent.addr.port}`);
    assertEquals(code, 0);
    assertStringIncludes(stderr, "warning: The demo's tour ended early: No answer within 3 s");
  } finally {
    silent.close();
  }
});

Deno.test("table() aligns wide characters and puts numbers on the right", () => {
  assertEquals(widthOf("山田 🌻é"), 8);
  const shown = table(["n", "name"], [["1", "山田"], ["10", null]], paint(false));
  assertEquals(shown, " n  name\n 1  山田\n10  NULL");
});
