import { assertEquals, assertRejects } from "@std/assert";
import { PUBLIC_IO, type SocketHandle, type SocketIo, socketIo } from "../../lib/net/socket_io.ts";

type Choice = (conn: Deno.Conn) => { readonly io: SocketIo; readonly handle: SocketHandle };

const WAYS: readonly [string, Choice][] = [
  ["what socketIo() chooses", socketIo],
  ["the public methods", (conn) => ({ io: PUBLIC_IO, handle: conn })],
];

for (const [name, choose] of WAYS) {
  Deno.test(`SocketIo by ${name} reads, writes, tells the end and fails on a closed socket`, async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const [near, far] = await Promise.all([Deno.connect({ port: listener.addr.port }), listener.accept()]);
    listener.close();
    const { io, handle } = choose(near);
    assertEquals(await io.write(handle, Uint8Array.of(1, 2, 3)), 3);
    const buffer = new Uint8Array(8);
    assertEquals([await far.read(buffer), buffer[2]], [3, 3]);
    await far.write(Uint8Array.of(9));
    assertEquals([await io.read(handle, buffer), buffer[0]], [1, 9]);
    far.close();
    assertEquals(await io.read(handle, buffer), 0);
    near.close();
    await assertRejects(() => io.read(handle, buffer));
  });
}
