import { assertStringIncludes } from "@std/assert";
import { PROJECT, Proxy } from "../servers/proxy.ts";
import { sharedServer, whyMissing } from "../servers/servers.ts";
import { withClient } from "./script_proxy.ts";

Deno.test(
  {
    name: "shipped scripts are found by their names",
    ignore: whyMissing("mariadb") !== undefined,
    sanitizeOps: false,
    sanitizeResources: false,
  },
  async (t) => {
    const shared = await sharedServer("mariadb");
    if ("missing" in shared) throw new Error(shared.missing);
    const basic = "lib/mysql-proxy/lua/tutorial/tutorial-basic.lua";
    for (
      const name of ["tutorial-basic", "tutorial-basic.lua", "tutorial/tutorial-basic", basic, `${PROJECT}${basic}`]
    ) {
      await t.step(name, async () => {
        const proxy = await Proxy.start({
          backends: [`127.0.0.1:${shared.server.port}`],
          args: [`--proxy-lua-script=${name}`],
        });
        try {
          await withClient(proxy, (client) => client.rows("SELECT 1"));
          assertStringIncludes(proxy.log, "we got a normal query: SELECT 1\n");
        } finally {
          await proxy.stop();
        }
      });
    }
  },
);
