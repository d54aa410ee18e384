import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { withMariadb, withMysql2 } from "./drivers.ts";
import { bytes, CAPABILITY, little, RawClient, type RawPacket, transcript } from "./raw_client.ts";
import { query } from "../servers/sql.ts";
import { scenario, type Target } from "./scenario.ts";

const LONGEST = 0xffffff;

/** Bytes that are not the same everywhere, so that a lost or doubled block shows. */
function pattern(length: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(length);
  const words = new Uint32Array(data.buffer, 0, Math.floor(length / 4));
  let state = length;
  for (let index = 0; index < words.length; index++) words[index] = state = (state * 1664525 + 1013904223) >>> 0;
  return data;
}

async function sha256(data: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes(data)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const BLOB = 40 * 1024 * 1024;

scenario(
  "mysql2 writes and reads a 40 MB blob, as text and prepared",
  (target) =>
    withMysql2(target, async (connection) => {
      await connection.query("CREATE TABLE blobs (id INT PRIMARY KEY, data LONGBLOB)");
      const data = pattern(BLOB);
      const expected = await sha256(data);
      await connection.query("INSERT INTO blobs VALUES (1, ?)", [toBuffer(data)]);
      await connection.execute("INSERT INTO blobs VALUES (2, ?)", [toBuffer(data)]);
      const [sums] = await connection.query("SELECT id, LENGTH(data) AS size, SHA2(data, 256) AS sum FROM blobs");
      assertEquals(sums, [1, 2].map((id) => ({ id, size: BLOB, sum: expected })));
      const [text] = await connection.query({ sql: "SELECT data FROM blobs WHERE id = 1", rowsAsArray: true });
      const [binary] = await connection.execute({ sql: "SELECT data FROM blobs WHERE id = 2", rowsAsArray: true });
      for (const rows of [text, binary]) assertEquals(await sha256(firstValue(rows)), expected);
      return sums;
    }),
  { limit: 40_000 },
);

scenario(
  "the mariadb connector writes and reads a 40 MB blob, as text and prepared",
  (target) =>
    withMariadb(target, async (connection) => {
      await connection.query("CREATE TABLE blobs (id INT PRIMARY KEY, data LONGBLOB)");
      const data = pattern(BLOB);
      const expected = await sha256(data);
      await connection.query("INSERT INTO blobs VALUES (1, ?)", [toBuffer(data)]);
      await connection.execute("INSERT INTO blobs VALUES (2, ?)", [toBuffer(data)]);
      const sums = await connection.query("SELECT id, LENGTH(data) AS size, SHA2(data, 256) AS sum FROM blobs");
      assertEquals([...sums], [1, 2].map((id) => ({ id, size: BLOB, sum: expected })));
      const text = await connection.query({ sql: "SELECT data FROM blobs WHERE id = 1", rowsAsArray: true });
      const binary = await connection.execute({ sql: "SELECT data FROM blobs WHERE id = 2", rowsAsArray: true });
      for (const rows of [text, binary]) assertEquals(await sha256(firstValue(rows)), expected);
      return [...sums];
    }, { maxAllowedPacket: 2 ** 30 }),
  { limit: 40_000 },
);

// A payload of exactly 2^24 - 1 bytes, or a multiple, ends with an empty packet.
for (const size of [LONGEST - 1, LONGEST, LONGEST + 1, 2 * LONGEST - 1, 2 * LONGEST, 2 * LONGEST + 1]) {
  scenario(`a query of ${size} bytes and a row of ${size} bytes pass`, async (target) => {
    using client = await RawClient.connect(target);
    await sendQueryOf(client, size);
    const answers = await client.response();
    // A row of one text column of 2^16 bytes and more has four bytes in front, above 2^24 nine.
    const length = size - (size - 4 > LONGEST ? 9 : 4);
    await client.send(3, `SELECT REPEAT('x', ${length})`);
    const rows: RawPacket[] = [];
    // Count, column, the packets of the row, the end.
    const parts = Math.floor(size / LONGEST) + 1;
    for (let index = 0; index < 2 + parts + 1; index++) rows.push(await client.read());
    assertEquals(rows.slice(2, 2 + parts).reduce((sum, { payload }) => sum + payload.length, 0), size);
    assertEquals(rows.at(-1)?.payload[0], 0xfe);
    return {
      answers: transcript(answers),
      rows: rows.map(({ sequence, payload }) => [sequence, payload.length]),
      after: transcript(await client.query("SELECT 'after'")),
    };
  }, { limit: 40_000 });
}

scenario("the sequence number wraps around in a result of many packets", async (target) => {
  using client = await RawClient.connect(target, 0n);
  const packets = await client.query(
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i FROM n",
  );
  assertEquals(packets.map(({ sequence }) => sequence), packets.map((_, index) => (index + 1) % 256));
  return transcript(packets);
});

scenario("a packet larger than the server takes gives the server's own error", async (target) => {
  const server = await openSmallPackets(target);
  try {
    using client = await RawClient.connect(target);
    const big = bytes(little(3_000_000, 3), 0, 3, "SELECT '", new Uint8Array(3_000_000 - 10).fill(0x61), "'");
    const writing = client.write(big).catch(() => {});
    try {
      const { payload } = await client.read();
      return (payload[1] ?? 0) | (payload[2] ?? 0) << 8;
    } catch (error) {
      // The server closes with bytes unread, so its error may be overtaken by a reset.
      if (error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.UnexpectedEof) return 1153;
      throw error;
    } finally {
      await writing;
    }
  } finally {
    await server();
  }
});

scenario("a result of 300 MB reaches a client that reads slowly", async (target) => {
  using client = await RawClient.connect(target, CAPABILITY.DEPRECATE_EOF);
  await client.send(
    3,
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT REPEAT('x', 1000000) FROM n",
  );
  const buffer = new Uint8Array(1 << 20);
  let total = 0;
  // Count and column, 300 rows of a four-byte length and a million bytes, the end; each with a header of four.
  const expected = 300 * (4 + 4 + 1_000_000);
  while (total < expected) {
    const count = await client.connection.read(buffer);
    if (count === null) break;
    if (total === 0) await new Promise((resolve) => setTimeout(resolve, 300));
    total += count;
  }
  assertEquals(total > expected, true, `${total} of ${expected} bytes`);
}, { limit: 40_000 });

/** Sends `SELECT 'xxx…'` as a payload of exactly `size` bytes that answers with one short row. */
async function sendQueryOf(client: RawClient, size: number): Promise<void> {
  const sql = bytes(3, "SELECT LENGTH('", new Uint8Array(size - 18).fill(0x78), "')");
  let sequence = 0;
  for (let offset = 0; offset <= size; offset += LONGEST) {
    const part = sql.subarray(offset, offset + LONGEST);
    await client.write(bytes(little(part.length, 3), sequence++));
    await client.write(part);
  }
}

function toBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.length);
}

function firstValue(rows: unknown): Uint8Array {
  const value: unknown = Array.isArray(rows) && Array.isArray(rows[0]) ? rows[0][0] : undefined;
  if (!(value instanceof Uint8Array)) throw new Error("The first value of the first row is not bytes");
  return value;
}

/** Lowers max_allowed_packet of connections to come; returns what undoes it. */
async function openSmallPackets({ server }: Target): Promise<() => Promise<unknown>> {
  await query(server, "SET GLOBAL max_allowed_packet = 1048576");
  return () => query(server, "SET GLOBAL max_allowed_packet = 1073741824");
}
