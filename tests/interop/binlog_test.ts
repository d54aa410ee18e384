import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runClient } from "../servers/clients.ts";
import { findProgram } from "../servers/installation.ts";
import { query } from "../servers/sql.ts";
import { ROOT } from "../servers/users.ts";
import { little, RawClient } from "./raw_client.ts";
import { scenario, type Target } from "./scenario.ts";

/** Begins a binary log, writes to it, and begins the next, so that the first is complete. Returns the first's name. */
async function writeLog({ server, database }: Target): Promise<string> {
  const status = server.kind === "mysql" ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
  await query(server, "FLUSH BINARY LOGS");
  const name = (await query(server, status))[0]?.[0];
  assert(name);
  await query(
    server,
    `USE ${database}`,
    "CREATE TABLE logged (id INT PRIMARY KEY, data LONGTEXT)",
    "INSERT INTO logged VALUES (1, 'one'), (2, 'two')",
    "INSERT INTO logged VALUES (3, REPEAT('x', 3000000))",
    "UPDATE logged SET data = 'changed' WHERE id = 1",
    "FLUSH BINARY LOGS",
  );
  return String(name);
}

/** Statements and rows, without times and positions. */
function comparable(log: string): string[] {
  return log.split("\n").filter((line) => /^(###|CREATE|BEGIN|COMMIT|ROLLBACK|use )/i.test(line));
}

for (const kind of ["mariadb", "mysql"] as const) {
  scenario(`${kind}'s binlog program reads the log from the server`, async (target) => {
    const name = await writeLog(target);
    const args = ["--read-from-remote-server", "--verbose", "--base64-output=DECODE-ROWS", name];
    const outcome = await runClient(kind, "binlog", { ...target, account: ROOT }, args);
    assertEquals(outcome.code, 0, outcome.stderr);
    assertStringIncludes(outcome.stdout, "changed");
    return comparable(outcome.stdout);
  }, {
    servers: [kind],
    missing: findProgram(kind, "binlog") === undefined ? `no binlog program of ${kind}` : undefined,
  });
}

scenario("MySQL's binlog program reads transactions by their GTIDs", async (target) => {
  const name = await writeLog(target);
  const args = ["--read-from-remote-source=BINLOG-DUMP-GTIDS", "--verbose", "--base64-output=DECODE-ROWS", name];
  const outcome = await runClient("mysql", "binlog", { ...target, account: ROOT }, args);
  assertEquals(outcome.code, 0, outcome.stderr);
  assertStringIncludes(outcome.stdout, "changed");
  return comparable(outcome.stdout);
}, {
  servers: ["mysql"],
  missing: findProgram("mysql", "binlog") === undefined ? "no binlog program of mysql" : undefined,
});

scenario("a replica that follows the log gets each event as it is written", async (target) => {
  const name = await writeLog(target);
  using replica = await RawClient.connect(target);
  await replica.query("SET @master_binlog_checksum = 'NONE', @source_binlog_checksum = 'NONE'");
  // The server then sends a heartbeat of its own accord; it would be noise here.
  await replica.query("SET @master_heartbeat_period = 0, @source_heartbeat_period = 0");
  // COM_BINLOG_DUMP: position, flags (0: wait for more), server id, file.
  await replica.send(18, little(4, 4), little(0, 2), little(4711, 4), name);
  const until = async (text: string) => {
    for (let count = 1;; count++) {
      const { payload } = await replica.read();
      assertEquals(payload[0], 0, `Not an event: ${new TextDecoder().decode(payload.subarray(0, 100))}`);
      if (new TextDecoder("latin1").decode(payload).includes(text)) return count;
    }
  };
  await until("changed");
  await query(target.server, `INSERT INTO ${target.database}.logged VALUES (4, 'written later')`);
  await until("written later");
  await query(target.server, `INSERT INTO ${target.database}.logged VALUES (5, 'and later')`);
  await until("and later");
});

scenario("a request for a log that does not exist gives the server's error", async (target) => {
  using replica = await RawClient.connect(target);
  await replica.query("SET @master_binlog_checksum = 'NONE', @source_binlog_checksum = 'NONE'");
  await replica.send(18, little(4, 4), little(0, 2), little(4712, 4), "no-such-log.000001");
  for (;;) {
    const { payload } = await replica.read();
    if (payload[0] === 0xff) return (payload[1] ?? 0) | (payload[2] ?? 0) << 8;
  }
});
