import { assert, assertEquals, assertRejects } from "@std/assert";
import { Client, ClientError } from "../../../plugins/demo/client.ts";
import { tlsAvailable } from "../../../lib/net/tls_provider.ts";
import { Capability } from "../../../lib/protocol/capability.ts";
import { parseHandshake } from "../../../lib/protocol/handshake.ts";
import { parseErr } from "../../../lib/protocol/err.ts";
import {
  bytes,
  CAPABILITY,
  first,
  little,
  packet,
  RawClient,
  statementId,
  transcript,
} from "../../interop/raw_client.ts";
import { withServers } from "./stage.ts";

type Port = { readonly port: number; readonly database: string };

/** Runs `work` against the port of the read/write server. */
function withPort(work: (target: Port) => Promise<void>, password = ""): Promise<void> {
  return withServers(({ readWrite }) => work({ port: readWrite.address.port, database: "shop" }), password);
}

function errorOf(payload: Uint8Array): [number, string | undefined] {
  assertEquals(payload[0], 0xff, `Expected an ERR packet, got ${payload}`);
  const { errorNumber, sqlState } = parseErr(payload);
  return [errorNumber, sqlState];
}

Deno.test("Connection.run() greets with what it can do, and a fresh nonce", () =>
  withPort(async ({ port }) => {
    const nonces: string[] = [];
    for (let count = 0; count < 2; count++) {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      const buffer = new Uint8Array(512);
      const length = await conn.read(buffer) ?? 0;
      conn.close();
      const handshake = parseHandshake(buffer.subarray(4, length));
      assertEquals(handshake.serverVersion, "9.0.0-mysql-proxy-demo");
      assertEquals(handshake.authPluginName, "caching_sha2_password");
      assertEquals([handshake.authData.length, handshake.authData.includes(0)], [20, false]);
      const { CLIENT_SSL, CLIENT_COMPRESS } = Capability;
      const offered = tlsAvailable() ? CLIENT_SSL | CLIENT_COMPRESS : CLIENT_COMPRESS;
      assertEquals(handshake.capabilities & (CLIENT_SSL | CLIENT_COMPRESS), offered);
      nonces.push(handshake.authData.join());
    }
    assert(nonces[0] !== nonces[1]);
  }));

Deno.test("Connection.run() answers the same rows with and without DEPRECATE_EOF", () =>
  withPort(async (target) => {
    for (const capabilities of [0n, CAPABILITY.DEPRECATE_EOF]) {
      using client = await RawClient.connect(target, capabilities);
      const packets = await client.query("SELECT id, name FROM customers WHERE id = 1");
      const eof = capabilities === 0n ? 1 : 0;
      assertEquals(packets.length, 1 + 2 + eof + 1 + 1);
      assertEquals(packets.map(({ sequence }) => sequence), packets.map((_, at) => at + 1));
      assertEquals(packets.at(-2)?.payload, bytes(1, "1", 12, "Ada Lovelace"));
    }
  }));

Deno.test("Connection.run() answers several statements only where that was agreed on", () =>
  withPort(async (target) => {
    const one = await Client.connect({
      address: `127.0.0.1:${target.port}`,
      user: "demo",
      password: "",
      database: "",
      timeout: 5,
    });
    const { errorNumber } = await assertRejects(() => one.query("SELECT 1; SELECT 2"), ClientError);
    assertEquals(errorNumber, 1064);
    one.close();
    using several = await RawClient.connect(
      target,
      CAPABILITY.DEPRECATE_EOF | CAPABILITY.MULTI_STATEMENTS | CAPABILITY.MULTI_RESULTS,
    );
    const packets = await several.query("SELECT 1; SET @a = 1; SELECT nope; SELECT 2");
    assertEquals(packets.length, 4 + 1 + 1);
    assertEquals(errorOf(packets.at(-1)?.payload ?? new Uint8Array()), [1054, "42S22"]);
    // COM_SET_OPTION switches it off.
    await several.send(0x1b, little(1, 2));
    await several.response("one");
    assertEquals(errorOf(first(await several.query("SELECT 1; SELECT 2"))), [1064, "42000"]);
  }));

Deno.test("Connection.run() knows the small commands", () =>
  withPort(async (target) => {
    using client = await RawClient.connect(target, CAPABILITY.DEPRECATE_EOF);
    await client.send(0x0e);
    assertEquals(first(await client.response("one"))[0], 0);
    await client.send(0x02, "information_schema");
    assertEquals(first(await client.response("one"))[0], 0);
    await client.send(0x02, "nope");
    assertEquals(errorOf(first(await client.response("one"))), [1049, "42000"]);
    await client.send(0x09);
    assert(new TextDecoder().decode(first(await client.response("one"))).startsWith("Uptime: "));
    await client.send(0x02, "shop");
    await client.response("one");
    await client.send(0x04, "orders\0");
    assertEquals((await client.response("fetch")).length, 6 + 1);
    await client.send(0x1f);
    assertEquals(first(await client.response("one"))[0], 0);
    for (const unknown of [0x07, 0x08, 0x12, 0x77, 0xfa]) {
      await client.send(unknown);
      assertEquals(errorOf(first(await client.response("one"))), [1047, "08S01"], `0x${unknown.toString(16)}`);
    }
    assertEquals(transcript(await client.query("SELECT 1")).length, 4);
    await client.send(0x01);
    assert(await client.isClosed());
  }));

Deno.test("Connection.run() prepares, executes with long data, resets and closes statements", () =>
  withPort(async (target) => {
    using client = await RawClient.connect(target, CAPABILITY.DEPRECATE_EOF);
    await client.send(0x16, "SELECT ? AS v, id FROM customers WHERE id = 1");
    const id = statementId(await client.response("prepare"));
    await client.send(0x18, id, little(0, 2), "long ");
    await client.send(0x18, id, little(0, 2), "data");
    await client.send(0x17, id, 0, little(1, 4), 0, 1, 0xfd, 0);
    const rows = await client.response();
    assertEquals(rows.at(-2)?.payload, bytes(0, 0, 9, "long data", little(1, 4)));
    await client.send(0x1a, id);
    assertEquals(first(await client.response("one"))[0], 0);
    await client.send(0x1c, id, little(1, 4));
    assertEquals(errorOf(first(await client.response("one"))), [1421, "HY000"]);
    await client.send(0x19, id);
    await client.send(0x17, id, 0, little(1, 4), 0, 1, 0xfd, 0, 1, "x");
    assertEquals(errorOf(first(await client.response("one"))), [1243, "HY000"]);
  }));

Deno.test({
  name: "Connection.run() takes and gives packets of more than 16 MB",
  // The channel that gives other connections their turn stays open for a second.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    withPort(async (target) => {
      using client = await RawClient.connect(target, CAPABILITY.DEPRECATE_EOF);
      const size = 0xffffff + 1000;
      const sql = new Uint8Array(size + 20).fill(0x61);
      const head = new TextEncoder().encode("\x03SELECT '");
      sql.set(head);
      sql.set(new TextEncoder().encode("' AS x"), sql.length - 6);
      await client.write(packet(0, sql.subarray(0, 0xffffff)));
      await client.write(packet(1, sql.subarray(0xffffff)));
      const packets = await client.response("query");
      const lengths = packets.map(({ payload }) => payload.length);
      // The row is one packet of the full length and one with the rest.
      assertEquals(lengths.includes(0xffffff), true);
      assertEquals(lengths.reduce((sum, length) => sum + length, 0) > size, true);
    }),
});

Deno.test("Connection.run() tells a client what was wrong with its packet, ends it, and serves the others", () =>
  withPort(async (target) => {
    using other = await RawClient.connect(target);
    const bad: readonly (readonly [what: string, data: Uint8Array, expected: number])[] = [
      ["out of order", packet(7, bytes(3, "SELECT 1")), 1156],
      ["truncated execute", packet(0, bytes(0x17)), 1835],
      ["change user without an end", packet(0, bytes(0x11, "root")), 1835],
    ];
    for (const [what, data, expected] of bad) {
      using client = await RawClient.connect(target);
      await client.write(data);
      assertEquals(errorOf(first(await client.response("one")))[0], expected, what);
      assert(await client.isClosed(), what);
    }
    for (
      const login of [
        new Uint8Array(),
        bytes(1, 2, 3),
        bytes(little(0x208200, 4), new Uint8Array(28), "x", 0, 0xfc, 0xff),
        bytes(little(0x800, 4), little(0, 28)),
      ]
    ) {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: target.port });
      await conn.write(packet(1, login));
      const answer = new Uint8Array(await new Response(conn.readable).arrayBuffer());
      // Behind the greeting comes an ERR packet, and then the end.
      const length = (answer[0] ?? 0) + 4;
      assertEquals(answer[length + 4], 0xff, login.join());
    }
    assertEquals((await other.query("SELECT 1")).length, 4);
  }));

Deno.test("Connection.run() takes the password, and no other password", () =>
  withPort(async ({ port, database }) => {
    const login = { address: `127.0.0.1:${port}`, user: "anyone", database, timeout: 5 };
    const client = await Client.connect({ ...login, password: "s3cret" });
    assertEquals((await client.query("SELECT CURRENT_USER()")).rows, [["anyone@localhost"]]);
    assertEquals(client.tls?.protocol, tlsAvailable() ? "TLSv1.3" : undefined);
    client.close();
    for (const password of ["", "wrong"]) {
      const { errorNumber, sqlState } = await assertRejects(() => Client.connect({ ...login, password }), ClientError);
      assertEquals([errorNumber, sqlState], [1045, "28000"]);
    }
  }, "s3cret"));

Deno.test("Connection.run() changes the user and forgets what was the former one's", () =>
  withPort(async (target) => {
    using client = await RawClient.connect(target, CAPABILITY.DEPRECATE_EOF);
    await client.query("SET @a = 1");
    await client.send(0x11, "other\0", 0, "shop\0", little(45, 2), "caching_sha2_password\0");
    assertEquals(first(await client.response("one"))[0], 0);
    const packets = await client.query("SELECT @a, CURRENT_USER()");
    assertEquals(packets.at(-2)?.payload, bytes(0xfb, 15, "other@localhost"));
  }));

Deno.test("Connection.kill() ends a query or a connection", () =>
  withServers(async ({ readWrite, readOnly }) => {
    const login = { address: readWrite.addressText, user: "demo", password: "", database: "shop", timeout: 5 };
    const [victim, killer] = [await Client.connect(login), await Client.connect(login)];
    const id = (await victim.query("SELECT CONNECTION_ID()")).rows[0]?.[0];
    const sleeping = assertRejects(() => victim.query("SELECT SLEEP(1000)"), ClientError);
    await killer.query(`KILL QUERY ${id}`);
    assertEquals((await sleeping).errorNumber, 1317);
    await victim.query("SELECT 1");
    await killer.query(`KILL ${id}`);
    assertEquals((await assertRejects(() => victim.query("SELECT 1"), ClientError)).code, "closed");
    assertEquals((await assertRejects(() => killer.query(`KILL ${id}`), ClientError)).errorNumber, 1094);
    killer.close();
    victim.close();
    assertEquals(readOnly.counts.accepted, 0);
  }));

Deno.test("Connection.run() rolls back what a client leaves behind", () =>
  withServers(async ({ readWrite, readOnly }) => {
    const login = { user: "demo", password: "", database: "shop", timeout: 5 };
    const leaver = await Client.connect({ ...login, address: readWrite.addressText });
    await leaver.query("BEGIN");
    await leaver.query("DELETE FROM order_items");
    const reader = await Client.connect({ ...login, address: readOnly.addressText });
    assertEquals((await reader.query("SELECT COUNT(*) FROM order_items")).rows, [["0"]]);
    leaver.close();
    // A writer waits for the end of the transaction that was left behind.
    const writer = await Client.connect({ ...login, address: readWrite.addressText });
    await writer.query("UPDATE products SET stock = 1 WHERE id = 1");
    assertEquals((await reader.query("SELECT COUNT(*) FROM order_items")).rows, [["20"]]);
    const denied = await assertRejects(() => reader.query("DELETE FROM order_items"), ClientError);
    assertEquals([denied.errorNumber, denied.sqlState], [1290, "HY000"]);
    reader.close();
    writer.close();
  }));
