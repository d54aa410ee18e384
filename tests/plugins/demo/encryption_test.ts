import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createConnection as mysql2Connect } from "mysql2/promise";
import mysql2 from "mysql2";
import { makeSelfSigned } from "../../../lib/net/self_signed.ts";
import { tlsAvailable } from "../../../lib/net/tls_provider.ts";
import { Capability } from "../../../lib/protocol/capability.ts";
import { COMPRESSION_ALGORITHMS } from "../../../lib/protocol/compression.ts";
import { parseErr } from "../../../lib/protocol/err.ts";
import { encodeHandshakeResponse } from "../../../lib/protocol/handshake_response.ts";
import { encodePacket } from "../../../lib/protocol/packet.ts";
import { DemoServers } from "../../../plugins/demo/demo_servers.ts";
import { newDemoTls } from "../../../plugins/demo/tls.ts";
import { hex } from "../../protocol/hex.ts";
import { clientCommand } from "../../servers/clients.ts";
import { type CommandLine, commandLine, findInstallations } from "../../servers/installation.ts";
import { pluginFolder } from "../../servers/launch.ts";
import { run } from "../../servers/run_program.ts";
import { QUIET, withServers } from "./stage.ts";

const PASSWORD = "s3cret";

/** A command-line client of this machine, up to the options that say whom to log in as. */
interface Client {
  readonly name: string;
  readonly command: CommandLine;
}

function mariadbClients(): Client[] {
  return findInstallations("mariadb").map((installation) => {
    const plugins = pluginFolder(installation);
    const [program, ...before] = commandLine(
      installation.folder === undefined ? "mariadb" : `${installation.folder}/usr/bin/mariadb`,
      installation.folder,
    );
    const options = ["--no-defaults", ...(plugins === undefined ? [] : [`--plugin-dir=${plugins}`])];
    return { name: `mariadb ${installation.version}`, command: [program, ...before, ...options] };
  });
}

function mysqlClients(): Client[] {
  const command = clientCommand("mysql", "client", { port: 1, account: { user: "x", password: "", plugin: "" } });
  if (command === undefined) return [];
  const until = command.findIndex((word) => word.startsWith("--protocol="));
  const [program, ...before] = command;
  return [{ name: "mysql", command: [program, ...before.slice(0, until - 1)] }];
}

const QUERY = "SELECT LENGTH(REPEAT('abc', 700000)) AS n; SELECT REPEAT('abc', 50) AS text; " +
  "SHOW STATUS WHERE Variable_name IN ('Compression_algorithm', 'Ssl_version')";

async function show({ command }: Client, port: number, args: readonly string[]): Promise<string> {
  const [program, ...before] = command;
  const where = ["--protocol=TCP", "--host=127.0.0.1", `--port=${port}`, "--user=root", "--batch", "-e", QUERY];
  const { stdout, stderr } = await run([program, ...before, ...where, ...args]);
  return stdout === "" ? stderr : stdout;
}

function shown(compression: string, tls: string): string {
  return `n\n2100000\ntext\n${"abc".repeat(50)}\nVariable_name\tValue\n` +
    `Compression_algorithm\t${compression}\nSsl_version\t${tls}\n`;
}

const WITHOUT = tlsAvailable() ? "" : " [skipped: no TLS for servers in this version of Deno]";

const WITHOUT_ZSTD = COMPRESSION_ALGORITHMS.includes("zstd") ? "" : " [skipped: no zstd in this version of Deno]";

for (const client of mysqlClients()) {
  for (const mode of ["REQUIRED", "DISABLED"]) {
    for (const compression of ["", "zlib", "zstd", "zlib,zstd"]) {
      const args = [`--ssl-mode=${mode}`, `--compression-algorithms=${compression || "uncompressed"}`];
      const missing = (mode === "REQUIRED" ? WITHOUT : "") + (compression === "zstd" ? WITHOUT_ZSTD : "");
      Deno.test({
        name: `${client.name}: DemoServer logs in with a password, ${args.join(" ")}${missing}`,
        ignore: missing !== "",
        fn: () =>
          withServers(async ({ readWrite: { address } }) => {
            const expected = shown(compression.split(",")[0] ?? "", mode === "REQUIRED" ? "TLSv1.3" : "");
            assertEquals(await show(client, address.port, [`--password=${PASSWORD}`, ...args]), expected);
            assertMatch(await show(client, address.port, ["--password=wrong", ...args]), /ERROR 1045 \(28000\)/);
          }, PASSWORD),
      });
    }
  }
}

for (const client of mariadbClients()) {
  const cases: readonly (readonly [args: readonly string[], compression: string, tls: string])[] = [
    [["--ssl"], "", "TLSv1.3"],
    [["--ssl", "--compress"], "zlib", "TLSv1.3"],
    [["--ssl", "--default-auth=mysql_native_password"], "", "TLSv1.3"],
    [["--skip-ssl", "--default-auth=mysql_native_password"], "", ""],
    [["--skip-ssl", "--compress"], "zlib", ""],
  ];
  for (const [args, compression, tls] of cases) {
    Deno.test({
      name: `${client.name}: DemoServer logs in with a password, ${args.join(" ")}${tls === "" ? "" : WITHOUT}`,
      ignore: tls !== "" && !tlsAvailable(),
      fn: () =>
        withServers(async ({ readWrite: { address } }) => {
          assertEquals(await show(client, address.port, [`--password=${PASSWORD}`, ...args]), shown(compression, tls));
          assertMatch(await show(client, address.port, ["--password=wrong", ...args]), /ERROR 1045 \(28000\)/);
        }, PASSWORD),
    });
  }
}

/** This machine by an address that clients do not take for it: they would not verify the certificate. */
const ELSEWHERE = "--host=0.0.0.0";

const verifying = mariadbClients().filter(({ name }) => !/ (10|11\.[0-3])\./.test(name));
Deno.test({
  name: "DemoServer proves its certificate to MariaDB's clients, which refuse another one" +
    (verifying.length === 0 ? " [skipped: no client of MariaDB 11.4 or later on this machine]" : WITHOUT),
  ignore: verifying.length === 0 || !tlsAvailable(),
  fn: async () => {
    const tls = newDemoTls(await makeSelfSigned());
    // What the client sees is the certificate of someone in between; the proof is for the one of the server.
    const other = { ...tls, fingerprint: newDemoTls(await makeSelfSigned()).fingerprint };
    for (const [shownTls, expected] of [[tls, /^n\n2100000\n/], [other, /ERROR 2026 .*verif/i]] as const) {
      const servers = DemoServers.open({ password: PASSWORD, tls: shownTls }, QUIET);
      try {
        for (const client of verifying) {
          const answer = await show(client, servers.readWrite.address.port, [`--password=${PASSWORD}`, ELSEWHERE]);
          assertMatch(answer, expected);
        }
      } finally {
        await servers.close();
      }
    }
  },
});

const DRIVER = { host: "127.0.0.1", user: "root", password: PASSWORD, database: "shop" };

for (const ssl of [undefined, { rejectUnauthorized: false }]) {
  for (const compress of [false, true]) {
    const what = `${ssl ? "TLS" : "no TLS"}, ${compress ? "compression" : "no compression"}`;
    Deno.test({
      name: `mysql2: DemoServer logs in with a password, ${what}${ssl ? WITHOUT : ""}`,
      ignore: ssl !== undefined && !tlsAvailable(),
      fn: () =>
        withServers(async ({ readWrite: { address } }) => {
          const connection = await mysql2Connect({ ...DRIVER, port: address.port, compress, ...(ssl ? { ssl } : {}) });
          try {
            const [rows] = await connection.query("SELECT REPEAT('abc', 700000) AS text");
            assertEquals(rows as unknown, [{ text: "abc".repeat(700000) }]);
            const [sum] = await connection.execute("SELECT LENGTH(?) AS n", ["x".repeat(100_000)]);
            assertEquals(sum as unknown, [{ n: 100_000 }]);
            await connection.changeUser({ user: "other", password: PASSWORD, database: "shop" });
            const [user] = await connection.query(
              "SHOW STATUS WHERE Variable_name IN ('Compression_algorithm', 'Ssl_version')",
            );
            assertEquals(user as unknown, [
              { Variable_name: "Compression_algorithm", Value: compress ? "zlib" : "" },
              { Variable_name: "Ssl_version", Value: ssl ? "TLSv1.3" : "" },
            ]);
            await assertRejects(
              () => connection.changeUser({ user: "other", password: "wrong" }),
              Error,
              "Access denied",
            );
          } finally {
            connection.destroy();
          }
        }, PASSWORD),
    });
  }
}

Deno.test("mysql2: DemoServer logs a client in that knows mysql_native_password alone", () =>
  withServers(async ({ readWrite: { address } }) => {
    const { mysql_native_password } = mysql2.authPlugins;
    const refuse = () => () => Promise.reject(new Error("This client has no other plugin"));
    const connection = await mysql2Connect({
      ...DRIVER,
      port: address.port,
      authPlugins: { caching_sha2_password: refuse, mysql_native_password: mysql_native_password({}) },
    });
    try {
      const [rows] = await connection.query("SELECT 1 AS one");
      assertEquals(rows as unknown, [{ one: 1 }]);
    } finally {
      await connection.end();
    }
  }, PASSWORD));

/** Logs in with an empty password and returns the connection; what the server has sent so far is read. */
async function rawLogin(port: number, capabilities: bigint): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const buffer = new Uint8Array(4096);
  await conn.read(buffer);
  const response = encodeHandshakeResponse({
    kind: "response41",
    capabilities: BASE | capabilities,
    maxPacketSize: 1 << 24,
    charset: 45,
    username: "root",
    authResponse: new Uint8Array(),
    authPluginName: "caching_sha2_password",
  });
  await conn.write(encodePacket(response, 1));
  const read = await conn.read(buffer) ?? 0;
  assertEquals([read > 5, buffer[4]], [true, 0]);
  return conn;
}

const BASE = Capability.CLIENT_LONG_PASSWORD | Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_SECURE_CONNECTION |
  Capability.CLIENT_PLUGIN_AUTH;

async function rest(conn: Deno.TcpConn): Promise<Uint8Array> {
  return new Uint8Array(await new Response(conn.readable).arrayBuffer());
}

Deno.test("Connection.run() refuses compressed packets that are none, and serves the others", () =>
  withServers(async ({ readWrite: { address } }) => {
    const cases: readonly (readonly [what: string, packet: string, errorNumber: number])[] = [
      ["damaged", "04000000 640000 deadbeef", 1835],
      ["more than its header states", "11000000 020000 789c4b4c1c05a360140c770000f9d87af8", 1153],
    ];
    for (const [what, packet, errorNumber] of cases) {
      const conn = await rawLogin(address.port, Capability.CLIENT_COMPRESS);
      await conn.write(hex(packet));
      const answer = await rest(conn);
      // Seven bytes of the compressed packet's header, four of the packet's.
      assertEquals(parseErr(answer.subarray(11)).errorNumber, errorNumber, what);
    }
    const good = await rawLogin(address.port, Capability.CLIENT_COMPRESS);
    await good.write(hex("05000000 000000 01000000 0e"));
    const buffer = new Uint8Array(64);
    assertEquals(await good.read(buffer), 18);
    assertEquals(buffer.subarray(0, 12), hex("0b000001 000000 07000001 00"));
    good.close();
  }));

Deno.test({
  name: `Connection.run() lets go of a client that asks for TLS and then sends something else${WITHOUT}`,
  ignore: !tlsAvailable(),
  fn: () =>
    withServers(async ({ readWrite }) => {
      for (const garbage of ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff".repeat(100)]) {
        const conn = await Deno.connect({ hostname: "127.0.0.1", port: readWrite.address.port });
        const capabilities = BASE | Capability.CLIENT_SSL;
        const request = { kind: "ssl-request", capabilities, maxPacketSize: 1 << 24, charset: 45 } as const;
        await conn.write(encodePacket(encodeHandshakeResponse(request), 1));
        await conn.write(new TextEncoder().encode(garbage));
        await rest(conn).catch((error) => assert(error instanceof Deno.errors.ConnectionReset));
      }
      const gone = Date.now() + 5000;
      while (readWrite.counts.connected > 0 && Date.now() < gone) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      assertEquals(readWrite.counts, { connected: 0, accepted: 2 });
    }),
});
