import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "../../lib/net/connect.ts";
import { Listener } from "../../lib/net/listener.ts";
import type { Stream, TlsOutcome } from "../../lib/net/stream.ts";
import { type ClientTlsContext, clientTlsContext, serverTlsContext } from "../../lib/net/tls_context.ts";
import { nodeTlsAvailable } from "../../lib/net/node_tls_engine.ts";
import { tlsAvailable } from "../../lib/net/tls_provider.ts";
import { makeCertificates } from "./certificates.ts";

const ignore = !tlsAvailable();
const pem = await makeCertificates();
const EMPTY = new Uint8Array(0);

/** What one side of a connection saw. */
interface Seen {
  readonly outcome: Promise<TlsOutcome>;
  readonly bytes: () => number;
  readonly sum: () => number;
  readonly end: Promise<string>;
}

/** Runs `stream` with TLS; an echo writes back what it gets. */
function run(stream: Stream, context: Parameters<Stream["secure"]>[0], echo: boolean): Seen {
  const settled = Promise.withResolvers<TlsOutcome>();
  let bytes = 0;
  let sum = 0;
  stream.secure(context, EMPTY, settled.resolve);
  const end = stream.run({
    data(view) {
      bytes += view.length;
      for (const byte of view) sum = (sum + byte) | 0;
      return echo ? stream.write(view) : undefined;
    },
    busy: () => true,
    broken: () => {},
  }).then((end) => {
    settled.resolve({ kind: "failed", reason: "the stream ended first" });
    stream.destroy();
    return end.kind === "failed" ? end.reason : "closed";
  });
  return { outcome: settled.promise, bytes: () => bytes, sum: () => sum, end };
}

async function pair(): Promise<{ client: Stream; server: Stream; close: () => void }> {
  const listener = Listener.open({ transport: "tcp", hostname: "127.0.0.1", port: 0 }, "alone");
  const accepting = listener.accept(() => {});
  const client = await connect(listener.address, { timeout: 5 });
  const server = await accepting;
  if (server === undefined) throw new Error("The listener was closed");
  return { client, server, close: () => listener.close() };
}

function trusting(verification: ClientTlsContext["verification"], ca: string, serverName?: string): ClientTlsContext {
  return clientTlsContext({ verification, ca, ...(serverName === undefined ? {} : { serverName }) });
}

Deno.test({
  name: "Stream.secure() carries megabytes both ways, in any size of write",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const { client, server, close } = await pair();
    const there = run(server, serverTlsContext({ cert: pem.leaf, key: pem.leafKey }), true);
    const here = run(client, clientTlsContext({ verification: "none" }), false);
    const outcome = await here.outcome;
    if (outcome.kind !== "secured") throw new Error(outcome.reason);
    assertMatch(outcome.peer.protocol, /^TLSv1\.[23]$/);
    assertMatch(outcome.peer.fingerprint ?? "", /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    let sent = 0;
    let sum = 0;
    for (const size of [1, 5, 16384, 32768, 32769, 100_000, 3_000_000]) {
      const block = Uint8Array.from({ length: size }, (_, index) => index * 7 + size);
      for (const byte of block) sum = (sum + byte) | 0;
      await client.write(block);
      sent += size;
    }
    client.end(true);
    assertEquals(await there.end, "closed");
    assertEquals(there.bytes(), sent);
    assertEquals(there.sum(), sum);
    await here.end;
    close();
  },
});

Deno.test({
  name: "Stream.secure() verifies chain and name, each as far as it is asked to",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const cases: [ClientTlsContext, RegExp | undefined][] = [
      [trusting("none", pem.otherCa, "wrong.example"), undefined],
      [trusting("ca", pem.ca, "wrong.example"), undefined],
      [trusting("ca", pem.otherCa), /the server's certificate is not trusted/],
      [clientTlsContext({ verification: "ca" }), /the server's certificate is not trusted/],
      [trusting("identity", pem.ca, "db.example"), undefined],
      [trusting("identity", pem.ca, "127.0.0.1"), undefined],
      [trusting("identity", pem.ca, "wrong.example"), /wrong\.example/],
    ];
    for (const [context, expected] of cases) {
      const { client, server, close } = await pair();
      const there = run(server, serverTlsContext({ cert: pem.leaf, key: pem.leafKey }), true);
      const here = run(client, context, false);
      const outcome = await here.outcome;
      if (expected === undefined) assertEquals(outcome.kind, "secured");
      else assertMatch(outcome.kind === "distrusted" ? outcome.reason : outcome.kind, expected);
      client.destroy();
      await Promise.all([here.end, there.end]);
      close();
    }
  },
});

Deno.test({
  name: "Stream.secure() asks clients for a certificate and looks at it",
  ignore: !nodeTlsAvailable(),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const own = { cert: pem.client, key: pem.clientKey };
    const cases: [boolean, { cert: string; key: string } | undefined, string, string | undefined][] = [
      [false, undefined, pem.ca, undefined],
      [true, undefined, pem.ca, "the client has shown no certificate"],
      [true, own, pem.ca, undefined],
      [false, own, pem.otherCa, "the client's certificate is not trusted"],
    ];
    for (const [requireClientCert, shown, ca, expected] of cases) {
      const { client, server, close } = await pair();
      const there = run(server, serverTlsContext({ cert: pem.leaf, key: pem.leafKey, ca, requireClientCert }), true);
      const here = run(client, clientTlsContext({ verification: "none", ...shown }), false);
      const outcome = await there.outcome;
      if (expected === undefined) assertEquals(outcome.kind, "secured");
      else assert(outcome.kind === "distrusted" && outcome.reason.startsWith(expected), JSON.stringify(outcome));
      client.destroy();
      await Promise.all([here.end, there.end]);
      close();
    }
  },
});

Deno.test({
  name: "Stream.secure() says what is wrong with a peer that speaks no TLS",
  ignore,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const { client, server, close } = await pair();
    const there = run(server, serverTlsContext({ cert: pem.leaf, key: pem.leafKey }), true);
    await client.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    const outcome = await there.outcome;
    assertEquals(outcome.kind, "failed");
    assertMatch(await there.end, /corrupt|wrong version|http request/);
    client.destroy();
    close();
  },
});
