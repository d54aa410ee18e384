import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import net from "node:net";
import { createConnection } from "mysql2/promise";
import { encodeProxyHeader, type ProxyEndpoint } from "../../../lib/protocol/mod.ts";
import { bytes, packet } from "../../interop/raw_client.ts";
import { free, hold, holdTempDir, removeTempDir } from "../../servers/leash.ts";
import { freePort, isListening, until } from "../../servers/port.ts";
import type { Server } from "../../servers/server.ts";
import { startMariadb, whyMissing } from "../../servers/servers.ts";
import { APP } from "../../servers/users.ts";
import { type LocalProxy, startLocal } from "./in_process.ts";
import { loginPacket, Peer } from "./peer.ts";
import { connect, value } from "./stage.ts";
import { certificateFiles, without } from "./tls_stage.ts";

/** Deno 2.4 takes timers and sockets of node:net, which end by themselves, for leaks. */
const UNSANITIZED = { sanitizeOps: false, sanitizeResources: false };

const CLIENT: ProxyEndpoint = { kind: "tcp4", address: "192.0.2.7", port: 4711 };
const CLIENT6: ProxyEndpoint = { kind: "tcp6", address: "2001:db8::7", port: 4711 };
const BALANCER: ProxyEndpoint = { kind: "tcp4", address: "198.51.100.1", port: 3306 };
const BALANCER6: ProxyEndpoint = { kind: "tcp6", address: "2001:db8::1", port: 3306 };
const HEADERS = ([1, 2] as const).map((version) => encodeProxyHeader(version, CLIENT, BALANCER));

/** The login packet of root, who has no password. */
function rootLogin(): Uint8Array {
  return loginPacket("root", "mysql_native_password", new Uint8Array(0));
}

/** What a proxy without a backend makes of a client that begins with `pieces`: its last word, and its log. */
async function fate(
  pieces: readonly Uint8Array[],
  networks: readonly string[],
): Promise<{ readonly message: string; readonly errno: number; readonly log: string; readonly port: number }> {
  await using proxy = await startLocal({
    "proxy-backend-addresses": [`127.0.0.1:${freePort()}`],
    "proxy-protocol-networks": networks,
  });
  using peer = await Peer.connect(proxy.port);
  await peer.writePieces(pieces);
  const { port } = peer;
  const error = await peer.lastWord();
  assertEquals(error?.sequence, 0);
  return { errno: error?.errorNumber ?? 0, message: error?.message ?? "", log: proxy.log, port };
}

Deno.test({
  name: "PROXY protocol: the log tells the address that a trusted balancer has told",
  ...UNSANITIZED,
  async fn() {
    const bytewise = [...HEADERS[1] ?? []].map((byte) => Uint8Array.of(byte));
    for (const pieces of [...HEADERS.map((header) => [header]), bytewise]) {
      const { message, log, port } = await fate(pieces, ["10.0.0.0/8", "127.0.0.0/8"]);
      assertStringIncludes(message, "all backends are down");
      assertStringIncludes(log, `(client 192.0.2.7:4711 by 127.0.0.1:${port})`);
    }
    const { log, port } = await fate([encodeProxyHeader(2, CLIENT6, BALANCER6)], ["localhost"]);
    assertStringIncludes(log, `(client [2001:db8::7]:4711 by 127.0.0.1:${port})`);
  },
});

Deno.test({
  name: "PROXY protocol: a header without addresses leaves the socket's own, and so does none",
  ...UNSANITIZED,
  async fn() {
    for (const version of [1, 2] as const) {
      const { log, port } = await fate([encodeProxyHeader(version, undefined, undefined)], ["*"]);
      assertStringIncludes(log, `(client 127.0.0.1:${port})`);
    }
    const { message, log, port } = await fate([], ["*"]);
    assertStringIncludes(message, "all backends are down");
    assertStringIncludes(log, `(client 127.0.0.1:${port})`);
  },
});

Deno.test({
  name: "PROXY protocol: a header that is damaged or not trusted is refused at once",
  ...UNSANITIZED,
  async fn() {
    const text = (line: string) => new TextEncoder().encode(line);
    const [first = text(""), second = text("")] = HEADERS;
    const wrongVersion = second.slice();
    wrongVersion[12] = 0x31;
    for (const broken of [text("PROXY TCP4 nonsense\r\n"), text(`PROXY ${"x".repeat(120)}`), wrongVersion]) {
      const started = performance.now();
      const { errno, message, log } = await fate([broken], ["127.0.0.1"]);
      assertEquals(errno, 1043);
      assertStringIncludes(message, "PROXY protocol header is damaged");
      assertStringIncludes(log, "warning: A client was refused: PROXY protocol header is damaged");
      assert(performance.now() - started < 5000);
    }
    for (const header of [first, second, first.subarray(0, 9), second.subarray(0, 5), wrongVersion]) {
      const { errno, message } = await fate([header], ["10.0.0.0/8"]);
      assertEquals(errno, 1043);
      assertMatch(message, /PROXY protocol header from 127\.0\.0\.1:\d+, which is not in --proxy-protocol-networks/);
    }
  },
});

Deno.test({
  name: "PROXY protocol: a header may come late, in one piece with the login, or not at all",
  ignore: whyMissing("mariadb") !== undefined,
  ...UNSANITIZED,
  async fn() {
    const server = await startMariadb();
    try {
      await using proxy = await startLocal({
        "proxy-backend-addresses": [`127.0.0.1:${server.port}`],
        "proxy-protocol-networks": ["localhost"],
        "ssl-mode": "disabled",
      });
      for (const header of [...HEADERS, new Uint8Array(0)]) {
        using peer = await Peer.connect(proxy.port);
        // It has been taken for a client of its own by now.
        assertEquals((await peer.read())?.payload[0], 10);
        peer.write(bytes(header, rootLogin()));
        assertEquals((await peer.read())?.payload[0], 0);
        peer.write(packet(0, Uint8Array.of(1)));
      }
      // The first bytes may be cut anywhere.
      for (const cut of [1, 5, 12, 20]) {
        using peer = await Peer.connect(proxy.port);
        await peer.read();
        const all = bytes(HEADERS[1] ?? "", rootLogin());
        await peer.writePieces([all.subarray(0, cut), all.subarray(cut)]);
        assertEquals((await peer.read())?.payload[0], 0);
        peer.write(packet(0, Uint8Array.of(1)));
      }
      // Later it is a packet like any other.
      const client = await connect(proxy.port);
      assertEquals(await value(client, "SELECT 1"), 1);
      await client.end();
      await until(5000, "the clients to be gone", () => proxy.connectedClients === 0);
    } finally {
      await server.stop();
    }
  },
});

/** A MariaDB that takes headers, with TLS. */
async function withMariadb(work: (server: Server) => Promise<void>): Promise<void> {
  const { ca, leaf, leafKey } = await certificateFiles();
  const server = await startMariadb({
    tls: { ca, cert: leaf, key: leafKey },
    args: ["--proxy-protocol-networks=127.0.0.1"],
  });
  try {
    await work(server);
  } finally {
    await server.stop();
  }
}

/** Which client the server believes to have, and the port of the socket that it came from. */
async function seenThrough(port: number, header: Uint8Array = new Uint8Array(0)) {
  const stream = net.connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise<void>((resolve, reject) => stream.once("connect", resolve).once("error", reject));
  stream.write(header);
  const client = await createConnection({ stream, user: APP.user, password: APP.password });
  const local = stream.localPort;
  const seen = {
    user: await value(client, "SELECT USER()"),
    host: await value(client, "SELECT host FROM information_schema.processlist WHERE id = CONNECTION_ID()"),
    tls: await value(
      client,
      "SELECT variable_value <> '' FROM information_schema.session_status " +
        "WHERE variable_name = 'Ssl_cipher'",
    ) === 1,
    local,
  };
  await client.end();
  return seen;
}

Deno.test({
  name: "PROXY protocol: MariaDB sees the client's address, told in either version, with and without TLS",
  ignore: without("mariadb"),
  async fn() {
    await withMariadb(async ({ port }) => {
      for (const version of ["v1", "v2"]) {
        for (const tls of [false, true]) {
          const common = {
            "proxy-backend-addresses": [`127.0.0.1:${port}`],
            "proxy-protocol-networks": ["localhost"],
            "backend-ssl-mode": [tls ? "required" : "disabled"],
          };
          await using proxy = await startLocal({
            ...common,
            "backend-proxy-protocol": [`127.0.0.1:${port}=${version}`],
          });
          for (const header of HEADERS) {
            const { local: _, ...seen } = await seenThrough(proxy.port, header);
            assertEquals(seen, { user: "app@192.0.2.7", host: "192.0.2.7:4711", tls });
          }
          const six = await seenThrough(proxy.port, encodeProxyHeader(2, CLIENT6, BALANCER6));
          assertStringIncludes(String(six.host), "2001:db8::7");
          // A client of the proxy's own is told with its socket's address.
          const own = await seenThrough(proxy.port);
          assertEquals(own.host, `127.0.0.1:${own.local}`);
          await using quiet = await startLocal({ ...common, "backend-proxy-protocol": ["none"] });
          const untold = await seenThrough(quiet.port, HEADERS[0]);
          assertMatch(String(untold.host), /^127\.0\.0\.1:/);
        }
      }
    });
  },
});

Deno.test({
  name: "PROXY protocol: a chain of proxies hands the address through, in TLS",
  ignore: without("mariadb"),
  async fn() {
    await withMariadb(async (server) => {
      await using second = await startLocal({
        "proxy-backend-addresses": [`127.0.0.1:${server.port}`],
        "proxy-protocol-networks": ["127.0.0.1"],
        "backend-proxy-protocol": ["v1"],
        "backend-ssl-mode": ["required"],
      });
      await using first = await startLocal({
        "proxy-backend-addresses": [`127.0.0.1:${second.port}`],
        "backend-proxy-protocol": ["v2"],
        "backend-ssl-mode": ["required"],
      });
      const seen = await seenThrough(first.port);
      assertEquals(seen, { user: "app@127.0.0.1", host: `127.0.0.1:${seen.local}`, tls: true, local: seen.local });
      // The first one trusts nobody.
      using peer = await Peer.connect(first.port);
      peer.write(HEADERS[1] ?? new Uint8Array(0));
      assertStringIncludes((await peer.lastWord())?.message ?? "", "not in --proxy-protocol-networks");
    });
  },
});

/** Runs HAProxy with one listener. */
async function withHaproxy(bind: string, server: string, work: (port: number) => Promise<void>): Promise<void> {
  const folder = await holdTempDir("haproxy");
  const port = freePort();
  await Deno.writeTextFile(
    `${folder}/haproxy.cfg`,
    `global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n` +
      `listen mysql\n  bind 127.0.0.1:${port} ${bind}\n  server one ${server}\n`,
  );
  const child = new Deno.Command("haproxy", {
    args: ["-db", "-f", `${folder}/haproxy.cfg`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await hold({ kind: "process", pid: child.pid });
  try {
    await until(10_000, "HAProxy to listen", () => isListening(port));
    await work(port);
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await free({ kind: "process", pid: child.pid });
    await removeTempDir(folder);
  }
}

const haproxy = hasHaproxy();

function hasHaproxy(): boolean {
  try {
    return new Deno.Command("haproxy", { args: ["-v"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** The tests with HAProxy say in their name when they are left out. */
const needsHaproxy = haproxy ? "" : " [skipped: no haproxy on this machine]";

for (const version of ["send-proxy", "send-proxy-v2"]) {
  Deno.test({
    name: `PROXY protocol: HAProxy in front tells the client's address by ${version}${needsHaproxy}`,
    ignore: without("mariadb") || !haproxy,
    async fn() {
      await withMariadb(async (server) => {
        await using proxy = await startLocal({
          "proxy-backend-addresses": [`127.0.0.1:${server.port}`],
          "proxy-protocol-networks": ["127.0.0.1"],
          "backend-proxy-protocol": ["v2"],
        });
        await withHaproxy("", `127.0.0.1:${proxy.port} ${version}`, async (port) => {
          const seen = await seenThrough(port);
          assertEquals(seen.host, `127.0.0.1:${seen.local}`);
        });
      });
    },
  });
}

Deno.test({
  name: `PROXY protocol: a backend that serves nobody without a header is found again${needsHaproxy}`,
  ignore: without("mariadb") || !haproxy,
  async fn() {
    await withMariadb(async (server) => {
      for (const version of ["v1", "v2"]) {
        // HAProxy's `accept-proxy` waits for the header, and closes without one.
        await withHaproxy("accept-proxy", `127.0.0.1:${server.port} send-proxy-v2`, async (port) => {
          const relay = new Relay(port);
          await using proxy: LocalProxy = await startLocal({
            "proxy-backend-addresses": [`127.0.0.1:${relay.port}`],
            "backend-proxy-protocol": [version],
          });
          relay.close();
          const failed = await seenThrough(proxy.port).catch((error: unknown) => String(error));
          assertStringIncludes(String(failed), "all backends are down");
          relay.open();
          await until(10_000, "the probe to find it", () => proxy.log.includes("is up again"));
          const seen = await seenThrough(proxy.port);
          assertEquals(seen.host, `127.0.0.1:${seen.local}`);
          relay.close();
        });
      }
    });
  },
});

/** Passes connections on while it is open; its port stays the same. */
class Relay {
  readonly #server = net.createServer();
  readonly #sockets = new Set<net.Socket>();
  readonly port = freePort();

  constructor(to: number) {
    this.#server.on("connection", (near) => {
      const far = net.connect({ port: to, host: "127.0.0.1" });
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => this.#sockets.delete(socket));
      }
      near.pipe(far);
      far.pipe(near);
    });
    this.open();
  }

  open(): void {
    this.#server.listen(this.port, "127.0.0.1");
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
