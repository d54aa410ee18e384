import { assertEquals, assertMatch } from "@std/assert";
import { runClient } from "../servers/clients.ts";
import { findProgram, type Kind } from "../servers/installation.ts";
import { query } from "../servers/sql.ts";
import { scenario, type Target } from "./scenario.ts";

const SCHEMA = [
  "CREATE TABLE parents (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100) CHARACTER SET utf8mb4 NOT NULL)",
  "CREATE TABLE children (id INT PRIMARY KEY, parent INT, data LONGBLOB, d DATETIME(6), n DECIMAL(20, 5)," +
  " FOREIGN KEY (parent) REFERENCES parents (id))",
  "CREATE VIEW names AS SELECT name FROM parents WHERE id < 10",
  "CREATE TRIGGER t BEFORE INSERT ON parents FOR EACH ROW SET NEW.name = COALESCE(NULLIF(NEW.name, ''), 'nobody')",
  "CREATE PROCEDURE p (IN n INT) SELECT n + 1",
  "CREATE FUNCTION f (n INT) RETURNS INT DETERMINISTIC RETURN n * 2",
  "INSERT INTO parents (name) VALUES ('äöü€😀'), ('it''s \\\\ \"quoted\"'), ('')",
  "INSERT INTO parents (name) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) " +
  "SELECT CONCAT('name ', i) FROM n",
  "INSERT INTO children SELECT id, id, REPEAT(UNHEX(LPAD(HEX(id % 256), 2, '0')), id * 30), " +
  "'2024-02-29 12:34:56.789', id / 7 FROM parents",
];

async function fill({ server, database }: Target): Promise<void> {
  await query(server, `USE ${database}`, "SET NAMES utf8mb4", ...SCHEMA);
}

/** What is in the database, straight from the server. */
async function contents({ server }: Target, database: string): Promise<unknown> {
  const seen = [];
  for (
    const sql of [
      "SELECT COUNT(*), SUM(id), SUM(CRC32(name)) FROM parents",
      "SELECT COUNT(*), SUM(CRC32(data)), SUM(LENGTH(data)), MIN(d), SUM(n) FROM children",
      "SELECT COUNT(*) FROM names",
      "SELECT f(21)",
    ]
  ) {
    seen.push(await query(server, `USE ${database}`, sql));
  }
  return seen;
}

/** A dump without the times, versions and hosts of its comments. */
function comparable(dump: string): string {
  return dump.split("\n").filter((line) => !line.startsWith("-- ") && !/GTID_PURGED/.test(line)).join("\n");
}

for (const kind of ["mariadb", "mysql"] as const) {
  const missing = ["dump", "client"].find((name) => findProgram(kind, name) === undefined);

  scenario(`a dump by ${kind}'s program restores through the same way to the same data`, async (target) => {
    await fill(target);
    const before = await contents(target, target.database);
    const args = ["--routines", "--triggers", "--single-transaction", "--hex-blob", ...ownOptions(kind, target)];
    const dump = await runClient(kind, "dump", target, [...args, target.database]);
    assertEquals(dump.code, 0, dump.stderr);
    assertMatch(dump.stdout, /-- Dump completed/);
    const copy = `${target.database}_copy`;
    await query(target.server, `DROP DATABASE IF EXISTS ${copy}`, `CREATE DATABASE ${copy}`);
    try {
      const restored = await runClient(kind, "client", target, [copy], { stdin: dump.stdout });
      assertEquals(restored.code, 0, restored.stderr);
      assertEquals(await contents(target, copy), before);
    } finally {
      await query(target.server, `DROP DATABASE IF EXISTS ${copy}`);
    }
    return { before, dump: comparable(dump.stdout) };
  }, { missing: missing === undefined ? undefined : `no ${missing} program of ${kind}` });

  scenario(`a dump by ${kind}'s program to tab-separated files loads again with its import`, async (target) => {
    await fill(target);
    const before = await contents(target, target.database);
    const folder = await Deno.makeTempDir();
    await Deno.chmod(folder, 0o777);
    try {
      const args = ["--no-create-info", "--skip-triggers", ...ownOptions(kind, target), `--tab=${folder}`];
      const dump = await runClient(kind, "dump", target, [...args, target.database, "parents", "children"]);
      assertEquals(dump.code, 0, dump.stderr);
      await query(target.server, `USE ${target.database}`, "DELETE FROM children", "DELETE FROM parents");
      for (const table of ["parents", "children"]) {
        const path = `${folder}/${table}.txt`;
        const loaded = await runClient(kind, "import", target, ["--local", target.database, path]);
        assertEquals(loaded.code, 0, loaded.stderr);
      }
      // Bytes that are no text do not survive the import's character set; the rest does.
      const count = await query(target.server, `SELECT COUNT(*), SUM(CRC32(name)) FROM ${target.database}.parents`);
      assertEquals(count[0]?.[0], "903");
      return [before, count];
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }, {
    missing: findProgram(kind, "import") === undefined ? `no import program of ${kind}` : missing,
  });
}

/** What a program needs to dump from a server that is not of its own kind. */
function ownOptions(kind: Kind, { server }: Target): string[] {
  if (kind !== "mysql") return [];
  return server.kind === "mysql" ? ["--set-gtid-purged=OFF"] : ["--column-statistics=0", "--set-gtid-purged=OFF"];
}
