import { assert, assertEquals } from "@std/assert";
import { type Compression, HAS_ZSTD } from "../../interop/raw_channel.ts";
import { RawLogin } from "../../interop/raw_login.ts";
import { holdTempDir } from "../../servers/leash.ts";
import { Proxy } from "../../servers/proxy.ts";
import type { Server } from "../../servers/server.ts";
import { startMariadb, startMysql } from "../../servers/servers.ts";
import { query } from "../../servers/sql.ts";
import { type Account, ACCOUNTS } from "../../servers/users.ts";
import { type CertificateFiles, certificateFiles, without } from "./tls_stage.ts";

/** How the three ways of a chain compress: client to first, first to second, second to server. */
type Hops = readonly [Compression | undefined, Compression | undefined, Compression | undefined];

/** More than a packet holds, and less than is worth compressing. */
const [LARGE, SMALL] = [17_000_000, 10];

const PASSWORD = "a Password-of-the-chain";

/** Two proxies in a row before a server, each verifying the one behind it; both write all that they can to the log. */
async function withChain(
  server: Server,
  ca: string,
  [, between, last]: Hops,
  work: (port: number) => Promise<void>,
): Promise<void> {
  const start = (folder: string, port: number, ca: string, compression: Compression | undefined) =>
    Proxy.start({
      backends: [`127.0.0.1:${port}`],
      args: [
        `--data-dir=${folder}`,
        "--ssl-mode=required",
        "--backend-ssl-mode=verify-ca",
        `--backend-ssl-ca=${ca}`,
        `--backend-compression-algorithms=${compression ?? "uncompressed"}`,
        "--log-level=debug",
      ],
    });
  const folder = await holdTempDir("second");
  const second = await start(folder, server.port, ca, last);
  try {
    const first = await start(await holdTempDir("first"), second.port, `${folder}/server-cert.pem`, between);
    try {
      await work(first.port);
      await first.stop();
    } finally {
      if (first.isRunning) await first.kill();
      assert(!first.log.includes(PASSWORD), first.log);
    }
    await second.stop();
  } finally {
    if (second.isRunning) await second.kill();
    assert(!second.log.includes(PASSWORD), second.log);
  }
}

/** Logs in, sends and fetches `size` bytes, and becomes the same user again. */
async function useChain(
  port: number,
  { user, password, plugin }: Account,
  compression: Compression | undefined,
  size: number,
) {
  const client = plugin === "ed25519" ? "client_ed25519" : plugin;
  using login = await RawLogin.connect({
    port,
    user,
    answers: [password],
    plugin: client,
    tls: {},
    ...(compression === undefined ? {} : { compression }),
  });
  const { steps } = login;
  const text = Array.from({ length: 20_000 }, (_, index) => `${index * 7919} `).join("").repeat(130).slice(0, size);
  assertEquals(await login.query(`SELECT LENGTH('${text}')`), [[`${size}`]]);
  const [[answer = ""] = []] = await login.query(`SELECT REPEAT('0123456789', ${size / 10})`);
  assertEquals(answer.length, size);
  await login.changeUser({ user, answers: [password], plugin: client });
  assertEquals(await login.query("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"), [[user]]);
  await login.quit();
  return steps.map(({ step }) => step);
}

/** A zstd that this runtime lacks makes no chain. */
const ZSTD: Compression = HAS_ZSTD ? "zstd" : "zlib";
const PATTERNS: readonly Hops[] = [
  [undefined, undefined, undefined],
  ["zlib", ZSTD, "zlib"],
  [ZSTD, undefined, ZSTD],
  [undefined, "zlib", undefined],
];

Deno.test({
  name: "two proxies in a row with TLS on all three ways: MySQL's plugins, cold and warm, however each way compresses",
  ignore: without("mysql"),
  async fn() {
    const server = await startMysql();
    try {
      const accounts = ["caching_sha2_password", "sha256_password"].map((plugin) => ({
        user: `chain_${plugin.slice(0, 6)}`,
        password: PASSWORD,
        plugin,
      }));
      await query(
        server,
        ...accounts.flatMap(({ user, plugin }) => [
          `CREATE USER ${user}@'%' IDENTIFIED WITH ${plugin} BY '${PASSWORD}' REQUIRE SSL`,
          `GRANT SELECT ON *.* TO ${user}@'%'`,
        ]),
      );
      for (const hops of PATTERNS) {
        await withChain(server, `${server.folder}/data/ca.pem`, hops, async (port) => {
          for (const account of accounts) {
            await query(server, "FLUSH PRIVILEGES");
            const cold = await useChain(port, account, hops[0], LARGE);
            const warm = await useChain(port, account, hops[0], SMALL);
            if (account.plugin !== "caching_sha2_password") continue;
            assert(cold.includes("full") && !warm.includes("full"), `${cold} then ${warm}`);
          }
        });
      }
    } finally {
      await server.stop();
    }
  },
});

Deno.test({
  name: "two proxies in a row with TLS on all three ways: MariaDB's plugins, however each way compresses",
  ignore: without("mariadb"),
  async fn() {
    const files: CertificateFiles = await certificateFiles();
    const server = await startMariadb({ tls: { ca: files.ca, cert: files.leaf, key: files.leafKey } });
    try {
      const accounts = ACCOUNTS.mariadb.filter(({ password }) => password !== "");
      for (const hops of [["zlib", ZSTD, "zlib"], [ZSTD, "zlib", undefined]] as const) {
        await withChain(server, files.ca, hops, async (port) => {
          for (const account of accounts) await useChain(port, account, hops[0], LARGE);
        });
      }
    } finally {
      await server.stop();
    }
  },
});
