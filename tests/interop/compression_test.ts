import { assertEquals, assertMatch } from "@std/assert";
import { createHash } from "node:crypto";
import { clientCommand } from "../servers/clients.ts";
import { findProgram, type Kind, KINDS } from "../servers/installation.ts";
import { holdTempDir } from "../servers/leash.ts";
import { hasProxy, Proxy } from "../servers/proxy.ts";
import { run } from "../servers/run_program.ts";
import { sharedServer, whyMissing } from "../servers/servers.ts";
import { query } from "../servers/sql.ts";
import { APP } from "../servers/users.ts";
import { withMariadb, withMysql2 } from "./drivers.ts";
import { type Compression, HAS_ZSTD } from "./raw_channel.ts";
import { RawLogin } from "./raw_login.ts";
import { type Target, within } from "./scenario.ts";

const DIGITS = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS d`).join(" UNION ALL ");
const DIGIT = (name: string) => `(${DIGITS}) AS ${name}`;
/** 160,000 rows of 128 digits: 20 MB that shrink to half. */
const RESULT = "SELECT SHA2(a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d, 512) AS digest " +
  `FROM ${["a", "b", "c", "e"].map(DIGIT).join(", ")}, (${DIGITS} UNION ALL SELECT 10 UNION ALL SELECT 11 ` +
  "UNION ALL SELECT 12 UNION ALL SELECT 13 UNION ALL SELECT 14 UNION ALL SELECT 15) AS f " +
  "ORDER BY a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d";

/** The rows of {@linkcode RESULT} in one digest, as the client has them. */
function digest(rows: Iterable<string>): string {
  const hash = createHash("sha256");
  let count = 0;
  for (const row of rows) {
    hash.update(row);
    count++;
  }
  return `${count} ${hash.digest("hex")}`;
}

function expectedRows(): string {
  return digest(Array.from({ length: 160_000 }, (_, n) => createHash("sha512").update(`${n}`).digest("hex")));
}

/** 30 MB of text, half of which cannot be compressed: two packets and a part of a third, or of a second when compressed. */
function upload(): string {
  const random = crypto.getRandomValues(new Uint8Array(60_000));
  const text = Array.from(random, (byte) => String.fromCharCode(97 + byte % 26)).join("");
  return (text + "z".repeat(60_000)).repeat(250);
}

/** What a client saw. */
interface Seen {
  /** Whether the server says that the connection is compressed, and how: what a direct client shows. */
  readonly status: string;
  readonly rows: string;
  readonly upload: string;
}

/** A client and how it is told to compress. */
interface Client {
  readonly name: string;
  readonly algorithm: Compression;
  readonly servers: readonly Kind[];
  readonly missing?: string | undefined;
  readonly use: (target: Target, text: string) => Promise<Seen>;
}

const STATUS = "SHOW STATUS LIKE 'Compression'";

function rawClient(algorithm: Compression, tls: boolean): Client {
  return {
    name: `the strict client with ${algorithm}${tls ? " in TLS" : ""}`,
    algorithm,
    // A MariaDB of before 11.4 has no TLS by itself.
    servers: algorithm === "zlib" && !tls ? KINDS : ["mysql"],
    missing: algorithm === "zlib" || HAS_ZSTD ? undefined : "this version of Deno has no zstd",
    use: async ({ port, server }, text) => {
      const plugin = server.kind === "mysql" ? "caching_sha2_password" : "mysql_native_password";
      using login = await RawLogin.connect({
        port,
        user: APP.user,
        answers: [APP.password],
        plugin,
        compression: algorithm,
        ...(tls ? { tls: {} } : {}),
      });
      const status = await login.query(STATUS);
      const rows = await login.query(RESULT);
      const sum = await login.query(`SELECT SHA2('${text}', 256)`);
      // Many small packets and answers, each of which begins to count anew.
      for (let n = 0; n < 300; n++) assertEquals(await login.query(`SELECT ${n}`), [[`${n}`]]);
      await login.quit();
      return { status: status.flat().join(" "), rows: digest(rows.flat()), upload: sum.flat().join() };
    },
  };
}

function field(rows: unknown, name: string): string[] {
  if (!Array.isArray(rows)) throw new Error("The result has no rows");
  return rows.map((row: unknown) => typeof row === "object" && row !== null ? String(Reflect.get(row, name)) : "");
}

const MYSQL2: Client = {
  name: "mysql2 with zlib",
  algorithm: "zlib",
  servers: KINDS,
  use: (target, text) =>
    withMysql2(target, async (connection) => ({
      status: `Compression ${field((await connection.query(STATUS))[0], "Value")}`,
      rows: digest(field((await connection.query(RESULT))[0], "digest")),
      upload: field((await connection.query("SELECT SHA2(?, 256) AS sum", [text]))[0], "sum").join(),
    }), { compress: true }),
};

const MARIADB: Client = {
  name: "the mariadb connector with zlib",
  algorithm: "zlib",
  servers: KINDS,
  use: (target, text) =>
    withMariadb(target, async (connection) => ({
      status: `Compression ${field(await connection.query(STATUS), "Value")}`,
      rows: digest(field(await connection.query(RESULT), "digest")),
      upload: field(await connection.execute("SELECT SHA2(?, 256) AS `sum`", [text]), "sum").join(),
    }), { compress: true, maxAllowedPacket: 1 << 30 }),
};

function commandLine(kind: Kind, algorithm: Compression): Client {
  const options = kind === "mysql" ? [`--compression-algorithms=${algorithm}`] : ["--compress"];
  return {
    name: `the ${kind} client with ${algorithm}`,
    algorithm,
    servers: algorithm === "zlib" ? KINDS : ["mysql"],
    missing: findProgram(kind, "client") === undefined ? `no ${kind} client` : undefined,
    use: async ({ port }, text) => {
      const command = clientCommand(kind, "client", { port });
      if (command === undefined) throw new Error(`no ${kind} client`);
      const ask = async (stdin: string) => {
        const args = [...options, "--batch", "--skip-column-names", "--quick", "--max-allowed-packet=1G"];
        const { code, stdout, stderr } = await run([...command, ...args], { stdin, limit: 60_000 });
        assertEquals(code, 0, stderr);
        return stdout.trimEnd().split("\n");
      };
      const [status = ""] = await ask(`${STATUS};\n`);
      return {
        status: status.replace("\t", " "),
        rows: digest(await ask(`${RESULT};\n`)),
        upload: (await ask(`SELECT SHA2('${text}', 256);\n`)).join(),
      };
    },
  };
}

const CLIENTS = [
  rawClient("zlib", false),
  rawClient("zstd", false),
  rawClient("zlib", true),
  rawClient("zstd", true),
  MYSQL2,
  MARIADB,
  commandLine("mysql", "zlib"),
  commandLine("mysql", "zstd"),
  commandLine("mariadb", "zlib"),
];

const isProxied = hasProxy();

/** What the proxy may speak with its servers; undefined: no proxy. MariaDB's know zlib alone. */
const ROUTES: readonly { readonly backend: string | undefined; readonly servers: readonly Kind[] }[] = [
  { backend: undefined, servers: KINDS },
  { backend: "uncompressed", servers: KINDS },
  { backend: "zlib", servers: KINDS },
  { backend: "zstd", servers: ["mysql"] },
];

const proxies = new Map<string, Promise<Proxy>>();

function proxyTo(port: number, backend: string): Promise<Proxy> {
  const start = async () =>
    await Proxy.start({
      backends: [`127.0.0.1:${port}`],
      args: [`--data-dir=${await holdTempDir("proxy-data")}`, `--backend-compression-algorithms=${backend}`],
    });
  const pending = proxies.get(`${port} ${backend}`) ?? start();
  proxies.set(`${port} ${backend}`, pending);
  return pending;
}

for (const client of CLIENTS) {
  for (const { backend, servers } of ROUTES) {
    for (const kind of servers.filter((one) => client.servers.includes(one))) {
      if (backend !== undefined && !isProxied) continue;
      const missing = client.missing ?? whyMissing(kind);
      const name = `${kind}: 20 MB down and 30 MB up by ${client.name}` +
        (backend === undefined ? ", direct" : `, through the proxy, ${backend} to the server`);
      Deno.test({
        name: missing === undefined ? name : `${name} [skipped: ${missing}]`,
        ignore: missing !== undefined,
        sanitizeOps: false,
        sanitizeResources: false,
        fn: async () => {
          const shared = await sharedServer(kind);
          if ("missing" in shared) throw new Error(shared.missing);
          const { server } = shared;
          await query(server, "CREATE DATABASE IF NOT EXISTS compression_test");
          const port = backend === undefined ? server.port : (await proxyTo(server.port, backend)).port;
          const target: Target = {
            port,
            database: "compression_test",
            server,
            via: backend === undefined ? "direct" : "proxy",
          };
          const text = upload();
          const seen = await within(90_000, "The client", client.use(target, text));
          assertEquals(seen.rows, expectedRows());
          assertEquals(seen.upload, createHash("sha256").update(text).digest("hex"));
          // Each side of the proxy has a compression of its own: the server tells of its.
          assertMatch(seen.status, backend === "uncompressed" ? /^Compression OFF$/ : /^Compression ON$/);
        },
      });
    }
  }
}
