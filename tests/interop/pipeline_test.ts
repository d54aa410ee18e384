import { assertEquals } from "@std/assert";
import { withMariadb } from "./drivers.ts";
import { bytes, CAPABILITY, packet, preparedTranscript, RawClient, statementId, transcript } from "./raw_client.ts";
import { scenario } from "./scenario.ts";

const QUERY = 3;
const PREPARE = 22;
const CLOSE = 25;

/** `count` queries of different kinds as packets. */
function queries(count: number): Uint8Array<ArrayBuffer>[] {
  const kinds = [
    (index: number) => `SELECT ${index} AS i, REPEAT('x', ${index * 10})`,
    (index: number) => `SET @a${index} = ${index}`,
    (index: number) => `SELECT nonsense_${index}`,
    (index: number) => `SELECT ${index}; SELECT 'second'; DO 0`,
  ];
  return Array.from({ length: count }, (_, index) => packet(0, bytes(QUERY, kinds[index % 4]?.(index) ?? "DO 0")));
}

for (const capabilities of [CAPABILITY.DEPRECATE_EOF, 0n]) {
  const name = capabilities === 0n ? "with EOF packets" : "without EOF packets";

  scenario(`commands sent without waiting for answers are answered in order, ${name}`, async (target) => {
    using client = await RawClient.connect(target, capabilities);
    await client.write(bytes(...queries(200)));
    const seen = [];
    for (let index = 0; index < 200; index++) seen.push(transcript(await client.response()));
    assertEquals(seen.length, 200);
    return seen;
  });

  scenario(`commands that arrive byte by byte are understood, ${name}`, async (target) => {
    using client = await RawClient.connect(target, capabilities);
    const seen = [];
    for (const query of queries(8)) {
      for (const byte of query) await client.write(Uint8Array.of(byte));
      seen.push(transcript(await client.response()));
    }
    return seen;
  });
}

scenario("commands without an answer do not upset the order of the others", async (target) => {
  using client = await RawClient.connect(target);
  const prepare = packet(0, bytes(PREPARE, "SELECT ?"));
  const seen: string[][] = [];
  await client.write(prepare);
  const prepared = await client.response("prepare");
  const id = statementId(prepared);
  // Close has no answer. The commands around it have.
  await client.write(bytes(
    packet(0, bytes(QUERY, "SELECT 'before'")),
    packet(0, bytes(CLOSE, id)),
    packet(0, bytes(CLOSE, id)),
    packet(0, bytes(QUERY, "SELECT 'after'")),
    prepare,
    packet(0, bytes(QUERY, "SELECT 'last'")),
  ));
  seen.push(transcript(await client.response()), transcript(await client.response()));
  seen.push(preparedTranscript(await client.response("prepare")), transcript(await client.response()));
  return seen;
});

scenario(
  "the mariadb connector's pipelines of queries, some of which fail, work",
  (target) =>
    withMariadb(target, async (connection) => {
      await connection.query("CREATE TABLE t (i INT PRIMARY KEY, s VARCHAR(300))");
      const results = await Promise.allSettled(
        Array.from(
          { length: 300 },
          (_, index) => connection.query("INSERT INTO t VALUES (?, ?)", [index % 250, "y".repeat(index)]),
        ),
      );
      assertEquals(results.filter(({ status }) => status === "rejected").length, 50);
      const executed = await Promise.all(
        Array.from({ length: 100 }, (_, index) => connection.execute("SELECT ? + 1 AS i", [index])),
      );
      assertEquals(executed[41]?.[0].i, 42);
      return [results.map(({ status }) => status), executed, await connection.query("SELECT COUNT(*), SUM(i) FROM t")];
    }, { pipelining: true }),
);
