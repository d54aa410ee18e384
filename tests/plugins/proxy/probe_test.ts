import { assertEquals } from "@std/assert";
import { Backends, BackendState, BackendType } from "../../../lib/core/backends.ts";
import type { Log } from "../../../lib/plugin/mod.ts";
import { Probe } from "../../../plugins/proxy/probe.ts";
import { until } from "../../servers/port.ts";

const SILENT: Log = { enabled: () => false, write: () => {} };

/** What the probe makes of a backend that greets with `bytes`, after it has looked at it `looks` times. */
async function stateAfter(
  bytes: Uint8Array,
  looks: number,
  { proxyProtocol = 0, header = "" }: { readonly proxyProtocol?: 0 | 1 | 2; readonly header?: string } = {},
): Promise<BackendState> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let asked = 0;
  const serving = (async () => {
    for await (const conn of listener) {
      const heard = new Uint8Array(header.length);
      for (let at = 0; at < heard.length;) at += await conn.read(heard.subarray(at)) ?? heard.length;
      assertEquals(String.fromCharCode(...heard), header);
      await conn.write(bytes);
      await conn.read(new Uint8Array(1)).catch(() => {});
      conn.close();
      asked++;
    }
  })();
  const backends = new Backends(Backends.allocate([{ name: "b", type: BackendType.RW }]));
  backends.failed(0, Date.now() / 1000);
  const address = { transport: "tcp", hostname: "127.0.0.1", port: listener.addr.port } as const;
  const probe = new Probe(backends, [{ address, proxyProtocol }], 0.5, SILENT);
  probe.start();
  await until(10_000, "the probe", () => asked >= looks || backends.state(0) === BackendState.UP);
  probe.stop();
  listener.close();
  await serving;
  return backends.state(0);
}

Deno.test("Probe brings back a backend that greets, or says why it cannot serve", async () => {
  assertEquals(await stateAfter(Uint8Array.of(2, 0, 0, 0, 10, 0x39), 1), BackendState.UP);
  assertEquals(await stateAfter(Uint8Array.of(3, 0, 0, 0, 0xff, 0x10, 4), 1), BackendState.UP);
});

Deno.test("Probe leaves a backend alone that sends something else", async () => {
  assertEquals(await stateAfter(Uint8Array.of(1, 0, 0, 0, 5), 2), BackendState.DOWN);
  assertEquals(await stateAfter(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"), 2), BackendState.DOWN);
});

Deno.test("Probe speaks for itself to a backend that waits for the PROXY protocol", async () => {
  const greeting = Uint8Array.of(2, 0, 0, 0, 10, 0x39);
  const first = { proxyProtocol: 1, header: "PROXY UNKNOWN\r\n" } as const;
  assertEquals(await stateAfter(greeting, 1, first), BackendState.UP);
  const second = { proxyProtocol: 2, header: "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0" } as const;
  assertEquals(await stateAfter(greeting, 1, second), BackendState.UP);
});
