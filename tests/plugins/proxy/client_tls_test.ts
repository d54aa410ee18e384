import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { runClient } from "../../servers/clients.ts";
import { findProgram, type Kind, KINDS } from "../../servers/installation.ts";
import { sharedServer } from "../../servers/servers.ts";
import { type Account, ACCOUNTS, APP } from "../../servers/users.ts";
import { dataFolder, type LocalOptions, type LocalProxy, startLocal } from "./in_process.ts";
import { certificateFiles, reach, without } from "./tls_stage.ts";

/** Whom each client logs in as. */
const ACCOUNT: Readonly<Record<Kind, Account>> = { mysql: APP, mariadb: ACCOUNTS.mariadb[0] ?? APP };

/** What makes each client tell of its connection. MySQL's has stopped to take commands of its own by default. */
const STATUS: Readonly<Record<Kind, readonly string[]>> = {
  mysql: ["--loose-commands", "--execute=\\s"],
  mariadb: ["--execute=\\s"],
};

/** Whether a command-line client and a server of its kind are missing. */
function withoutClient(kind: Kind): boolean {
  return without(kind) || findProgram(kind, "client") === undefined;
}

async function startBefore(kind: Kind, options: LocalOptions): Promise<LocalProxy> {
  const shared = await sharedServer(kind);
  if ("missing" in shared) throw new Error(shared.missing);
  return await startLocal({ "proxy-backend-addresses": [`127.0.0.1:${shared.server.port}`], ...options });
}

/** How a command-line client fares: `TLS`, `plain`, or what it says. */
async function client(kind: Kind, { port }: LocalProxy, ...args: string[]): Promise<string> {
  const target = { port, account: ACCOUNT[kind] };
  const { code, stdout, stderr } = await runClient(kind, "client", target, [...args, ...STATUS[kind]]);
  if (code !== 0) return stderr;
  return /^SSL:\s+Cipher in use is/m.test(stdout) ? "TLS" : "plain";
}

Deno.test({
  name: "--ssl-mode: the mysql client in each of its own modes",
  ignore: withoutClient("mysql"),
  async fn() {
    const outcomes: Record<string, readonly string[]> = {};
    for (const mode of ["disabled", "preferred", "required"] as const) {
      await using proxy = await startBefore("mysql", { "ssl-mode": mode });
      outcomes[mode] = await Promise.all(
        ["DISABLED", "PREFERRED", "REQUIRED"].map((own) => client("mysql", proxy, `--ssl-mode=${own}`)),
      );
    }
    const { disabled = [], preferred, required = [] } = outcomes;
    assertEquals(disabled.slice(0, 2), ["plain", "plain"]);
    assertStringIncludes(disabled[2] ?? "", "ERROR 2026");
    assertEquals(preferred, ["plain", "TLS", "TLS"]);
    assertMatch(required[0] ?? "", /ERROR 3159 .*\(proxy\) connections without TLS are not served/);
    assertEquals(required.slice(1), ["TLS", "TLS"]);
  },
});

Deno.test({
  name: "--ssl-mode: the mariadb client with and without --ssl",
  ignore: withoutClient("mariadb"),
  async fn() {
    const outcomes: Record<string, readonly string[]> = {};
    for (const mode of ["disabled", "preferred", "required"] as const) {
      await using proxy = await startBefore("mariadb", { "ssl-mode": mode });
      outcomes[mode] = await Promise.all(["--skip-ssl", "--ssl"].map((own) => client("mariadb", proxy, own)));
    }
    const { disabled = [], preferred, required = [] } = outcomes;
    assertEquals(disabled[0], "plain");
    // Whether --ssl may do without depends on the version.
    assertMatch(disabled[1] ?? "", /^plain$|ERROR 2026/);
    assertEquals(preferred, ["plain", "TLS"]);
    assertMatch(required[0] ?? "", /ERROR 3159 .*\(proxy\) connections without TLS are not served/);
    assertEquals(required[1], "TLS");
  },
});

for (const kind of KINDS) {
  Deno.test({
    name: `the ${kind} client verifies the proxy's own certificate by the file in the data folder`,
    ignore: withoutClient(kind),
    async fn() {
      await using proxy = await startBefore(kind, {});
      const verify = (ca: string) =>
        kind === "mysql"
          ? ["--ssl-mode=VERIFY_IDENTITY", `--ssl-ca=${ca}`]
          : ["--ssl", "--ssl-verify-server-cert", `--ssl-ca=${ca}`];
      const own = `${await dataFolder()}/server-cert.pem`;
      assertStringIncludes(proxy.log, `clients verify it with --ssl-ca=${own}`);
      assertEquals(await client(kind, proxy, ...verify(own)), "TLS");
      const { ca } = await certificateFiles();
      assertStringIncludes(await client(kind, proxy, ...verify(ca)), "ERROR 2026");
    },
  });

  Deno.test({
    name: `--ssl-ca: the ${kind} client with a good, a bad and no certificate`,
    ignore: withoutClient(kind),
    async fn() {
      const files = await certificateFiles();
      const others = await certificateFiles();
      const encrypt = kind === "mysql" ? "--ssl-mode=REQUIRED" : "--ssl";
      const plain = kind === "mysql" ? "--ssl-mode=DISABLED" : "--skip-ssl";
      const good = [encrypt, `--ssl-cert=${files.client}`, `--ssl-key=${files.clientKey}`];
      const bad = [encrypt, `--ssl-cert=${others.client}`, `--ssl-key=${others.clientKey}`];
      const server = { "ssl-ca": files.ca, "ssl-cert": files.leaf, "ssl-key": files.leafKey };
      {
        await using proxy = await startBefore(kind, server);
        assertEquals(await client(kind, proxy, ...good), "TLS");
        assertMatch(
          await client(kind, proxy, ...bad),
          /ERROR 1045 .*\(proxy\) the client's certificate is not trusted/,
        );
        assertEquals(await client(kind, proxy, encrypt), "TLS");
        assertEquals(await client(kind, proxy, plain), "plain");
        assertMatch(proxy.log, /^info: A client was refused: the client's certificate is not trusted.*127\.0\.0\.1:/m);
      }
      await using proxy = await startBefore(kind, { ...server, "ssl-require-client-cert": true });
      assertEquals(await client(kind, proxy, ...good), "TLS");
      assertMatch(await client(kind, proxy, ...bad), /ERROR 1045/);
      assertMatch(await client(kind, proxy, encrypt), /ERROR 1045 .*\(proxy\) the client has shown no certificate/);
    },
  });
}

Deno.test({
  name: "--ssl-cert: clients get that certificate, and can verify it",
  ignore: without("mysql"),
  async fn() {
    const { ca, otherCa, leaf, leafKey } = await certificateFiles();
    await using proxy = await startBefore("mysql", { "ssl-cert": leaf, "ssl-key": leafKey });
    const read = (path: string) => Deno.readTextFile(path);
    assertEquals(await reach(proxy.port, { tls: { ca: await read(ca) } }), { kind: "in", serverTls: true });
    await assertRejects(async () => await reach(proxy.port, { tls: { ca: await read(otherCa) } }));
  },
});
