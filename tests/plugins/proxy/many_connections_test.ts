import { assertEquals } from "@std/assert";
import { RawLogin } from "../../interop/raw_login.ts";
import { startMysql } from "../../servers/servers.ts";
import { query } from "../../servers/sql.ts";
import { APP } from "../../servers/users.ts";
import { until } from "../../servers/port.ts";
import { withProxy } from "./stage.ts";
import { dataFolder } from "./in_process.ts";
import { without } from "./tls_stage.ts";

const IN_A_ROW = 2000;
const AT_ONCE = 200;

function open(port: number): Promise<RawLogin> {
  return RawLogin.connect({ port, user: APP.user, answers: [APP.password], tls: {} });
}

Deno.test({
  name: `${IN_A_ROW} connections one after the other and ${AT_ONCE} at once, with TLS on both sides`,
  ignore: without("mysql"),
  async fn() {
    const server = await startMysql();
    await withProxy([server], async ({ port }) => {
      for (let index = 0; index < IN_A_ROW; index++) {
        using login = await open(port);
        await login.quit();
      }
      const logins = await Promise.all(Array.from({ length: AT_ONCE }, () => open(port)));
      const answers = await Promise.all(logins.map((login) => login.query("SELECT CONNECTION_ID()")));
      assertEquals(new Set(answers.flat(2)).size, AT_ONCE);
      await Promise.all(logins.map((login) => login.quit()));
      await until(10_000, "the server to have nobody left", async () => {
        const rows = await query(server, "SHOW PROCESSLIST");
        return rows.filter(([, user]) => user !== "event_scheduler").length === 1;
      });
    }, { args: [`--data-dir=${await dataFolder()}`, "--ssl-mode=required", "--backend-ssl-mode=required"] });
  },
});
