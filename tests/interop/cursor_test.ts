import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  CAPABILITY,
  little,
  preparedTranscript,
  RawClient,
  type RawPacket,
  statementId,
  transcript,
} from "./raw_client.ts";
import { scenario } from "./scenario.ts";

const COMMAND = {
  STMT_PREPARE: 22,
  STMT_EXECUTE: 23,
  STMT_SEND_LONG_DATA: 24,
  STMT_CLOSE: 25,
  STMT_RESET: 26,
  STMT_FETCH: 28,
} as const;

/** Flags of COM_STMT_EXECUTE. */
const READ_ONLY_CURSOR = 1;

const NUMBERS =
  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25) SELECT i, REPEAT('x', i) FROM n";

for (const capabilities of [CAPABILITY.DEPRECATE_EOF, 0n]) {
  const name = capabilities === 0n ? "with EOF packets" : "without EOF packets";

  scenario(`rows are fetched from a cursor in parts, ${name}`, async (target) => {
    using client = await RawClient.connect(target, capabilities);
    const seen: string[] = [];
    await client.send(COMMAND.STMT_PREPARE, NUMBERS);
    const prepared = await client.response("prepare");
    seen.push(...preparedTranscript(prepared));
    const id = statementId(prepared);

    await client.send(COMMAND.STMT_EXECUTE, id, READ_ONLY_CURSOR, little(1, 4));
    const opened = await openedCursor(client, capabilities);
    seen.push(...opened);
    for (let fetches = 0; fetches < 4; fetches++) {
      await client.send(COMMAND.STMT_FETCH, id, little(10, 4));
      const rows = await client.response("fetch");
      // 10, 10 and 5 rows, each with an end; then an error or nothing more.
      if (fetches < 3) assertEquals(rows.length, fetches < 2 ? 11 : 6);
      seen.push(...withoutTexts(rows));
    }
    // Other commands may come while the cursor is open.
    await client.send(COMMAND.STMT_EXECUTE, id, READ_ONLY_CURSOR, little(1, 4));
    seen.push(...await openedCursor(client, capabilities));
    seen.push(...transcript(await client.query("SELECT 'between'")));
    await client.send(COMMAND.STMT_FETCH, id, little(3, 4));
    seen.push(...transcript(await client.response("fetch")));
    await client.send(COMMAND.STMT_RESET, id);
    seen.push(...transcript(await client.response("one")));
    await client.send(COMMAND.STMT_FETCH, id, little(3, 4));
    seen.push(...withoutTexts(await client.response("one")));
    // Closing a statement has no answer.
    await client.send(COMMAND.STMT_CLOSE, id);
    seen.push(...transcript(await client.query("SELECT 'after'")));
    return seen;
  });

  scenario(`a fetch of an unknown statement, and an execute, give the server's error, ${name}`, async (target) => {
    using client = await RawClient.connect(target, capabilities);
    await client.send(COMMAND.STMT_FETCH, little(99, 4), little(3, 4));
    const fetched = await client.response("one");
    await client.send(COMMAND.STMT_EXECUTE, little(99, 4), 0, little(1, 4));
    const executed = await client.response();
    assertEquals([fetched[0]?.payload[0], executed[0]?.payload[0]], [0xff, 0xff]);
    return transcript([...fetched, ...executed, ...await client.query("SELECT 1")]);
  });

  scenario(`parameters arrive in pieces by COM_STMT_SEND_LONG_DATA, ${name}`, async (target) => {
    using client = await RawClient.connect(target, capabilities);
    await client.send(COMMAND.STMT_PREPARE, "SELECT CAST(LENGTH(?) AS CHAR), SHA2(?, 256)");
    const prepared = await client.response("prepare");
    const id = statementId(prepared);
    const piece = new Uint8Array(100_000).fill(0x61);
    for (let index = 0; index < 30; index++) {
      // No answer: the next command follows at once.
      await client.send(COMMAND.STMT_SEND_LONG_DATA, id, little(index % 2, 2), piece);
    }
    const blob = [0xfc, 0];
    await client.send(COMMAND.STMT_EXECUTE, id, 0, little(1, 4), 0, 1, ...blob, ...blob);
    const executed = await client.response();
    const text = new TextDecoder().decode(executed.at(-2)?.payload);
    assertStringIncludes(text, "1500000");
    return [...preparedTranscript(prepared), ...transcript(executed)];
  });
}

/** Packets as text; of errors, only the code and state, because MariaDB's texts name the statement by its number. */
function withoutTexts(packets: readonly RawPacket[]): string[] {
  return transcript(packets.map(({ sequence, payload }) => ({
    sequence,
    payload: payload[0] === 0xff ? payload.subarray(0, 9) : payload,
  })));
}

/** What the server sends when it opens a cursor: metadata, and an end that says so. */
async function openedCursor(client: RawClient, capabilities: bigint): Promise<string[]> {
  const packets = [];
  // One packet for the count, two columns, and the end, an EOF packet or its successor.
  for (let index = 0; index < 4; index++) packets.push(await client.read());
  const end = packets.at(-1)?.payload;
  assertEquals(end?.[0], 0xfe, `No cursor with capabilities ${capabilities}: ${transcript(packets)}`);
  return transcript(packets);
}
