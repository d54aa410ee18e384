import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { RawLogin } from "../../interop/raw_login.ts";
import type { Server } from "../../servers/server.ts";
import { sharedServer, startMariadb } from "../../servers/servers.ts";
import { query } from "../../servers/sql.ts";
import { APP } from "../../servers/users.ts";
import { type LocalOptions, startLocal } from "./in_process.ts";
import { type CertificateFiles, certificateFiles, reach, type Reached, without } from "./tls_stage.ts";

/** How a client of one proxy fares. */
async function through(options: LocalOptions, client: Parameters<typeof reach>[1] = {}): Promise<Reached> {
  await using proxy = await startLocal(options);
  return await reach(proxy.port, client);
}

function assertRefused(reached: Reached, errno: number, ...texts: string[]): void {
  if (reached.kind !== "refused") throw new Error(`It got in: ${JSON.stringify(reached)}`);
  for (const text of texts) assertStringIncludes(reached.message, text);
  assertEquals(reached.errno, errno, reached.message);
}

const TLS: Reached = { kind: "in", serverTls: true };
const PLAIN: Reached = { kind: "in", serverTls: false };

Deno.test({
  name: "--backend-ssl-mode reaches MySQL with its automatic certificates in every mode",
  ignore: without("mysql"),
  async fn() {
    const shared = await sharedServer("mysql");
    if ("missing" in shared) throw new Error(shared.missing);
    const { port, folder } = shared.server;
    const name = `127.0.0.1:${port}`;
    const backend = { "proxy-backend-addresses": [name] };
    const mode = (value: string) => ({ ...backend, "backend-ssl-mode": [value] });
    assertEquals(await through(mode("disabled")), PLAIN);
    assertEquals(await through(mode("preferred")), TLS);
    assertEquals(await through(mode("required")), TLS);
    assertEquals(await through(mode("as-client")), PLAIN);
    assertEquals(await through(mode("as-client"), { tls: {} }), TLS);

    const ca = { "backend-ssl-ca": [`${folder}/data/ca.pem`] };
    assertEquals(await through({ ...mode("verify-ca"), ...ca }), TLS);
    // It is for no host at all.
    assertRefused(await through({ ...mode("verify-identity"), ...ca }), 2026, `no TLS with backend ${name}`);
    assertRefused(await through(mode("verify-ca")), 2026, `no TLS with backend ${name}`, "not trusted");
    const { otherCa } = await certificateFiles();
    assertRefused(
      await through({ ...mode("verify-ca"), "backend-ssl-ca": [otherCa] }, { tls: {} }),
      2026,
      `no TLS with backend ${name}`,
      "not trusted",
    );
  },
});

interface Stand {
  readonly files: CertificateFiles;
  /** With a certificate for db.example, localhost and 127.0.0.1. */
  readonly encrypted: Server;
  /** Without TLS. */
  readonly open: Server;
}

async function withStand(work: (stand: Stand) => Promise<void>): Promise<void> {
  const files = await certificateFiles();
  const { ca, leaf: cert, leafKey: key } = files;
  const [encrypted, open] = await Promise.all([
    startMariadb({ tls: { ca, cert, key } }),
    startMariadb({ tls: "off" }),
  ]);
  try {
    await work({ files, encrypted, open });
  } finally {
    await Promise.all([encrypted.stop(), open.stop()]);
  }
}

Deno.test({
  name: "--backend-ssl-mode verifies a certificate's CA and name, shows its own, and differs by backend",
  ignore: without("mariadb"),
  async fn(t) {
    await withStand(async ({ files, encrypted, open }) => {
      const name = `127.0.0.1:${encrypted.port}`;
      const openName = `127.0.0.1:${open.port}`;
      const backend = { "proxy-backend-addresses": [name] };
      const identity = { ...backend, "backend-ssl-mode": ["verify-identity"], "backend-ssl-ca": [files.ca] };

      await t.step("the CA", async () => {
        const mode = { ...backend, "backend-ssl-mode": ["verify-ca"] };
        const wrongName = { "backend-ssl-server-name": ["other.example"] };
        assertEquals(await through({ ...mode, ...wrongName, "backend-ssl-ca": [files.ca] }), TLS);
        assertRefused(await through({ ...mode, "backend-ssl-ca": [files.otherCa] }), 2026, name, "not trusted");
        assertRefused(await through(mode), 2026, name, "not trusted");
      });

      await t.step("the name", async () => {
        assertEquals(await through(identity), TLS);
        assertEquals(await through({ ...identity, "backend-ssl-server-name": ["db.example"] }), TLS);
        assertEquals(await through({ ...identity, "proxy-backend-addresses": [`localhost:${encrypted.port}`] }), TLS);
        for (const wrong of ["other.example", "192.0.2.1"]) {
          const reached = await through({ ...identity, "backend-ssl-server-name": [wrong] });
          assertRefused(reached, 2026, name, wrong);
        }
        assertRefused(await through({ ...identity, "backend-ssl-ca": [files.otherCa] }), 2026, "not trusted");
      });

      await t.step("a backend without TLS", async () => {
        const to = { "proxy-backend-addresses": [openName] };
        for (const mode of ["required", "verify-ca", "verify-identity"]) {
          const options = { ...to, "backend-ssl-mode": [mode], "backend-ssl-ca": [files.ca] };
          assertRefused(await through(options), 2026, "--backend-ssl-mode", openName);
        }
        const asClient = { ...to, "backend-ssl-mode": ["as-client"] };
        assertRefused(await through(asClient, { tls: {} }), 2026, "--backend-ssl-mode", openName);
        assertEquals(await through(asClient), PLAIN);
        assertEquals(await through({ ...to, "backend-ssl-mode": ["preferred"] }, { tls: {} }), PLAIN);
      });

      await t.step("an account that requires a certificate", async () => {
        await query(
          encrypted,
          "CREATE USER x509@'%' IDENTIFIED BY 'x509-secret' REQUIRE X509",
          "GRANT SELECT ON *.* TO x509@'%'",
        );
        const account = { user: "x509", password: "x509-secret", plugin: "" };
        const own = { "backend-ssl-cert": [files.client], "backend-ssl-key": [files.clientKey] };
        assertEquals(await through({ ...backend, ...own }, { account }), TLS);
        assertRefused(await through(backend, { account }), 1045, "x509");
      });

      await t.step("each backend by its address", async () => {
        await using proxy = await startLocal({
          "proxy-backend-addresses": [name, openName],
          "backend-ssl-mode": ["disabled", `${name}=verify-identity`],
          "backend-ssl-ca": [files.otherCa, `${name}=${files.ca}`],
          "backend-ssl-server-name": [`${name}=db.example`],
          "backend-ssl-cert": [`${name}=${files.client}`],
          "backend-ssl-key": [`${name}=${files.clientKey}`],
        });
        const logIn = () => RawLogin.connect({ port: proxy.port, user: APP.user, answers: [APP.password] });
        using first = await logIn();
        using second = await logIn();
        const seen = async (login: RawLogin) => {
          const [[, cipher] = []] = await login.query("SHOW STATUS LIKE 'Ssl_cipher'");
          return [...await login.query("SELECT @@port"), cipher !== ""];
        };
        assertEquals(await seen(first), [[`${encrypted.port}`], true]);
        assertEquals(await seen(second), [[`${open.port}`], false]);
        await Promise.all([first.quit(), second.quit()]);
      });

      await t.step("the log tells why, and of which backend", async () => {
        await using proxy = await startLocal({ ...identity, "backend-ssl-server-name": ["other.example"] });
        await reach(proxy.port);
        assertMatch(proxy.log, new RegExp(`^warning: no TLS with backend ${name}: .*other\\.example`, "m"));
      });
    });
  },
});
