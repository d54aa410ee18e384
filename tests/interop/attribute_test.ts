import { assertEquals, assertStringIncludes } from "@std/assert";
import { query } from "../servers/sql.ts";
import { CAPABILITY, first, lengthEncoded, little, RawClient, transcript } from "./raw_client.ts";
import { scenario } from "./scenario.ts";

const ATTRIBUTES = CAPABILITY.DEPRECATE_EOF | CAPABILITY.QUERY_ATTRIBUTES;

scenario("query attributes arrive with queries and prepared statements", async (target) => {
  const component = "file://component_query_attributes";
  const [installed] = await query(
    target.server,
    `SELECT COUNT(*) FROM mysql.component WHERE component_urn = '${component}'`,
  );
  if (installed?.[0] === "0") await query(target.server, `INSTALL COMPONENT '${component}'`);
  using client = await RawClient.connect(target, ATTRIBUTES);
  // One attribute in one set: no NULL, types follow; a string named "trace".
  const attribute = [1, 1, 0, 1, 0xfd, 0, 5, "trace", 4, "abcd"];
  await client.send(3, ...attribute, "SELECT mysql_query_attribute_string('trace') AS trace");
  const queried = await client.response();
  assertStringIncludes(new TextDecoder().decode(queried.at(-2)?.payload), "abcd");
  const none = await client.query("SELECT mysql_query_attribute_string('trace') AS trace");

  await client.send(22, "SELECT ?, mysql_query_attribute_string('trace')");
  const prepared = await client.response("prepare");
  const id = first(prepared).slice(1, 5);
  // The flag PARAMETER_COUNT_AVAILABLE, then two values: the parameter (without a name) and the attribute.
  await client.send(23, id, 8, little(1, 4), 2, 0, 1, 3, 0, 0, 0xfd, 0, 5, "trace", little(7, 4), 4, "wxyz");
  const executed = await client.response();
  assertStringIncludes(new TextDecoder().decode(executed.at(-2)?.payload), "wxyz");
  return [queried, none, prepared, executed].map(transcript);
}, { servers: ["mysql"] });

scenario("metadata can be left out of results", async (target) => {
  using client = await RawClient.connect(target, CAPABILITY.DEPRECATE_EOF | CAPABILITY.OPTIONAL_RESULTSET_METADATA);
  const full = await client.query("SELECT 1 AS a, 2 AS b");
  await client.query("SET resultset_metadata = NONE");
  const bare = await client.query("SELECT 1 AS a, 2 AS b; SELECT 3 AS c");
  // Metadata marker and count; rows and ends alone.
  assertEquals([full.length, bare.length], [5, 6]);
  await client.query("SET resultset_metadata = FULL");
  return [full, bare, await client.query("SELECT 4 AS d")].map(transcript);
}, { servers: ["mysql"] });

scenario("MariaDB reports the progress of long statements", async (target) => {
  using client = await RawClient.connect(target, CAPABILITY.DEPRECATE_EOF | CAPABILITY.MARIADB_PROGRESS);
  await client.query("SET progress_report_time = 1");
  await client.query("CREATE TABLE t (id INT, name VARCHAR(50)) ENGINE = Aria");
  await client.query("INSERT INTO t SELECT seq, UUID() FROM seq_1_to_1200000");
  const altered = await client.query("ALTER TABLE t ADD COLUMN more INT DEFAULT 1, ADD KEY (name), FORCE");
  const reports = altered.filter(({ payload }) => payload[0] === 0xff && payload[1] === 0xff && payload[2] === 0xff);
  const end = altered.at(-1)?.payload ?? new Uint8Array(0);
  assertEquals(end[0], 0, "It does not end with an OK packet");
  assertEquals(reports.length > 0, true, "No progress report came");
  return { rows: lengthEncoded(end.subarray(1))[0], after: transcript(await client.query("SELECT 'after'")) };
}, { servers: ["mariadb"], limit: 40_000 });
