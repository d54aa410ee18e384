import { assert, assertEquals } from "@std/assert";
import { bytes, CAPABILITY, first, little, RawClient, transcript } from "./raw_client.ts";
import { scenario } from "./scenario.ts";

const COMMAND = {
  INIT_DB: 2,
  QUERY: 3,
  FIELD_LIST: 4,
  STATISTICS: 9,
  PROCESS_INFO: 10,
  DEBUG: 13,
  PING: 14,
  SET_OPTION: 27,
  RESET_CONNECTION: 31,
} as const;

for (const capabilities of [CAPABILITY.DEPRECATE_EOF, 0n, CAPABILITY.DEPRECATE_EOF | CAPABILITY.SESSION_TRACK]) {
  const name = capabilities === 0n
    ? "with EOF packets"
    : capabilities & CAPABILITY.SESSION_TRACK
    ? "with session tracking"
    : "without EOF packets";

  scenario(`the packets of every simple command are the server's own, ${name}`, async (target) => {
    using client = await RawClient.connect(target, capabilities);
    const seen: string[] = [];
    const take = async (kind: "query" | "one" = "query") => seen.push(...transcript(await client.response(kind)));

    await client.query("SET NAMES utf8mb4");
    await client.send(COMMAND.PING);
    await take();
    await client.send(COMMAND.INIT_DB, target.database);
    await take();
    await client.send(COMMAND.INIT_DB, "no_such_database");
    await take();
    await client.send(COMMAND.QUERY, ...(capabilities & CAPABILITY.QUERY_ATTRIBUTES ? [0, 1] : []), "SELECT");
    await take();
    await client.send(COMMAND.SET_OPTION, little(1, 2));
    await take("one");
    await client.send(COMMAND.SET_OPTION, little(0, 2));
    await take("one");
    await client.send(COMMAND.SET_OPTION, little(9, 2));
    await take("one");
    seen.push(...transcript(await client.query("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20) DEFAULT 'x')")));
    seen.push(...transcript(await client.query("INSERT INTO t (id) VALUES (1), (2)")));
    seen.push(...transcript(await client.query("SELECT * FROM t")));
    seen.push(...transcript(await client.query("SELECT * FROM t WHERE id = 0")));
    seen.push(...transcript(await client.query("SELECT nonsense FROM t")));
    seen.push(...transcript(await client.query("SET @a = 1, autocommit = 0")));
    seen.push(...transcript(await client.query("START TRANSACTION")));
    seen.push(...transcript(await client.query("UPDATE t SET name = 'y'")));
    seen.push(...transcript(await client.query("ROLLBACK")));
    await client.send(COMMAND.RESET_CONNECTION);
    await take();
    seen.push(...transcript(await client.query("SELECT @a, @@autocommit, DATABASE()")));
    await client.send(0x7f, "what is this");
    await take("one");
    await client.send(COMMAND.PING);
    await take();
    assert(seen.length > 30, `Only ${seen.length} packets`);
    return seen;
  });
}

scenario("COM_STATISTICS answers with a text", async (target) => {
  using client = await RawClient.connect(target);
  await client.send(COMMAND.STATISTICS);
  const text = new TextDecoder().decode(first(await client.response("one")));
  assert(text.startsWith("Uptime: "), text);
  assertEquals(transcript(await client.query("DO 1")).length, 1);
});

scenario("COM_FIELD_LIST and COM_PROCESS_INFO give what the server still knows of them", async (target) => {
  using client = await RawClient.connect(target, 0n);
  await client.query("CREATE TABLE t (id INT, name TEXT)");
  await client.send(COMMAND.FIELD_LIST, "t\0%");
  const seen = [];
  for (;;) {
    const packet = await client.read();
    seen.push(packet);
    // Column definitions come until an EOF packet; a server that has dropped the command answers ERR.
    if (packet.payload[0] === 0xfe || packet.payload[0] === 0xff) break;
  }
  await client.send(COMMAND.PROCESS_INFO);
  const isRefused = first(await client.response())[0] === 0xff;
  await client.send(COMMAND.PING);
  return [...transcript(seen), isRefused, ...transcript(await client.response())];
});

scenario("the server closes after COM_QUIT, and so does the proxy", async (target) => {
  using client = await RawClient.connect(target);
  await client.send(1);
  assert(await client.isClosed());
});

scenario("a packet that the server does not understand gives the server's own reaction", async (target) => {
  using client = await RawClient.connect(target);
  // A wrong sequence number: the server answers with ER_NET_PACKETS_OUT_OF_ORDER and closes, or just closes.
  await client.write(bytes(little(9, 3), 7, 3, "SELECT 1"));
  try {
    const { payload } = await client.read();
    return { code: (payload[1] ?? 0) | (payload[2] ?? 0) << 8, closed: await client.isClosed() };
  } catch (error) {
    if (error instanceof Deno.errors.UnexpectedEof || error instanceof Deno.errors.ConnectionReset) return "closed";
    throw error;
  }
});
