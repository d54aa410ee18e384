import { assertEquals } from "@std/assert";
import { runClient } from "../servers/clients.ts";
import { findProgram } from "../servers/installation.ts";
import { failureOf, withMariadb, withMysql2 } from "./drivers.ts";
import { CAPABILITY, little, preparedTranscript, RawClient, statementId, transcript } from "./raw_client.ts";
import { scenario } from "./scenario.ts";

const MULTI = "SELECT 1 AS a; DO 0; SELECT 2 AS b, 3 AS c; SET @x = 1; SELECT * FROM (SELECT 1) AS t WHERE FALSE";

const PROCEDURES = [
  `CREATE PROCEDURE results (IN n INT, OUT total INT, INOUT text VARCHAR(20))
   BEGIN
     SELECT n AS n;
     SELECT n + 1 AS first UNION SELECT n + 2;
     SET total = n * 2, text = CONCAT(text, '!');
   END`,
  `CREATE PROCEDURE walk ()
   BEGIN
     DECLARE i, total INT DEFAULT 0;
     DECLARE done BOOL DEFAULT FALSE;
     DECLARE numbers CURSOR FOR
       WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 50) SELECT k FROM n;
     DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = TRUE;
     OPEN numbers;
     all_rows: LOOP
       FETCH numbers INTO i;
       IF done THEN LEAVE all_rows; END IF;
       SET total = total + i;
       IF i MOD 10 = 0 THEN SELECT i, total; END IF;
     END LOOP;
     CLOSE numbers;
   END`,
  `CREATE PROCEDURE fails ()
   BEGIN
     SELECT 'first';
     SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'half-way', MYSQL_ERRNO = 4711;
   END`,
];

scenario(
  "mysql2 reads several results of one query and of procedures",
  (target) =>
    withMysql2(target, async (connection) => {
      for (const procedure of PROCEDURES) await connection.query(procedure);
      const [multi] = await connection.query(MULTI);
      await connection.query("SET @text = 'oh'");
      const [called] = await connection.query("CALL results(20, @total, @text)");
      const [out] = await connection.query("SELECT @total AS total, @text AS text");
      assertEquals(out, [{ total: 40, text: "oh!" }]);
      const [walked] = await connection.query("CALL walk()");
      const [prepared] = await connection.execute("CALL results(?, @total, @text)", [21]);
      const failed = await failureOf(connection.query("CALL fails()"));
      assertEquals(failed.errno, 4711);
      const halfway = await failureOf(connection.query("SELECT 1; SELECT nonsense; SELECT 3"));
      assertEquals(halfway.errno, 1054);
      const [after] = await connection.query("SELECT 'after' AS it");
      return { multi, called, walked, prepared, failed, halfway, after };
    }, { multipleStatements: true }),
);

scenario(
  "the mariadb connector reads several results and OUT parameters",
  (target) =>
    withMariadb(target, async (connection) => {
      for (const procedure of PROCEDURES) await connection.query(procedure);
      const multi = await connection.query(MULTI);
      await connection.query("SET @text = 'oh'");
      const called = await connection.query("CALL results(20, @total, @text)");
      // As a prepared statement, OUT parameters come back as a result of their own.
      const out = await connection.execute("CALL results(?, ?, ?)", [20, null, "oh"]);
      assertEquals(JSON.stringify(out).includes('"total":40'), true, JSON.stringify(out));
      const walked = await connection.execute("CALL walk()");
      const failed = await failureOf(connection.query("CALL fails()"));
      assertEquals(failed.errno, 4711);
      const after = await connection.query("SELECT 'after' AS it");
      return [multi, called, out, walked, after, failed].map((it) => JSON.stringify(it));
    }, { multipleStatements: true }),
);

for (const capabilities of [CAPABILITY.DEPRECATE_EOF, 0n]) {
  const name = capabilities === 0n ? "with EOF packets" : "without EOF packets";
  scenario(`the packets of several results are the server's own, ${name}`, async (target) => {
    using client = await RawClient.connect(target, capabilities);
    for (const procedure of PROCEDURES) await client.query(procedure);
    const seen: string[] = [];
    for (const sql of [MULTI, "CALL walk()", "CALL fails()", "SELECT 1; SELECT nonsense; SELECT 3", "SELECT 'after'"]) {
      seen.push(...transcript(await client.query(sql)));
    }
    await client.send(22, "CALL results(?, ?, ?)");
    const prepared = await client.response("prepare");
    const types = [3, 0, 6, 0, 0xfd, 0];
    await client.send(23, statementId(prepared), 0, little(1, 4), 0b010, 1, ...types, little(7, 4), 2, "oh");
    seen.push(...preparedTranscript(prepared), ...transcript(await client.response()));
    seen.push(...transcript(await client.query("SELECT 'after'")));
    return seen;
  });
}

for (const kind of ["mariadb", "mysql"] as const) {
  scenario(`the ${kind} client shows several results and goes on after errors with --force`, async (target) => {
    const input =
      `delimiter //\n${PROCEDURES.join(" //\n")} //\ndelimiter ;\n${MULTI};\nCALL walk();\nCALL fails();\n` +
      "SET @t = 'x'; CALL results(4, @n, @t); SELECT @n, @t;\n";
    const outcome = await runClient(kind, "client", target, ["--force", "--batch", target.database], { stdin: input });
    assertEquals(outcome.stdout.endsWith("@n\t@t\n8\tx!\n"), true, outcome.stdout + outcome.stderr);
    return outcome;
  }, { missing: findProgram(kind, "client") === undefined ? `no ${kind} client` : undefined });
}
