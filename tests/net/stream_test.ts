import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { connect } from "../../lib/net/connect.ts";
import { Listener, removeStaleSocket } from "../../lib/net/listener.ts";
import { NetError } from "../../lib/net/net_error.ts";
import { Stream, type StreamEnd, type StreamHandler } from "../../lib/net/stream.ts";

interface Pair {
  readonly near: Stream;
  readonly far: Deno.TcpConn;
}

/** A stream and the bare socket at its other end. */
async function pair(): Promise<Pair> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [near, far] = await Promise.all([
    connect({ transport: "tcp", hostname: "127.0.0.1", port: listener.addr.port }, { timeout: 5 }),
    listener.accept(),
  ]);
  listener.close();
  return { near, far };
}

function handler(data: (view: Uint8Array) => Promise<void> | undefined, busy = false): StreamHandler & {
  readonly failures: string[];
} {
  const failures: string[] = [];
  return { data, busy: () => busy, broken: (reason) => failures.push(reason), failures };
}

async function readAll(conn: Deno.Conn): Promise<number> {
  const buffer = new Uint8Array(65536);
  let total = 0;
  for (let read = await conn.read(buffer); read !== null; read = await conn.read(buffer)) total += read;
  return total;
}

const ANY = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;

const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test("Stream.run() hands over all bytes, in small and in large buffers", options, async () => {
  for (const busy of [false, true]) {
    const { near, far } = await pair();
    let total = 0;
    let largest = 0;
    const ended = near.run(handler((view) => {
      total += view.length;
      largest = Math.max(largest, view.length);
      return undefined;
    }, busy));
    const sent = new Uint8Array(1_000_000);
    for (let at = 0; at < sent.length;) at += await far.write(sent.subarray(at));
    far.close();
    assertEquals<StreamEnd>(await ended, { kind: "closed" });
    assertEquals(total, 1_000_000);
    assertEquals(largest <= (busy ? 65536 : 16384), true);
    near.destroy();
  }
});

Deno.test("Stream.run() does not read on while the handler waits", options, async () => {
  const { near, far } = await pair();
  let calls = 0;
  const gate = Promise.withResolvers<void>();
  const ended = near.run(handler(() => {
    calls++;
    return gate.promise;
  }));
  await far.write(new Uint8Array(10));
  while (calls === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await far.write(new Uint8Array(10));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(calls, 1);
  gate.resolve();
  far.close();
  await ended;
  assertEquals(calls, 2);
  near.destroy();
});

Deno.test(
  "Stream.write() writes everything in order, also when the peer is slow and writes overlap",
  options,
  async () => {
    const { near, far } = await pair();
    const big = new Uint8Array(8_000_000).fill(1);
    const first = near.write(big);
    const second = near.write(Uint8Array.of(2));
    const third = near.write(Uint8Array.of(3));
    assertEquals(near.writing, true);
    near.end(true);
    const received: number[] = [];
    const buffer = new Uint8Array(65536);
    let total = 0;
    for (let read = await far.read(buffer); read !== null; read = await far.read(buffer)) {
      total += read;
      received.push(buffer[read - 1]!);
    }
    await Promise.all([first, second, third]);
    assertEquals([total, received.at(-1)], [8_000_002, 3]);
    far.close();
    near.destroy();
  },
);

Deno.test("Stream.end() lets the peer read what was sent last although it is still sending", options, async () => {
  const { near, far } = await pair();
  const ended = near.run(handler(() => undefined));
  // Unread bytes at the moment of a close would reset the connection and destroy what is on its way.
  const flood = (async () => {
    const chunk = new Uint8Array(65536);
    for (let count = 0; count < 64; count++) {
      for (let at = 0; at < chunk.length;) at += await far.write(chunk.subarray(at));
    }
    await far.closeWrite();
  })();
  near.write(new TextEncoder().encode("last words"));
  near.end(true);
  await flood;
  assertEquals(await readAll(far), 10);
  await ended;
  near.destroy();
  far.close();
});

Deno.test("Stream.end() without lingering gives a peer that takes nothing a few seconds", options, async () => {
  const { near, far } = await pair();
  const ended = near.run(handler(() => undefined));
  near.write(new Uint8Array(16_000_000));
  near.end(false);
  assertEquals<StreamEnd>(await ended, { kind: "closed" });
  assertEquals(await readAll(far) < 16_000_000, true);
  far.close();
});

Deno.test("Stream tells of a peer that takes nothing any more", options, async () => {
  const { near, far } = await pair();
  const wired = handler(() => undefined);
  const ended = near.run(wired);
  await far.write(Uint8Array.of(1));
  far.close();
  await ended;
  for (let count = 0; count < 50 && wired.failures.length === 0; count++) await near.write(new Uint8Array(100_000));
  assertEquals(wired.failures.length, 1);
  near.destroy();
});

Deno.test("Stream.destroy() does not lose what was to be written", options, async () => {
  const { near, far } = await pair();
  near.write(new Uint8Array(100));
  near.destroy();
  assertEquals(await readAll(far), 100);
  far.close();
});

Deno.test("Stream.write() keeps the order of writes that meet", options, async () => {
  const { near, far } = await pair();
  const buffer = new Uint8Array(8);
  await Promise.all([1, 2, 3].map((byte) => near.write(new Uint8Array([byte]))));
  assertEquals(near.writing, false);
  near.end(false);
  let text = "";
  for (let read = await far.read(buffer); read !== null; read = await far.read(buffer)) {
    text += buffer.subarray(0, read).join("");
  }
  assertEquals(text, "123");
  far.close();
  near.destroy();
});

Deno.test("connect() says why it fails", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const refused = () => connect({ transport: "tcp", hostname: "127.0.0.1", port }, { timeout: 5 });
  await assertRejects(refused, NetError, `Cannot connect to 127.0.0.1:${port}`);
  const missing = () => connect({ transport: "unix", path: "/nowhere/x.sock" }, { timeout: 5 });
  await assertRejects(missing, NetError, "Cannot connect to /nowhere/x.sock");
});

Deno.test("connect() gives up after its time", async () => {
  // A listener whose backlog is full answers nothing.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const held: Promise<Deno.Conn | undefined>[] = [];
  const controller = new AbortController();
  // Deno 2.4 has no say in the backlog: it is 128 there.
  for (let count = 0; count < 140; count++) {
    const { port } = listener.addr;
    held.push(Deno.connect({ hostname: "127.0.0.1", port, signal: controller.signal }).catch(() => undefined));
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  const late = () => connect({ transport: "tcp", hostname: "127.0.0.1", port: listener.addr.port }, { timeout: 0.2 });
  await assertRejects(late, NetError, "within 0.2 s");
  controller.abort();
  for (const conn of await Promise.all(held)) conn?.close();
  listener.close();
});

Deno.test("Listener shares a TCP port between openers, also port 0, and names one that is taken", async () => {
  const one = Listener.open(ANY, "shared");
  const two = Listener.open(ANY, "shared");
  assertEquals(one.address, two.address);
  const other = Listener.open(ANY, "alone");
  assertNotEquals(other.address, one.address);
  for (const listener of [one, two, other]) listener.close();
  assertEquals(await one.accept(() => {}), undefined);

  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = { transport: "tcp", hostname: "127.0.0.1", port: taken.addr.port } as const;
  await assertRejects(
    () => Promise.resolve().then(() => Listener.open(address, "alone")),
    NetError,
    "the address is in use",
  );
  taken.close();
});

Deno.test("removeStaleSocket() removes what a crash left and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/s`;
  await removeStaleSocket(path);
  const listener = Deno.listen({ transport: "unix", path });
  await assertRejects(() => removeStaleSocket(path), NetError, "another program listens there");
  listener.close();
  await removeStaleSocket(path);
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
  await Deno.writeTextFile(path, "");
  await assertRejects(() => removeStaleSocket(path), NetError, "a file of that name is in the way");
  await Deno.remove(folder, { recursive: true });
});
