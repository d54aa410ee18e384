import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { randomBytes } from "node:crypto";
import { deflateSync, inflateSync } from "node:zlib";
import { parseErr } from "../../../lib/protocol/mod.ts";
import { bytes, little, packet } from "../../interop/raw_client.ts";
import { RawLogin } from "../../interop/raw_login.ts";
import { until } from "../../servers/port.ts";
import { query } from "../../servers/sql.ts";
import type { Server } from "../../servers/server.ts";
import { startMysql } from "../../servers/servers.ts";
import { APP } from "../../servers/users.ts";
import { type LocalOptions, type LocalProxy, startLocal } from "./in_process.ts";
import { COMPRESS, loginPacket, type Packet, Peer, SSL, sslRequest } from "./peer.ts";
import { reach, without } from "./tls_stage.ts";

const PLUGIN = "caching_sha2_password";
/** Seconds; whoever is silent has to go after that. */
const TIMEOUT = 0.5;

const SAMPLES = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 300 }), { numRuns: 12, seed: 29 });

/** Fails when `work` takes longer than the login timeout can explain. */
async function within<Result>(what: string, work: Promise<Result>): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing happened for 8 s`)), 8000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

interface Stage {
  readonly server: Server;
  readonly proxy: LocalProxy;
}

/** Runs `work` beside a client that must not notice anything, and looks at the end that nobody is left. */
async function withStage(options: LocalOptions, work: (stage: Stage) => Promise<void>): Promise<void> {
  const server = await startMysql();
  try {
    await using proxy = await startLocal({
      "proxy-backend-addresses": [`127.0.0.1:${server.port}`],
      "proxy-login-timeout": TIMEOUT,
      "backend-ssl-mode": ["required"],
      ...options,
    });
    {
      using bystander = await RawLogin.connect({ port: proxy.port, user: APP.user, answers: [APP.password], tls: {} });
      await work({ server, proxy });
      assertEquals(await bystander.query("SELECT 41 + 1"), [["42"]]);
      assertEquals((await reach(proxy.port, { tls: {} })).kind, "in");
      await until(5000, "all others to be gone", () => proxy.connectedClients === 1);
      await bystander.quit();
    }
    await until(5000, "the backend to count nobody", () => proxy.connectedClients === 0);
    await until(5000, "the server to have nobody left", async () => {
      const rows = await query(server, "SHOW FULL PROCESSLIST");
      return rows.filter(([, user]) => user !== "event_scheduler").length === 1;
    });
    assert(!proxy.log.includes("A connection failed"), proxy.log);
  } finally {
    await server.stop();
  }
}

/** The number of the ERR with which a client is refused that sends `pieces` after the greeting. */
async function refusal(proxy: LocalProxy, what: string, ...pieces: readonly Uint8Array[]): Promise<number> {
  using peer = await Peer.connect(proxy.port);
  assertEquals((await peer.read())?.payload[0], 10, what);
  await peer.writePieces(pieces);
  const error = await within(what, peer.lastWord());
  if (error === undefined) throw new Error(`${what}: it was closed without an ERR`);
  return error.errorNumber;
}

const HANDSHAKE_ERROR = 1043;
const TIMED_OUT = 4031;

Deno.test({
  name: "garbage and silence of a client before TLS get an ERR, and cost nobody else anything",
  ignore: without("mysql"),
  async fn() {
    await withStage({}, async ({ proxy }) => {
      // As the login packet.
      for (const sample of SAMPLES) {
        const number = await refusal(proxy, "a sample", packet(1, sample));
        assert([HANDSHAKE_ERROR, 1045, 2007, 2026, 1105].includes(number), `${number}`);
      }
      const http = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: example\r\n\r\n");
      assertEquals(await refusal(proxy, "HTTP", http), HANDSHAKE_ERROR);
      assertEquals(await refusal(proxy, "an empty packet", packet(1, new Uint8Array(0))), HANDSHAKE_ERROR);
      assertEquals(await refusal(proxy, "a giant", Uint8Array.of(255, 255, 255, 1)), HANDSHAKE_ERROR);
      // As the request for TLS.
      const [request, cut] = [sslRequest(), sslRequest().slice(4, 24)];
      assertEquals(await refusal(proxy, "a short request", packet(1, cut)), HANDSHAKE_ERROR);
      assertEquals(await refusal(proxy, "silence"), TIMED_OUT);
      assertEquals(await refusal(proxy, "half a header", Uint8Array.of(40, 0)), TIMED_OUT);
      assertEquals(await refusal(proxy, "half a packet", Uint8Array.of(40, 0, 0, 1, 5, 5)), TIMED_OUT);
      assertEquals(await refusal(proxy, "half a request", request.slice(0, 20)), TIMED_OUT);

      // Whoever speaks first is no client; where the greeting is on its way already, it comes first.
      for (const early of [packet(0, new Uint8Array(20)), loginPacket("root", PLUGIN, new Uint8Array(0))]) {
        using peer = await Peer.connect(proxy.port);
        peer.write(early);
        const error = await within("an early packet", peer.lastWord());
        assert(error === undefined || error.errorNumber > 0);
      }
      // Those who come and go.
      for (const part of [new Uint8Array(0), request, request.slice(0, 9)]) {
        using peer = await Peer.connect(proxy.port);
        await peer.read();
        peer.write(part);
        peer.end();
        await within("a client that leaves", peer.readToEnd());
      }
    });
  },
});

/** The begin of a real handshake: what a client sends first. */
async function clientHello(): Promise<Uint8Array> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using peer = await Peer.connect(listener.addr.port);
  const conn = await listener.accept();
  const securing = peer.secure().catch(() => {});
  const buffer = new Uint8Array(4096);
  const length = await conn.read(buffer) ?? 0;
  conn.close();
  listener.close();
  await securing;
  return buffer.slice(0, length);
}

Deno.test({
  name: "garbage and silence of a client inside the TLS handshake close its connection alone",
  ignore: without("mysql"),
  async fn() {
    const hello = await clientHello();
    await withStage({}, async ({ proxy }) => {
      const begins: readonly (readonly [string, ...Uint8Array[]])[] = [
        ...SAMPLES.map((sample) => ["a sample in the same piece", bytes(sslRequest(), sample)] as const),
        ...SAMPLES.map((sample) => ["a sample", sslRequest(), sample] as const),
        ["a login without TLS", sslRequest(), loginPacket("root", PLUGIN, new Uint8Array(0), { sequence: 2 })],
        ["silence", sslRequest()],
        ["half a hello", sslRequest(), hello.slice(0, 100)],
        ["a hello and silence", sslRequest(), hello],
        ["a hello in the same piece and silence", bytes(sslRequest(), hello)],
        ["a hello and garbage", sslRequest(), hello, randomBytes(200)],
        ["two hellos", sslRequest(), hello, hello],
        ["two requests", sslRequest(), sslRequest(2)],
      ];
      await Promise.all(begins.map(async ([what, ...pieces]) => {
        using peer = await Peer.connect(proxy.port);
        await peer.read();
        await peer.writePieces(pieces);
        await within(what, peer.readToEnd());
      }));
    });
  },
});

/** Gets into TLS, sends `pieces` and waits for the ERR. */
async function refusalInTls(proxy: LocalProxy, what: string, ...pieces: readonly Uint8Array[]) {
  using peer = await Peer.connect(proxy.port);
  await peer.read();
  peer.write(sslRequest());
  await peer.secure();
  await peer.writePieces(pieces);
  const error = await within(what, peer.lastWord());
  if (error === undefined) throw new Error(`${what}: it was closed without an ERR`);
  return error;
}

Deno.test({
  name: "garbage and silence of a client after the TLS handshake get an ERR inside of TLS",
  ignore: without("mysql"),
  async fn() {
    await withStage({}, async ({ proxy }) => {
      for (const sample of SAMPLES) await refusalInTls(proxy, "a sample", packet(2, sample));
      const again = await refusalInTls(proxy, "a second request", sslRequest(2));
      assertEquals([again.errorNumber, again.sequence], [2026, 3]);
      const silent = await refusalInTls(proxy, "silence");
      assertEquals([silent.errorNumber, silent.sequence], [TIMED_OUT, 2]);
      assertMatch(silent.message, /--proxy-login-timeout/);
      const half = await refusalInTls(proxy, "half a packet", packet(2, new Uint8Array(90)).slice(0, 30));
      assertEquals(half.errorNumber, TIMED_OUT);
      // Those who come and go.
      using peer = await Peer.connect(proxy.port);
      await peer.read();
      peer.write(sslRequest());
      await peer.secure();
      peer.end();
      await within("a client that leaves", peer.readToEnd());
    });
  },
});

/** Logs in until the server wants the password itself; the packet that says so is the last one. */
async function untilFull(server: Server, proxy: LocalProxy, secure: boolean): Promise<{ peer: Peer; last: Packet }> {
  await query(server, "FLUSH PRIVILEGES");
  const peer = await Peer.connect(proxy.port);
  try {
    await peer.read();
    if (secure) {
      peer.write(sslRequest());
      await peer.secure();
    }
    const sequence = secure ? 2 : 1;
    const scramble = new Uint8Array(32).fill(7);
    peer.write(loginPacket(APP.user, PLUGIN, scramble, { sequence, capabilities: secure ? SSL : 0n }));
    const last = await peer.read();
    if (last?.payload[0] !== 1 || last.payload[1] !== 4) {
      throw new Error(`Not asked for the password: ${last?.payload}`);
    }
    return { peer, last };
  } catch (error) {
    peer[Symbol.dispose]();
    throw error;
  }
}

Deno.test({
  name: "garbage and silence of a client as an answer in the authentication get an ERR",
  ignore: without("mysql"),
  async fn() {
    await withStage({}, async ({ server, proxy }) => {
      for (const secure of [false, true]) {
        const answers: readonly (readonly [string, Uint8Array, ...number[]])[] = [
          ["an empty answer", new Uint8Array(0), 1045],
          ["a NUL", Uint8Array.of(0), 1045],
          ["a wrong password", bytes("wrong\0"), 1045],
          ...[...SAMPLES.slice(0, 4), randomBytes(256)].map((sample) => ["a sample", sample, 1045] as const),
        ];
        for (const [what, answer, number] of answers) {
          const { peer, last } = await untilFull(server, proxy, secure);
          using _peer = peer;
          peer.write(packet(last.sequence + 1, answer));
          const error = await within(what, peer.lastWord());
          assertEquals(error?.errorNumber, number, `${what}: ${error?.message}`);
        }
        const { peer } = await untilFull(server, proxy, secure);
        using _peer = peer;
        assertEquals((await within("silence", peer.lastWord()))?.errorNumber, TIMED_OUT);
      }

      // Nonsense where the password should be that the proxy's key has encrypted.
      for (const length of [256, 128, 1, 257, 4000]) {
        const { peer, last } = await untilFull(server, proxy, false);
        using _peer = peer;
        peer.write(packet(last.sequence + 1, Uint8Array.of(2)));
        const key = await within("the key", peer.read());
        assertMatch(new TextDecoder().decode(key?.payload), /BEGIN PUBLIC KEY/);
        const nonsense = randomBytes(length);
        nonsense[length - 1] = 1;
        peer.write(packet((key?.sequence ?? 0) + 1, nonsense));
        const error = await within("nonsense", peer.lastWord());
        assertEquals([error?.errorNumber, error?.sqlState], [1045, "28000"], error?.message);
      }
    });
  },
});

Deno.test({
  name: "compressed packets that are broken end the connection, with an ERR where it can be read",
  ignore: without("mysql"),
  async fn() {
    await withStage({ "backend-ssl-mode": ["disabled"] }, async ({ server, proxy }) => {
      await query(server, "CREATE USER open@'%' IDENTIFIED BY ''", "GRANT SELECT ON *.* TO open@'%'");
      const ping = packet(0, Uint8Array.of(14));
      const deflated = deflateSync(new Uint8Array(1000));
      const wrapped = (body: Uint8Array, inflated: number, sequence = 0) =>
        bytes(little(body.length, 3), sequence, little(inflated, 3), body);
      const broken: readonly (readonly [string, Uint8Array])[] = [
        ["not zlib", wrapped(randomBytes(60), 500)],
        ["too little", wrapped(deflated, 2000)],
        ["too much", wrapped(deflated, 10)],
        ["a bomb", wrapped(deflateSync(new Uint8Array(16_000_000)), 100)],
        ["cut off", wrapped(deflated.subarray(0, 8), 1000)],
        ...SAMPLES.map((sample) => ["a sample", wrapped(sample, 1 + sample.length * 3)] as const),
      ];
      for (const [what, piece] of broken) {
        using peer = await Peer.connect(proxy.port);
        await peer.read();
        peer.write(loginPacket("open", PLUGIN, new Uint8Array(0), { capabilities: COMPRESS }));
        const ok = await within("the login", peer.read());
        assertEquals(ok?.payload[0], 0, `${ok?.payload}`);
        peer.write(wrapped(ping, 0));
        // The answer, as it is in a compressed packet.
        assertEquals([...await peer.take(7 + 4 + 7)].slice(7, 12), [7, 0, 0, 1, 0], what);
        peer.write(piece);
        const rest = await within(what, peer.readToEnd());
        const inflated = rest.subarray(4, 7).some((byte) => byte > 0);
        const error: Uint8Array = inflated ? inflateSync(rest.subarray(7)) : rest.subarray(7);
        assertEquals(parseErr(error.subarray(4)).errorNumber, 1105, what);
      }
    });
  },
});

/** A backend that greets like `server` and then does what it likes with the request for TLS. */
function fakeBackend(greeting: Uint8Array, answer: (conn: Deno.Conn) => Promise<void>) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const serve = async (conn: Deno.Conn) => {
    open.add(conn);
    try {
      await conn.write(greeting);
      await conn.read(new Uint8Array(512));
      await answer(conn);
      while (await conn.read(new Uint8Array(512)) !== null);
    } catch {
      // The proxy has closed.
    }
    if (open.delete(conn)) conn.close();
  };
  const serving = (async () => {
    for await (const conn of listener) serve(conn);
  })();
  return {
    name: `127.0.0.1:${listener.addr.port}`,
    async close() {
      listener.close();
      for (const conn of open) conn.close();
      open.clear();
      await serving;
    },
  };
}

Deno.test({
  name: "a backend that is silent, closes or sends garbage inside its TLS handshake costs its client an ERR",
  ignore: without("mysql"),
  async fn() {
    const server = await startMysql();
    using peer = await Peer.connect(server.port);
    const greeting = packet(0, (await peer.read())?.payload ?? new Uint8Array(0));
    peer[Symbol.dispose]();
    await server.stop();
    const behaviours: readonly (readonly [string, RegExp, (conn: Deno.Conn) => Promise<void>])[] = [
      ["silent", /timed out after 0\.5 s, see --proxy-login-timeout/, async () => {}],
      ["gone", /lost connection to backend 127\.0\.0\.1:\d+ during login/, async (conn) => {
        await conn.closeWrite();
      }],
      ["HTTP", /no TLS with backend 127\.0\.0\.1:\d+/, async (conn) => {
        await conn.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
      }],
      ["an ERR in clear", /no TLS with backend 127\.0\.0\.1:\d+/, async (conn) => {
        await conn.write(packet(2, bytes(0xff, 0x15, 4, "#28000no")));
      }],
      ["half a hello", /timed out after 0\.5 s/, async (conn) => {
        await conn.write(Uint8Array.of(0x16, 3, 3, 0, 80, 2, 0, 0, 76, 3, 3));
      }],
      ["random", /no TLS with backend/, async (conn) => {
        await conn.write(bytes(0x15, randomBytes(300)));
      }],
    ];
    for (const [what, expected, answer] of behaviours) {
      const backend = fakeBackend(greeting, answer);
      {
        await using proxy = await startLocal({
          "proxy-backend-addresses": [backend.name],
          "proxy-login-timeout": TIMEOUT,
        });
        for (const tls of [undefined, {}]) {
          const reached = await within(what, reach(proxy.port, tls === undefined ? {} : { tls }));
          assertEquals(reached.kind, "refused", what);
          if (reached.kind === "refused") assertMatch(reached.message, expected, what);
        }
        await until(5000, "nobody to be left", () => proxy.connectedClients === 0);
        assert(!proxy.log.includes("A connection failed"), proxy.log);
      }
      await backend.close();
    }
  },
});
