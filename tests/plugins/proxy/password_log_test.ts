import { assert, assertEquals, assertRejects } from "@std/assert";
import { RawLogin, ServerRefusal } from "../../interop/raw_login.ts";
import { runClient } from "../../servers/clients.ts";
import { findProgram } from "../../servers/installation.ts";
import { Proxy } from "../../servers/proxy.ts";
import { startMysql } from "../../servers/servers.ts";
import { query } from "../../servers/sql.ts";
import { dataFolder } from "./in_process.ts";
import { certificateFiles, without } from "./tls_stage.ts";

const RIGHT = "rightful-Password-0815";
const WRONG = "wrongful-Password-4711";

Deno.test({
  name: "no password is in the log, whatever the level, the transport, and the outcome",
  ignore: without("mysql"),
  async fn() {
    const server = await startMysql();
    const { otherCa } = await certificateFiles();
    const logs: string[] = [];
    try {
      const users = ["caching_sha2_password", "sha256_password"].map((plugin) => ({
        user: plugin.slice(0, 6),
        plugin,
      }));
      await query(
        server,
        ...users.flatMap(({ user, plugin }) => [
          `CREATE USER ${user}@'%' IDENTIFIED WITH ${plugin} BY '${RIGHT}'`,
          `GRANT SELECT ON *.* TO ${user}@'%'`,
        ]),
      );
      const other = { user: "cachin", plugin: "caching_sha2_password" };
      for (const mode of ["disabled", "required", "verify-ca"]) {
        const proxy = await Proxy.start({
          backends: [`127.0.0.1:${server.port}`],
          args: [
            `--data-dir=${await dataFolder()}`,
            `--backend-ssl-mode=${mode}`,
            `--backend-ssl-ca=${otherCa}`,
            "--log-level=debug",
          ],
        });
        try {
          for (const { user, plugin } of users) {
            for (const tls of [undefined, {}]) {
              for (const password of [RIGHT, WRONG]) {
                await query(server, "FLUSH PRIVILEGES");
                const logIn = async () => {
                  using login = await RawLogin.connect({
                    port: proxy.port,
                    user,
                    plugin,
                    answers: [password],
                    ...(tls === undefined ? {} : { tls }),
                  });
                  await query(server, "FLUSH PRIVILEGES");
                  await login.changeUser({ ...other, answers: [RIGHT] });
                  await assertRejects(() => login.changeUser({ ...other, answers: [WRONG] }), ServerRefusal);
                };
                if (password === RIGHT && mode !== "verify-ca") await logIn();
                else await assertRejects(logIn, ServerRefusal);
              }
            }
            if (findProgram("mysql", "client") === undefined) continue;
            const account = { user, password: RIGHT, plugin };
            const { code } = await runClient("mysql", "client", { port: proxy.port, account }, ["--execute=SELECT 1"]);
            assertEquals(code === 0, mode !== "verify-ca");
          }
          await proxy.stop();
        } finally {
          if (proxy.isRunning) await proxy.kill();
        }
        logs.push(proxy.log);
      }
    } finally {
      await server.stop();
    }
    for (const log of logs) {
      assert(log.includes("proxy listening"), log);
      assert(!log.includes("A connection failed"), log);
      for (const password of [RIGHT, WRONG]) assert(!log.includes(password), log);
    }
  },
});
