import { assertEquals, assertStringIncludes } from "@std/assert";
import { RawClient } from "../../interop/raw_client.ts";
import { parseErr } from "../../../lib/protocol/mod.ts";
import { closing, connect, failure, ignore, startServer, withProxy } from "./stage.ts";

Deno.test({
  name: "proxy tells an idle client why it is closed, after the read timeout",
  ignore,
  async fn() {
    await withProxy([await startServer()], async (proxy) => {
      using client = await RawClient.connect({ port: proxy.port, database: "mysql" });
      const { sequence, payload } = await client.read();
      assertEquals([sequence, parseErr(payload).errorNumber], [0, 4031]);
      assertStringIncludes(parseErr(payload).message, "0.5 s");
      const driver = await connect(proxy.port);
      await closing(driver, 5000);
    }, { args: ["--proxy-read-timeout=0.5"] });
  },
});

Deno.test({
  name: "proxy tells the client when the server does not answer within the read timeout",
  ignore,
  async fn() {
    await withProxy([await startServer()], async (proxy) => {
      const client = await connect(proxy.port);
      client.on("error", () => {});
      const { errno, message } = await failure(client.query("SELECT SLEEP(20)"));
      assertEquals(errno, 1105);
      assertStringIncludes(message, "timed out after 0.5 s");
      client.destroy();
    }, { args: ["--proxy-read-timeout=0.5"] });
  },
});
