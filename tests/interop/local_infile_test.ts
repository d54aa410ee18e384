import { assertEquals, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { runClient } from "../servers/clients.ts";
import { findProgram } from "../servers/installation.ts";
import { withMariadb, withMysql2 } from "./drivers.ts";
import { bytes, CAPABILITY, first, little, packet, RawClient, transcript } from "./raw_client.ts";
import { scenario, type Target } from "./scenario.ts";

const CREATE = "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(100))";
const SUM = "SELECT COUNT(*) AS count, SUM(id) AS sum, SUM(LENGTH(name)) AS length FROM t";

/** Lines for the table `t`, about `count` times 50 bytes. */
function lines(count: number): string {
  return Array.from({ length: count }, (_, index) => `${index}\t${"name ".repeat(8)}${index}\n`).join("");
}

/** Has mysql2 send `text` as the file that `sql` asks for. The outcome, an error included, as text. */
function loadWithMysql2(target: Target, text: string, sql: string): Promise<string> {
  return withMysql2(target, async (connection) => {
    const parts = [text.slice(0, 5), text.slice(5)].map((part) => Buffer.from(part));
    const options = { sql, infileStreamFactory: () => Readable.from(parts) };
    try {
      const [result] = await connection.query(options);
      return JSON.stringify(result);
    } catch (error) {
      return String(error);
    }
  });
}

scenario("mysql2 loads local files, some of which the server refuses", async (target) => {
  await withMysql2(target, (connection) => connection.query(CREATE));
  const sql = "LOAD DATA LOCAL INFILE 'x' INTO TABLE t";
  const outcomes = [
    await loadWithMysql2(target, lines(20_000), sql),
    await loadWithMysql2(target, lines(10), sql),
    await loadWithMysql2(target, lines(1000), sql.replace("TABLE t", "TABLE no_such_table")),
    await loadWithMysql2(target, lines(50_000), `${sql} (no_such_column)`),
  ];
  assertStringIncludes(outcomes[2], "no_such_table");
  const [rows] = await withMysql2(target, (connection) => connection.query(SUM));
  return { outcomes, rows };
});

scenario("the mariadb connector loads a local file and reports a missing one", async (target) => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/data.tsv`;
    await Deno.writeTextFile(path, lines(20_000));
    return await withMariadb(target, async (connection) => {
      await connection.query(CREATE);
      const loaded = await connection.query(`LOAD DATA LOCAL INFILE '${path}' INTO TABLE t`);
      assertEquals(loaded.affectedRows, 20_000);
      const missing = await connection.query(`LOAD DATA LOCAL INFILE '${folder}/nope' INTO TABLE t`)
        .then(() => "loaded", (error: unknown) => String(error).includes("nope"));
      assertEquals(missing, true);
      return [loaded, await connection.query(SUM)].map((it) => JSON.stringify(it));
    }, { permitLocalInfile: true });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (const kind of ["mariadb", "mysql"] as const) {
  scenario(`the ${kind} client loads local files: a good one, a missing one, a failing one`, async (target) => {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/data.tsv`;
      await Deno.writeTextFile(path, lines(100_000));
      const input = [
        CREATE,
        `LOAD DATA LOCAL INFILE '${path}' INTO TABLE t`,
        SUM,
        `LOAD DATA LOCAL INFILE '${folder}/missing' INTO TABLE t`,
        "SELECT 'after missing'",
        `LOAD DATA LOCAL INFILE '${path}' INTO TABLE no_such_table`,
        "SELECT 'after unknown table'",
        `LOAD DATA LOCAL INFILE '${path}' INTO TABLE t (no_such_column)`,
        "SELECT 'after unknown column'",
        "CREATE TABLE strict (id INT CHECK (id < 500))",
        `LOAD DATA LOCAL INFILE '${path}' INTO TABLE strict (id, @name)`,
        "SELECT 'after failed check', COUNT(*) FROM strict",
      ].join(";\n") + ";\n";
      const args = ["--local-infile=1", "--force", "--batch", target.database];
      const { stdout, stderr } = await runClient(kind, "client", target, args, { stdin: input });
      assertStringIncludes(stdout, "after failed check");
      assertStringIncludes(stderr, "no_such_table");
      return { stdout, stderr: stderr.replaceAll(folder, "") };
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }, { missing: findProgram(kind, "client") === undefined ? `no ${kind} client` : undefined });
}

for (const capabilities of [CAPABILITY.DEPRECATE_EOF, 0n]) {
  const name = capabilities === 0n ? "with EOF packets" : "without EOF packets";

  scenario(`the packets of LOAD DATA LOCAL INFILE are the server's own, ${name}`, async (target) => {
    using client = await RawClient.connect(target, capabilities);
    const seen = transcript(await client.query(CREATE));
    const load = async (sql: string, parts: readonly string[]) => {
      const asked = await client.query(sql);
      seen.push(...transcript(asked));
      if (first(asked)[0] !== 0xfb) return;
      let sequence = 2;
      for (const part of parts) await client.write(packet(sequence++ % 256, bytes(part)));
      await client.write(packet(sequence % 256, new Uint8Array(0)));
      seen.push(...transcript(await client.response()));
    };
    await load("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", ["1\tone\n2\tt", "wo\n3\tthree\n"]);
    await load("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", []);
    // A client that cannot read its file sends the empty packet alone; one that fails half-way ends early.
    await load("LOAD DATA LOCAL INFILE 'x' INTO TABLE no_such_table", ["1\tone\n"]);
    await load("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", Array.from({ length: 600 }, (_, i) => `${i + 10}\tn\n`));
    await load("SELECT 1; LOAD DATA LOCAL INFILE 'x' INTO TABLE t", ["7000\tx\n"]);
    seen.push(...transcript(await client.query(SUM)));
    return seen;
  });

  scenario(`LOAD DATA LOCAL INFILE between other statements of one query, ${name}`, async (target) => {
    using client = await RawClient.connect(target, capabilities);
    await client.query(CREATE);
    await client.send(
      3,
      "INSERT INTO t VALUES (1, 'a'); LOAD DATA LOCAL INFILE 'x' INTO TABLE t; SELECT COUNT(*) FROM t",
    );
    const inserted = await client.read();
    const asked = await client.read();
    assertEquals(asked.payload[0], 0xfb);
    const next = asked.sequence + 1;
    await client.write(bytes(packet(next, bytes("2\tb\n3\tc\n")), little(0, 3), next + 1));
    return transcript([inserted, asked, ...await client.response(), ...await client.query("SELECT 'after'")]);
  });
}
