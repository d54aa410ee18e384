import { assert, assertEquals, assertMatch } from "@std/assert";
import { nodeTlsAvailable, NodeTlsEngine } from "../../lib/net/node_tls_engine.ts";
import { openSsl } from "../../lib/net/openssl.ts";
import { OpenSslEngine } from "../../lib/net/openssl_engine.ts";
import {
  type ClientTlsContext,
  clientTlsContext,
  serverTlsContext,
  type TlsContext,
} from "../../lib/net/tls_context.ts";
import type { TlsEngine, TlsEvents } from "../../lib/net/tls_engine.ts";
import { makeCertificates } from "./certificates.ts";

const pem = await makeCertificates();

type Maker = (context: TlsContext, events: TlsEvents) => TlsEngine;

const lib = openSsl();
const makers: [string, Maker][] = [];
if (nodeTlsAvailable()) makers.push(["node:tls", (context, events) => new NodeTlsEngine(context, events)]);
if (lib !== undefined) makers.push(["OpenSSL", (context, events) => new OpenSslEngine(lib, context, events)]);

/** One end: an engine and what it said. What it sends waits until it is moved. */
class End {
  readonly engine: TlsEngine;
  readonly outgoing: Uint8Array[] = [];
  readonly told: string[] = [];
  readonly bytes: number[] = [];

  constructor(make: Maker, context: TlsContext) {
    this.engine = make(context, {
      send: (encrypted) => this.outgoing.push(encrypted.slice()),
      secured: () => this.told.push("secured"),
      plain: (bytes) => {
        for (const byte of bytes) this.bytes.push(byte);
      },
      ended: () => this.told.push("ended"),
      failed: (reason) => this.told.push(`failed: ${reason}`),
    });
  }
}

/** Moves what both have to say until they are silent, in pieces of at most `size`. */
function move(a: End, b: End, size = Infinity): void {
  for (let moved = true; moved;) {
    moved = false;
    for (const [from, to] of [[a, b], [b, a]] as const) {
      for (const bytes of from.outgoing.splice(0)) {
        moved = true;
        deliver(to, bytes, size);
      }
    }
  }
}

function deliver(to: End, bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.slice(at, at + size);
    to.engine.receive(part);
    // The engine must not keep what it was given.
    part.fill(0xee);
  }
}

for (const [clientName, makeClient] of makers) {
  for (const [serverName, makeServer] of makers) {
    const ends = (context: ClientTlsContext = clientTlsContext({ verification: "none" }), size = Infinity) => {
      const client = new End(makeClient, context);
      const server = new End(makeServer, serverTlsContext({ cert: pem.leaf, key: pem.leafKey }));
      client.engine.start();
      server.engine.start();
      move(client, server, size);
      return { client, server };
    };
    const name = `client ${clientName}, server ${serverName}`;

    Deno.test(`TlsEngine shakes hands and carries bytes in any pieces (${name})`, () => {
      for (const size of [1, 5, 16, 1000, Infinity]) {
        const { client, server } = ends(undefined, size);
        assertEquals([client.told, server.told], [["secured"], ["secured"]]);
        const expected: number[] = [];
        for (const length of [1, 300, 16384, 16385, 40_000]) {
          const plain = Uint8Array.from({ length }, (_, index) => index * 3 + length);
          expected.push(...plain);
          const sealed = client.engine.seal(plain, true);
          // What was sealed may be overwritten by the next call, the plain bytes by anybody.
          deliver(server, sealed.slice(), size);
          plain.fill(0);
        }
        assert(
          expected.length === server.bytes.length && expected.every((byte, index) => byte === server.bytes[index]),
        );
        // And back, with several records in one piece.
        const answer = [0, 1, 2, 3].map((byte) => server.engine.seal(new Uint8Array(5000).fill(byte), false));
        deliver(client, Uint8Array.of(...answer.flatMap((part) => [...part])), size);
        assertEquals(client.bytes.length, 20_000);
        assertEquals([client.bytes[0], client.bytes[19_999]], [0, 3]);
        client.engine.destroy();
        server.engine.destroy();
      }
    });

    Deno.test(`TlsEngine does not reuse what is still being sent (${name})`, () => {
      const { client, server } = ends();
      const first = client.engine.seal(new Uint8Array(100).fill(1), true);
      const second = client.engine.seal(new Uint8Array(100).fill(2), false);
      deliver(server, first, Infinity);
      deliver(server, second, Infinity);
      assertEquals([server.bytes[0], server.bytes[199]], [1, 2]);
      client.engine.destroy();
      server.engine.destroy();
    });

    Deno.test(`TlsEngine tells the end, and of nonsense with a reason (${name})`, () => {
      const { client, server } = ends();
      deliver(server, client.engine.sealEnd(), Infinity);
      assertEquals(server.told, ["secured", "ended"]);
      for (const end of [client, server]) end.engine.destroy();

      const other = ends();
      deliver(other.client, new Uint8Array(50).fill(7), Infinity);
      assertMatch(other.client.told.at(-1) ?? "", /^failed: \S/);
      // The peer hears of it.
      move(other.client, other.server);
      assert(other.server.told.length > 1);
      for (const end of [other.client, other.server]) end.engine.destroy();
      // After the end nothing does any harm.
      other.client.engine.destroy();
      other.client.engine.receive(new Uint8Array(5));
      assertEquals(other.client.engine.seal(new Uint8Array(5), true).length, 0);
      assertEquals(other.client.engine.sealEnd().length, 0);
    });

    Deno.test(`TlsEngine looks at the server's certificate as far as it is asked to (${name})`, () => {
      const { ca, otherCa } = pem;
      const cases: [ClientTlsContext, RegExp | undefined][] = [
        [clientTlsContext({ verification: "none" }), undefined],
        [clientTlsContext({ verification: "ca", ca, serverName: "wrong.example" }), undefined],
        [clientTlsContext({ verification: "ca", ca: otherCa }), /not trusted/],
        [clientTlsContext({ verification: "ca" }), /not trusted/],
        [clientTlsContext({ verification: "identity", ca, serverName: "db.example" }), undefined],
        [clientTlsContext({ verification: "identity", ca, serverName: "127.0.0.1" }), undefined],
        [clientTlsContext({ verification: "identity", ca, serverName: "wrong.example" }), /wrong\.example/],
        [clientTlsContext({ verification: "identity", ca, serverName: "127.0.0.2" }), /127\.0\.0\.2/],
      ];
      for (const [context, expected] of cases) {
        const { client, server } = ends(context);
        const reason = client.engine.distrust;
        if (expected === undefined) assertEquals(reason, undefined);
        else assertMatch(reason ?? "", expected);
        assertMatch(client.engine.peer.protocol, /^TLSv1\.3$/);
        assertMatch(client.engine.peer.fingerprint ?? "", /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
        for (const end of [client, server]) end.engine.destroy();
      }
    });
  }
}

Deno.test("OpenSslEngine gives back the memory of its connections", { ignore: lib === undefined }, () => {
  const resident = () => Deno.memoryUsage().rss;
  const make = makers.find(([name]) => name === "OpenSSL")?.[1];
  if (make === undefined) return;
  const serverContext = serverTlsContext({ cert: pem.leaf, key: pem.leafKey });
  const clientContext = clientTlsContext({ verification: "none" });
  const round = () => {
    for (let index = 0; index < 200; index++) {
      const client = new End(make, clientContext);
      const server = new End(make, serverContext);
      client.engine.start();
      server.engine.start();
      move(client, server);
      for (const end of [client, server]) end.engine.destroy();
    }
  };
  round();
  const before = resident();
  for (let index = 0; index < 5; index++) round();
  // A connection that was not freed would leave 20 KB and more.
  assert(resident() - before < 1000 * 2 * 12_000, `${(resident() - before) / 2000} bytes a connection`);
});
