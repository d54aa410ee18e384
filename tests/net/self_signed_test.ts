import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { COMMON_NAME, makeSelfSigned } from "../../lib/net/self_signed.ts";
import { freePort, until } from "../servers/port.ts";
import { run } from "../servers/run_program.ts";

const openssl = await run(["openssl", "version"]).then(({ code }) => code === 0, () => false);
const withOpenssl = { ignore: !openssl };
const note = openssl ? "" : " [skipped: there is no openssl]";

async function inFolder(test: (files: { cert: string; key: string }, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "self-signed-" });
  try {
    const files = { cert: join(folder, "server-cert.pem"), key: join(folder, "server-key.pem") };
    const { cert, key } = await makeSelfSigned();
    await Deno.writeTextFile(files.cert, cert);
    await Deno.writeTextFile(files.key, key);
    await test(files, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("makeSelfSigned() makes a certificate of its own name for ten years from the day before", async () => {
  const { cert, key } = await makeSelfSigned(new Date("2030-02-03T04:05:06Z"));
  const read = new X509Certificate(cert);
  assertEquals(read.subject, `CN=${COMMON_NAME}`);
  assertEquals(read.issuer, read.subject);
  assertEquals(new Date(read.validFrom).toISOString(), "2030-02-02T04:05:06.000Z");
  assertEquals(new Date(read.validTo).toISOString(), "2040-02-02T04:05:06.000Z");
  assertEquals(read.ca, false);
  assertMatch(key, /^-----BEGIN PRIVATE KEY-----\n/);
  for (const line of cert.split("\n")) assert(line.length <= 64);
});

Deno.test("makeSelfSigned() makes another key and serial number each time", async () => {
  const [one, other] = [await makeSelfSigned(), await makeSelfSigned()];
  assertNotEquals(one.key, other.key);
  assertNotEquals(new X509Certificate(one.cert).serialNumber, new X509Certificate(other.cert).serialNumber);
});

Deno.test("makeSelfSigned() makes what Deno serves, and trusts when it is named", async () => {
  const [own, other] = [await makeSelfSigned(), await makeSelfSigned()];
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert: own.cert, key: own.key });
  const { port } = listener.addr;
  const serving = (async () => {
    for await (const conn of listener) {
      // A client that does not trust us ends the handshake.
      await conn.write(new Uint8Array([42])).catch(() => {});
      conn.close();
    }
  })();
  try {
    for (const hostname of ["localhost", "127.0.0.1"]) {
      const conn = await Deno.connectTls({ hostname, port, caCerts: [own.cert] });
      const answer = new Uint8Array(1);
      assertEquals(await conn.read(answer), 1);
      assertEquals(answer[0], 42);
      conn.close();
    }
    await assertRejects(async () => {
      const conn = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [other.cert] });
      try {
        await conn.handshake();
      } finally {
        conn.close();
      }
    }, Deno.errors.InvalidData);
  } finally {
    listener.close();
    await serving.catch(() => {});
  }
});

Deno.test({
  name: `makeSelfSigned() makes what openssl verifies against itself${note}`,
  ...withOpenssl,
  fn: () =>
    inFolder(async ({ cert }) => {
      const ways = [
        [],
        ["-x509_strict"],
        ["-purpose", "sslserver"],
        ["-verify_hostname", "localhost"],
        ["-verify_ip", "127.0.0.1"],
        ["-verify_ip", "::1"],
      ];
      for (const way of ways) {
        const { code, stderr } = await run(["openssl", "verify", ...way, "-CAfile", cert, cert]);
        assertEquals(code, 0, `${way.join(" ")}: ${stderr}`);
      }
      const { code } = await run(["openssl", "verify", "-verify_hostname", "example.com", "-CAfile", cert, cert]);
      assertNotEquals(code, 0);
    }),
});

Deno.test({
  name: `makeSelfSigned() makes what openssl s_client trusts when it is named${note}`,
  ...withOpenssl,
  fn: () =>
    inFolder(async ({ cert, key }) => {
      const listener = Deno.listenTls({
        hostname: "127.0.0.1",
        port: 0,
        cert: await Deno.readTextFile(cert),
        key: await Deno.readTextFile(key),
      });
      const serving = (async () => {
        for await (const conn of listener) {
          await conn.handshake().catch(() => {});
          conn.close();
        }
      })();
      try {
        const client: [string, ...string[]] = [
          "openssl",
          "s_client",
          "-connect",
          `127.0.0.1:${listener.addr.port}`,
          "-verify_return_error",
        ];
        const known = await run([...client, "-CAfile", cert]);
        assertMatch(known.stdout, /Verify return code: 0 \(ok\)/);
        const unknown = await run(client);
        assertNotEquals(unknown.code, 0);
      } finally {
        listener.close();
        await serving.catch(() => {});
      }
    }),
});

Deno.test({
  name: `makeSelfSigned() makes what Deno trusts from an openssl server${note}`,
  ...withOpenssl,
  fn: () =>
    inFolder(async ({ cert, key }) => {
      const port = freePort();
      const server = new Deno.Command("openssl", {
        args: ["s_server", "-accept", `127.0.0.1:${port}`, "-cert", cert, "-key", key, "-quiet"],
        stdin: "piped",
        stdout: "null",
        stderr: "null",
      }).spawn();
      try {
        const caCerts = [await Deno.readTextFile(cert)];
        await until(10_000, "openssl to accept TLS", async () => {
          let conn: Deno.TlsConn;
          try {
            conn = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts });
          } catch (error) {
            if (error instanceof Deno.errors.ConnectionRefused) return false;
            throw error;
          }
          await conn.handshake();
          conn.close();
          return true;
        });
      } finally {
        await server.stdin.close();
        server.kill("SIGKILL");
        await server.status;
      }
    }),
});
