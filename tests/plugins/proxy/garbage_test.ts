import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ErrorNumber, parseErr } from "../../../lib/protocol/mod.ts";
import { RawClient } from "../../interop/raw_client.ts";
import { until } from "../../servers/port.ts";
import { Proxy } from "../../servers/proxy.ts";
import { connect, ignore, startServer, value, withProxy } from "./stage.ts";

/** Reads until the other side closes; fails when it does not within ten seconds. */
async function readToEnd(conn: Deno.Conn): Promise<Uint8Array> {
  const parts: number[] = [];
  const buffer = new Uint8Array(4096);
  const timer = setTimeout(() => conn.close(), 10_000);
  try {
    for (let read = await conn.read(buffer); read !== null; read = await conn.read(buffer)) {
      parts.push(...buffer.subarray(0, read));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  clearTimeout(timer);
  return Uint8Array.from(parts);
}

/** The last of some packets that end where the bytes do. */
function lastPacket(bytes: Uint8Array): Uint8Array {
  for (let at = 0;;) {
    const end = at + 4 + (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16);
    if (end >= bytes.length) return bytes.subarray(at);
    at = end;
  }
}

Deno.test({
  name: "proxy refuses a login of garbage with an ERR and lives on",
  ignore,
  async fn() {
    await withProxy([await startServer()], async (proxy) => {
      const samples = fc.sample(fc.uint8Array({ minLength: 40, maxLength: 300 }), { numRuns: 40, seed: 7 });
      for (
        const sample of [new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: ${"x".repeat(60)}\r\n\r\n`), ...samples]
      ) {
        const conn = await Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
        await conn.read(new Uint8Array(512));
        // A header that fits, so that the whole sample is one packet.
        await conn.write(Uint8Array.of(sample.length, sample.length >> 8, 0, 1, ...sample));
        const answer = await readToEnd(conn);
        // What can be taken for a login packet is the server's to answer, with another question perhaps.
        if (answer.length > 0) assertEquals(lastPacket(answer)[4], 0xff);
        conn.close();
      }
      const client = await connect(proxy.port);
      assertEquals(await value(client, "SELECT 1"), 1);
      await client.end();
      assert(!proxy.log.includes("A connection failed"), proxy.log);
    }, { args: ["--proxy-login-timeout=1"] });
  },
});

Deno.test({
  name: "proxy hands garbage after the login to the server and keeps its own count",
  ignore,
  async fn() {
    await withProxy([await startServer()], async (proxy) => {
      for (const sample of fc.sample(fc.uint8Array({ minLength: 1, maxLength: 200 }), { numRuns: 60, seed: 11 })) {
        const client = await RawClient.connect({ port: proxy.port, database: "mysql" });
        await client.write(sample);
        await client.connection.closeWrite();
        await readToEnd(client.connection);
        client.connection.close();
      }
      const client = await connect(proxy.port);
      assertEquals(await value(client, "SELECT 1"), 1);
      await client.end();
      assert(!proxy.log.includes("A connection failed"), proxy.log);
    });
  },
});

Deno.test("proxy survives a backend that talks garbage", async () => {
  for (const sample of fc.sample(fc.uint8Array({ minLength: 1, maxLength: 300 }), { numRuns: 15, seed: 3 })) {
    const backend = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const serving = (async () => {
      for await (const conn of backend) {
        await conn.write(sample).catch(() => {});
        await conn.closeWrite().catch(() => {});
        conn.close();
      }
    })();
    const proxy = await Proxy.start({ backends: [`127.0.0.1:${backend.addr.port}`] });
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
    const answer = await readToEnd(conn);
    const { errorNumber, message } = parseErr(answer.subarray(4));
    assertEquals([errorNumber, message], [ErrorNumber.ER_UNKNOWN_ERROR, "(proxy) all backends are down"]);
    conn.close();
    await until(2000, "the log", () => proxy.log.includes("is down"));
    await proxy.stop();
    backend.close();
    await serving;
  }
});
