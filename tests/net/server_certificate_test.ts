import { assert, assertEquals, assertFalse, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { createPublicKey, X509Certificate } from "node:crypto";
import { dirname, join } from "node:path";
import { NetError } from "../../lib/net/net_error.ts";
import { loadPasswordKeys, makePasswordKeys } from "../../lib/net/password_keys.ts";
import { makeSelfSigned, type SelfSigned } from "../../lib/net/self_signed.ts";
import { loadServerTls, reloadServerTls, type ServerTls } from "../../lib/net/server_certificate.ts";
import { TLS_OPTIONS, type TlsValues } from "../../lib/net/tls_options.ts";
import { WatchedFiles } from "../../lib/net/watched_files.ts";
import { type Log, valuesOf } from "../../lib/plugin/mod.ts";
import { run } from "../servers/run_program.ts";

const CHILD = new URL("make_kept.ts", import.meta.url).pathname;
const DEFAULTS: TlsValues = valuesOf(
  TLS_OPTIONS,
  new Map(TLS_OPTIONS.map(({ name, ...rest }) => {
    return [name, "default" in rest ? rest.default : undefined];
  })),
);
const unix = { ignore: Deno.build.os === "windows" };
/** The start task's permissions as far as they matter here. */
const MAY_WRITE = ["--allow-read", "--allow-write", "--allow-env=HOME,XDG_DATA_HOME,LOCALAPPDATA"];

/** A log that remembers, as every run of the program has its own. */
class Lines implements Log {
  readonly all: string[] = [];
  enabled(): boolean {
    return true;
  }
  write(level: string, text: string): void {
    this.all.push(`${level}: ${text}`);
  }
  get warnings(): string[] {
    return this.all.filter((line) => line.startsWith("warning: "));
  }
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "certificate-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function load(values: Partial<TlsValues>, log: Log = new Lines()): Promise<ServerTls> {
  const tls = await loadServerTls({ ...DEFAULTS, ...values }, log);
  if (tls === undefined) throw new Error("TLS is off");
  return tls;
}

/** Writes a pair as other programs would, and the options that name it. */
async function writePair(
  folder: string,
  { cert, key }: SelfSigned,
): Promise<{ "ssl-cert": string; "ssl-key": string }> {
  const [certPath, keyPath] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  await Deno.writeTextFile(certPath, cert);
  await Deno.writeTextFile(keyPath, key, { mode: 0o600 });
  return { "ssl-cert": certPath, "ssl-key": keyPath };
}

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

interface ChildOutput {
  readonly tls: ServerTls;
  readonly lines: readonly string[];
}

/** Loads in a program of its own, with these permissions. */
async function inProgram(permissions: readonly string[], folder: string): Promise<ChildOutput> {
  const command: [string, ...string[]] = [Deno.execPath(), "run", "--quiet", "--no-check", "--no-prompt"];
  const { code, stdout, stderr } = await run([...command, ...permissions, CHILD, folder]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return JSON.parse(stdout);
}

Deno.test("loadServerTls() makes a pair on first use and finds it again", unix, () =>
  inFolder(async (parent) => {
    const folder = join(parent, "share", "mysql-proxy");
    const logs = [new Lines(), new Lines()] as const;
    const first = await load({ "data-dir": folder }, logs[0]);
    const second = await load({ "data-dir": folder }, logs[1]);
    assertEquals(second, first);

    const path = join(folder, "server-cert.pem");
    assertEquals(await Deno.readTextFile(path), first.cert);
    assertEquals(first.fingerprint, new X509Certificate(first.cert).fingerprint256);
    assertMatch(first.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    const line = `message: TLS certificate ${path}, SHA-256 ${first.fingerprint}; ` +
      `clients verify it with --ssl-ca=${path} --ssl-mode=VERIFY_CA`;
    assertEquals(logs.map(({ all }) => all), [[line], [line]]);

    assertEquals(await modeOf(folder), 0o700);
    for (const name of ["server-key.pem", "private_key.pem"]) {
      assertEquals(await modeOf(join(folder, name)), 0o600, name);
    }
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assertEquals(names, [".lock", "private_key.pem", "public_key.pem", "server-cert.pem", "server-key.pem"]);
    assertEquals([first.files, first.ca, first.requireClientCert, first.mode], [{}, undefined, false, "preferred"]);
  }));

Deno.test("loadServerTls() gives plain data, which thread halves can be handed", () =>
  inFolder(async (folder) => {
    const tls = await load({ "data-dir": folder });
    assertEquals(structuredClone(tls), tls);
  }));

Deno.test("loadServerTls() loads once per run, also for callers at the same time", () =>
  inFolder(async (folder) => {
    const log = new Lines();
    const [one, other] = await Promise.all([load({ "data-dir": folder }, log), load({ "data-dir": folder }, log)]);
    assert(one === other);
    assert(await loadPasswordKeys({ ...DEFAULTS, "data-dir": folder }, log) === one.passwordKeys);
    assertEquals(log.all.length, 1);
  }));

Deno.test("loadServerTls() gives nothing for ssl-mode=disabled, and makes nothing", () =>
  inFolder(async (folder) => {
    const log = new Lines();
    assertEquals(await loadServerTls({ ...DEFAULTS, "ssl-mode": "disabled", "data-dir": folder }, log), undefined);
    assertEquals([[...Deno.readDirSync(folder)], log.all], [[], []]);
  }));

Deno.test(
  "loadServerTls() gives all programs that start at once the same pair and keys",
  unix,
  () =>
    inFolder(async (parent) => {
      const folder = join(parent, "data");
      const outputs = await Promise.all(Array.from({ length: 4 }, () => inProgram(MAY_WRITE, folder)));
      const [first, ...others] = outputs.map(({ tls }) => tls);
      for (const other of others) assertEquals(other, first);
      for (const { lines } of outputs) assertFalse(lines.some((line) => line.startsWith("warning")), lines.join("\n"));
      assertEquals(await Deno.readTextFile(join(folder, "server-cert.pem")), first?.cert);
    }),
);

Deno.test(
  "loadServerTls() keeps nothing and says so once where it must not write",
  unix,
  () =>
    inFolder(async (parent) => {
      const folder = join(parent, "data");
      const { tls, lines } = await inProgram(["--allow-read"], folder);
      assertEquals(new X509Certificate(tls.cert).fingerprint256, tls.fingerprint);
      assertEquals(lines, [
        "info: Certificate and keys of the program's own making are for this run only: the program is not permitted " +
        `to write "${folder}"; name a folder to keep them in with "--data-dir"`,
        `message: TLS certificate for this run only, SHA-256 ${tls.fingerprint}`,
      ]);
      assertEquals([...Deno.readDirSync(parent)], []);
    }),
);

Deno.test("loadServerTls() reads what is kept without the permission to write", unix, () =>
  inFolder(async (folder) => {
    const made = await load({ "data-dir": folder });
    const { tls, lines } = await inProgram(["--allow-read"], folder);
    assertEquals(tls, made);
    assertEquals(lines.length, 1);
  }));

Deno.test("loadServerTls() keeps nothing where the folder cannot be made", unix, () =>
  inFolder(async (parent) => {
    const file = join(parent, "file");
    await Deno.writeTextFile(file, "");
    const log = new Lines();
    const tls = await load({ "data-dir": join(file, "data") }, log);
    assertEquals(log.warnings.length, 1);
    assertMatch(log.warnings[0] ?? "", /for this run only: /);
    assert(await load({ "data-dir": join(file, "data") }, log) === tls);
  }));

type Spoil = (folder: string, made: ServerTls) => Promise<void>;

const USELESS: readonly [string, Spoil, RegExp][] = [
  ["has expired", async (folder) => {
    const { cert, key } = await makeSelfSigned(new Date("2001-01-01T00:00:00Z"));
    await Deno.writeTextFile(join(folder, "server-cert.pem"), cert);
    await Deno.writeTextFile(join(folder, "server-key.pem"), key);
  }, /server-cert\.pem" has expired; making a new one/],
  ["is cut off", async (folder, { cert }) => {
    await Deno.writeTextFile(join(folder, "server-cert.pem"), cert.slice(0, 200));
  }, /There is no certificate in ".*server-cert\.pem"/],
  ["has the key of another", async (folder) => {
    await Deno.writeTextFile(join(folder, "server-key.pem"), (await makeSelfSigned()).key);
  }, /does not belong to the first certificate/],
  ["has lost its key", (folder) => Deno.remove(join(folder, "server-key.pem")), /There is no private key in/],
  ["has lost its certificate", (folder) => Deno.remove(join(folder, "server-cert.pem")), /There is no certificate in/],
];

for (const [what, spoil, why] of USELESS) {
  Deno.test(`loadServerTls() makes a pair anew that ${what}`, unix, () =>
    inFolder(async (folder) => {
      const made = await load({ "data-dir": folder });
      await spoil(folder, made);
      const before = new Map([...Deno.readDirSync(folder)].map(({ name }) => {
        return [name, Deno.readTextFileSync(join(folder, name))];
      }));
      const log = new Lines();
      const tls = await load({ "data-dir": folder }, log);
      assertEquals(log.warnings.length, 1);
      assertMatch(log.warnings[0] ?? "", why);
      assertNotEquals(tls.fingerprint, made.fingerprint);
      assertEquals(tls.passwordKeys, made.passwordKeys);
      for (const name of ["server-cert.pem", "server-key.pem"]) {
        const old = await Deno.readTextFile(join(folder, `${name}.old`)).catch(() => undefined);
        assertEquals(old, before.get(name));
      }
      assertEquals(await modeOf(join(folder, "server-key.pem")), 0o600);
      assertEquals(await load({ "data-dir": folder }), tls);
      const secret = tls.key.split("\n")[1] ?? "";
      assert(secret.length > 60);
      for (const line of log.all) assertFalse(line.includes(secret));
    }));
}

Deno.test("loadServerTls() takes the files of the options, and leaves the data folder alone but for password keys", () =>
  inFolder(async (folder) => {
    const pair = await makeSelfSigned();
    const ca = await makeSelfSigned();
    const paths = await writePair(folder, pair);
    const caPath = join(folder, "ca.pem");
    await Deno.writeTextFile(caPath, `# ours\n${ca.cert}`);
    const log = new Lines();
    const data = join(folder, "data");
    const tls = await load({
      ...paths,
      "ssl-ca": caPath,
      "ssl-require-client-cert": true,
      "ssl-mode": "required",
      "data-dir": data,
    }, log);
    assertEquals({ cert: tls.cert, key: tls.key, ca: tls.ca }, { ...pair, ca: ca.cert });
    assertEquals([tls.mode, tls.requireClientCert], ["required", true]);
    assertEquals(tls.files, { cert: paths["ssl-cert"], key: paths["ssl-key"], ca: caPath });
    assertEquals(log.all, [`message: TLS certificate ${paths["ssl-cert"]}, SHA-256 ${tls.fingerprint}`]);
    assertFalse([...Deno.readDirSync(data)].some(({ name }) => name.startsWith("server-")));
  }));

Deno.test(
  "loadServerTls() warns of an expired certificate, of one of tomorrow, and of a key that all may read",
  unix,
  () =>
    inFolder(async (folder) => {
      const cases: readonly [Date, RegExp][] = [
        [new Date("2001-02-03T00:00:00Z"), /cert\.pem" has expired on 2011-02-02, clients may refuse it/],
        [
          new Date(Date.now() + 3 * 24 * 3600_000),
          /cert\.pem" is valid from \d{4}-\d\d-\d\d only, clients may refuse it/,
        ],
      ];
      for (const [time, expected] of cases) {
        const paths = await writePair(folder, await makeSelfSigned(time));
        const log = new Lines();
        await load({ ...paths, "data-dir": folder }, log);
        assertEquals(log.warnings.length, 1);
        assertMatch(log.warnings[0] ?? "", expected);
      }
      const paths = await writePair(folder, await makeSelfSigned());
      await Deno.chmod(paths["ssl-key"], 0o644);
      const log = new Lines();
      await load({ ...paths, "data-dir": folder }, log);
      const key = paths["ssl-key"];
      assertEquals(log.warnings, [`warning: Everybody may read the private key in "${key}": run "chmod 600 ${key}"`]);
    }),
);

Deno.test("loadServerTls() names the file that is missing, and tries again when called again", () =>
  inFolder(async (folder) => {
    const pair = await makeSelfSigned();
    const paths = await writePair(folder, pair);
    await Deno.remove(paths["ssl-key"]);
    const log = new Lines();
    const error = await assertRejects(() => load({ ...paths, "data-dir": folder }, log), NetError);
    assertEquals(error.code, "bad-certificate");
    assertEquals(error.message, `Cannot read the private key in "${paths["ssl-key"]}": there is no such file`);
    await writePair(folder, pair);
    assertEquals((await load({ ...paths, "data-dir": folder }, log)).key, pair.key);
  }));

Deno.test("loadServerTls() refuses options that lack another, also when TLS is off", async () => {
  const error = await assertRejects(
    () => loadServerTls({ ...DEFAULTS, "ssl-mode": "disabled", "ssl-cert": "/c.pem" }, new Lines()),
    NetError,
  );
  assertEquals(error.code, "bad-option");
});

Deno.test("reloadServerTls() reads what has changed, and refuses what is half written", () =>
  inFolder(async (folder) => {
    const [first, second] = [await makeSelfSigned(), await makeSelfSigned()];
    const paths = await writePair(folder, first);
    const tls = await load({ ...paths, "data-dir": join(folder, "data") });
    const files = new WatchedFiles(Object.values(tls.files), tls.stamp);
    assertEquals(await files.changed(), false);

    // Writers take turns with readers: first the certificate is there, then its key.
    await Deno.remove(paths["ssl-cert"]);
    await Deno.writeTextFile(paths["ssl-cert"], `${second.cert}\n`);
    assertEquals(await files.changed(), true);
    const error = await assertRejects(() => reloadServerTls(tls), NetError);
    assertMatch(error.message, /does not belong/);
    await Deno.remove(paths["ssl-key"]);
    await Deno.writeTextFile(paths["ssl-key"], `${second.key}\n`);
    assertEquals(await files.changed(), true);

    const next = await reloadServerTls(tls);
    assertEquals({ cert: next.cert, key: next.key }, second);
    assertEquals(next.fingerprint, new X509Certificate(second.cert).fingerprint256);
    assertEquals(next.passwordKeys, tls.passwordKeys);
    assertEquals(await files.changed(), false);
    assertEquals(await new WatchedFiles(Object.values(next.files), next.stamp).changed(), false);
  }));

Deno.test("reloadServerTls() reads a new CA and keeps a certificate of the program's own making", () =>
  inFolder(async (folder) => {
    const [first, second] = [await makeSelfSigned(), await makeSelfSigned()];
    const ca = join(folder, "ca.pem");
    await Deno.writeTextFile(ca, first.cert);
    const tls = await load({ "ssl-ca": ca, "data-dir": join(folder, "data") });
    assertEquals(tls.ca, first.cert);
    await Deno.writeTextFile(ca, second.cert);
    const next = await reloadServerTls(tls);
    assertEquals(next.ca, second.cert);
    assertEquals([next.cert, next.key], [tls.cert, tls.key]);
    await Deno.writeTextFile(ca, "nothing");
    await assertRejects(() => reloadServerTls(next), NetError, "There is no certificate in");
  }));

Deno.test("loadPasswordKeys() takes the key of the option, whose public half it finds", () =>
  inFolder(async (folder) => {
    const { privateKey, publicKey } = await makePasswordKeys();
    const path = join(folder, "private_key.pem");
    await Deno.writeTextFile(path, privateKey, { mode: 0o600 });
    const log = new Lines();
    const keys = await loadPasswordKeys({ "password-private-key": path, "data-dir": join(folder, "data") }, log);
    assertEquals(keys, { privateKey, publicKey });
    assertEquals(log.all, []);
    await assertRejects(() => Deno.stat(join(folder, "data")), Deno.errors.NotFound);
  }));

Deno.test("loadPasswordKeys() refuses a key that is not RSA", () =>
  inFolder(async (folder) => {
    const path = join(folder, "private_key.pem");
    await Deno.writeTextFile(path, (await makeSelfSigned()).key);
    const error = await assertRejects(
      () => loadPasswordKeys({ "password-private-key": path, "data-dir": dirname(path) }, new Lines()),
      NetError,
    );
    assertEquals(
      error.message,
      `The private key in "${path}" is no RSA key: make one with "openssl genrsa -out FILE 2048"`,
    );
  }));

Deno.test("loadPasswordKeys() keeps keys of 2048 bits whose halves fit", () =>
  inFolder(async (folder) => {
    const values = { "password-private-key": undefined, "data-dir": folder };
    const keys = await loadPasswordKeys(values, new Lines());
    assertEquals(createPublicKey(keys.publicKey).asymmetricKeyDetails?.modulusLength, 2048);
    assertEquals(String(createPublicKey(keys.privateKey).export({ type: "spki", format: "pem" })), keys.publicKey);
    assertEquals(await Deno.readTextFile(join(folder, "public_key.pem")), keys.publicKey);
    assertEquals(await loadPasswordKeys(values, new Lines()), keys);
  }));
