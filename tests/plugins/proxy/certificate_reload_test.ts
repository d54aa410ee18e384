import { assert, assertEquals, assertMatch } from "@std/assert";
import { until } from "../../servers/port.ts";
import { Proxy } from "../../servers/proxy.ts";
import { sharedServer, whyMissing } from "../../servers/servers.ts";
import { dataFolder } from "./in_process.ts";
import { type CertificateFiles, certificateFiles, reach, without } from "./tls_stage.ts";

const KIND = whyMissing("mariadb") === undefined ? "mariadb" : "mysql";

/** Whether a client that trusts this CA alone gets in, and one without a certificate is let in. */
async function trusts(port: number, files: CertificateFiles): Promise<boolean> {
  try {
    return (await reach(port, { tls: { ca: await Deno.readTextFile(files.ca) } })).kind === "in";
  } catch {
    return false;
  }
}

/** Each thread takes new files by itself: several clients in a row must see them. */
async function allSee(port: number, files: CertificateFiles): Promise<boolean> {
  for (let client = 0; client < 12; client++) if (!await trusts(port, files)) return false;
  return true;
}

async function withPair(
  paths: readonly [cert: string, key: string],
  work: (proxy: Proxy) => Promise<void>,
  ...args: string[]
): Promise<void> {
  const shared = await sharedServer(KIND);
  if ("missing" in shared) throw new Error(shared.missing);
  const proxy = await Proxy.start({
    backends: [`127.0.0.1:${shared.server.port}`],
    args: [`--data-dir=${await dataFolder()}`, `--ssl-cert=${paths[0]}`, `--ssl-key=${paths[1]}`, ...args],
  });
  try {
    await work(proxy);
    await proxy.stop();
  } finally {
    if (proxy.isRunning) await proxy.kill();
  }
}

Deno.test({
  name: "a certificate is taken anew when its files change, and a bad one leaves the old in use with a warning",
  ignore: without(KIND),
  async fn() {
    const [first, second] = [await certificateFiles(), await certificateFiles()];
    const [cert, key] = [`${first.folder}/cert.pem`, `${first.folder}/key.pem`];
    const use = async (files: CertificateFiles) => {
      await Deno.copyFile(files.leaf, cert);
      await Deno.copyFile(files.leafKey, key);
    };
    await use(first);
    await withPair([cert, key], async ({ port }) => {
      assert(await trusts(port, first));
      await use(second);
      await until(15_000, "the new certificate", () => allSee(port, second));
      assert(!await trusts(port, first));
    });
    await use(first);
    await withPair([cert, key], async (proxy) => {
      for (const broken of ["garbage", await Deno.readTextFile(second.leaf)]) {
        const warnings = proxy.log.split("stays as it was").length;
        await Deno.writeTextFile(cert, broken);
        await until(15_000, "the warning", () => proxy.log.split("stays as it was").length > warnings);
        assert(await allSee(proxy.port, first));
      }
      assertMatch(
        proxy.log,
        /warning.*The TLS certificate for clients stays as it was: There is no certificate in ".*cert/i,
      );
      assertMatch(proxy.log, /stays as it was: The private key in ".*key\.pem" does not belong/);
      // What is mended later is taken.
      await use(second);
      await until(15_000, "the mended certificate", () => allSee(proxy.port, second));
      assertMatch(proxy.log, /New TLS certificate for clients, SHA-256 [0-9A-F:]{95}/);
    });
  },
});

Deno.test({
  name: "a certificate is taken anew when a symbolic link is turned to another folder",
  ignore: without(KIND),
  async fn() {
    const [first, second] = [await certificateFiles(), await certificateFiles()];
    const link = `${first.folder}/current`;
    await Deno.symlink(first.folder, link);
    await withPair([`${link}/leaf.pem`, `${link}/leaf-key.pem`], async (proxy) => {
      assert(await trusts(proxy.port, first));
      await Deno.symlink(second.folder, `${link}-new`);
      await Deno.rename(`${link}-new`, link);
      await until(15_000, "the new certificate", () => allSee(proxy.port, second));
    });
  },
});

Deno.test({
  name: "a new file of --ssl-ca decides whose certificates are good",
  ignore: without(KIND),
  async fn() {
    const [first, second] = [await certificateFiles(), await certificateFiles()];
    const ca = `${first.folder}/clients-ca.pem`;
    await Deno.copyFile(first.ca, ca);
    const showing = async ({ client, clientKey }: CertificateFiles) => ({
      tls: { cert: await Deno.readTextFile(client), key: await Deno.readTextFile(clientKey) },
    });
    const paths = [first.leaf, first.leafKey] as const;
    await withPair(paths, async ({ port }) => {
      assertEquals((await reach(port, await showing(first))).kind, "in");
      assertEquals((await reach(port, await showing(second))).kind, "refused");
      await Deno.copyFile(second.ca, ca);
      await until(15_000, "the new CA", async () => {
        for (let client = 0; client < 12; client++) {
          if ((await reach(port, await showing(second))).kind !== "in") return false;
        }
        return true;
      });
      assertEquals((await reach(port, await showing(first))).kind, "refused");
    }, `--ssl-ca=${ca}`);
  },
});
