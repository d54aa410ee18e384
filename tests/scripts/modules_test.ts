import { assertEquals } from "@std/assert";
import { sharedServer, whyMissing } from "../servers/servers.ts";
import { LEASHED, withClient, withScript } from "./script_proxy.ts";

Deno.test(
  { name: "proxy.* modules do what they say", ignore: whyMissing("mariadb") !== undefined, ...LEASHED },
  async () => {
    const shared = await sharedServer("mariadb");
    if ("missing" in shared) throw new Error(shared.missing);
    const name = new URL("./modules.lua", import.meta.url).pathname;
    await withScript({ script: { name }, backends: [shared.server] }, async (proxy) => {
      await withClient(proxy, async (client) => {
        const [passed, ...failures] = await client.rows("RUN");
        assertEquals(failures, []);
        assertEquals(passed, ["passed", "21"]);
      });
    });
  },
);
