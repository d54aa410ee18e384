import { assert, assertEquals } from "@std/assert";
import { Client, withClient } from "./script_proxy.ts";
import { printed, scriptTest } from "./script_test_case.ts";

scriptTest("auditing", "prints log-ins and statements", async ({ proxy, server, database }) => {
  await withClient(proxy, async (client) => {
    await printed(
      proxy,
      new RegExp(`\\[auditing\\] client 127\\.0\\.0\\.1:\\d+ connects to server 127\\.0\\.0\\.1:${server.port}`),
    );
    await printed(proxy, /\[auditing\] client 127\.0\.0\.1:\d+ logs in as 'app'\n\[auditing\] user 'app': log-in ok\n/);
    assertEquals(await client.rows("SELECT 1\n/* two lines */"), [[1]]);
    await printed(proxy, "[auditing] user 'app': SELECT 1 /* two lines */\n");
  }, { database });
  assertEquals(await Client.open(proxy, { password: "wrong" }).catch(() => undefined), undefined);
  await printed(proxy, "[auditing] user 'app': log-in failed\n");
  assert(!proxy.log.includes("critical"), proxy.log);
}, { servers: ["mariadb", "mysql"] });
