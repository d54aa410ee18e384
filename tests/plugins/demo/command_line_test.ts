import { assertEquals, assertMatch } from "@std/assert";
import { clientCommand, runClient } from "../../servers/clients.ts";
import { type Kind, KINDS } from "../../servers/installation.ts";
import { ROOT } from "../../servers/users.ts";
import { withServers } from "./stage.ts";

/** Registers a test for each kind of command-line client, left out with the reason where there is none. */
function forEachClient(name: string, program: string, work: (kind: Kind) => Promise<void>): void {
  for (const kind of KINDS) {
    const ignore = clientCommand(kind, program, { port: 1, account: ROOT }) === undefined;
    const reason = ignore ? ` [skipped: no ${program} of ${kind} on this machine]` : "";
    Deno.test({ name: `${kind}: ${name}${reason}`, ignore, fn: () => work(kind) });
  }
}

forEachClient(
  "DemoServer serves the command-line client",
  "client",
  (kind) =>
    withServers(async ({ readWrite, readOnly }) => {
      const target = { port: readWrite.address.port, account: ROOT };
      const { code, stdout, stderr } = await runClient(kind, "client", target, ["--batch", "shop"], {
        stdin:
          "SELECT id, name FROM customers WHERE id IN (4, 8);\nSHOW TABLES LIKE 'orders';\nUSE information_schema;\n" +
          "SELECT COUNT(*) AS n FROM tables WHERE table_schema = 'shop';\nSELECT @@hostname;\n",
      });
      assertEquals([code, stdout], [
        0,
        "id\tname\n4\tJosé García\n8\t山田 花子\nTables_in_shop (orders)\norders\nn\n5\n@@hostname\ndemo-rw\n",
      ], stderr);
      const denied = await runClient(kind, "client", { ...target, port: readOnly.address.port }, [
        "-e",
        "DELETE FROM orders",
        "shop",
      ]);
      assertMatch(denied.stderr, /ERROR 1290 \(HY000\)/);
      const wrong = await runClient(kind, "client", { ...target, account: { ...ROOT, password: "x" } }, [
        "-e",
        "SELECT 1",
      ]);
      assertMatch(wrong.stderr, /ERROR 1045 \(28000\)/);
    }),
);

forEachClient("DemoServer gives a dump and takes it back", "dump", (kind) =>
  withServers(async ({ readWrite }) => {
    const target = { port: readWrite.address.port, account: ROOT };
    const dump = await runClient(kind, "dump", target, ["--skip-dump-date", "shop"]);
    assertEquals(dump.code, 0, dump.stderr);
    assertMatch(dump.stdout, /CREATE TABLE `order_items`/);
    const restored = await runClient(kind, "client", target, ["shop"], { stdin: dump.stdout });
    assertEquals([restored.code, restored.stderr.includes("ERROR")], [0, false], restored.stderr);
    const again = await runClient(kind, "dump", target, ["--skip-dump-date", "shop"]);
    const data = (text: string) => text.split("\n").filter((line) => /^(INSERT|\()/.test(line));
    assertEquals(data(again.stdout), data(dump.stdout));
  }));
