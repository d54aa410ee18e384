import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { until } from "../servers/port.ts";
import { query } from "../servers/sql.ts";
import { Client, withClient } from "./script_proxy.ts";
import { printed, scriptTest } from "./script_test_case.ts";

scriptTest("tutorial/tutorial-basic", "prints statements", async ({ proxy }) => {
  await withClient(proxy, async (client) => assertEquals(await client.rows("SELECT 4711"), [[4711]]));
  await printed(proxy, "we got a normal query: SELECT 4711\n");
});

scriptTest("tutorial/tutorial-constants", "prints versions", async ({ proxy }) => {
  await withClient(proxy, (client) => client.rows("SELECT 1"));
  await printed(proxy, "PROXY_VERSION: 0x00900\n_VERSION: Lua 5.1\n");
});

scriptTest("tutorial/tutorial-inject", "runs a statement that the client does not see", async ({ proxy }) => {
  await withClient(proxy, async (client) => {
    for (let i = 0; i < 3; i++) assertEquals(await client.rows(`SELECT ${i}`), [[i]]);
    assertEquals((await client.failure("SELECT nothing")).errno, 1054);
  });
  await printed(proxy, /(injected query returned: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n){4}/);
});

scriptTest("tutorial/tutorial-keepalive", "shares connections", async ({ proxy, server, database }) => {
  // One connection at a time is opened, until more than four are idle.
  for (let i = 0; i < 7; i++) {
    await withClient(proxy, async (client) => {
      assertEquals(await client.value("SELECT DATABASE()"), database);
    }, { database });
  }
  const connections = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'";
  const open = Number((await query(server, connections))[0]?.[0]);
  assert(open >= 1 && open <= 6, `${open} connections`);
  await using one = await Client.open(proxy, { database });
  await using two = await Client.open(proxy);
  await one.rows("CREATE TABLE t (id INT) ENGINE = InnoDB");
  await one.rows("BEGIN");
  await one.rows("INSERT INTO t VALUES (1)");
  assertEquals(await two.value(`SELECT COUNT(*) FROM ${database}.t`), 0);
  await one.rows("COMMIT");
  assertEquals(await two.value(`SELECT COUNT(*) FROM ${database}.t`), 1);
  await printed(proxy, "[keepalive] using a connection of backend 1");
  await printed(proxy, "[keepalive] the client leaves");
  // Who leaves before the log-in is no reason for a record.
  const departures = () => proxy.log.split("[keepalive] the client leaves").length;
  const before = departures();
  (await Deno.connect({ hostname: "127.0.0.1", port: proxy.port })).close();
  await until(5_000, "the client to leave", () => Promise.resolve(departures() > before));
  await one.rows("DO 1");
  assert(!proxy.log.includes("(critical)"), proxy.log);
});

scriptTest("tutorial/tutorial-monitor", "prints statements and results", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    assertEquals(await client.rows("SELECT 1 AS a, NULL AS b"), [[1, null]]);
    await client.rows("CREATE TABLE t (id INT)");
    await client.failure("SELECT nothing");
  }, { database });
  await printed(
    proxy,
    /query: "SELECT 1 AS a, NULL AS b"\n.*response time: \d+ us\n {2}a = 1, b = NULL\nquery: "SELECT NOW\(\)"\n/,
  );
  await printed(proxy, /query: "CREATE TABLE t \(id INT\)"\n.*\n {2}affected rows: 0\n/);
  await printed(proxy, /query: "SELECT nothing"\n.*\n {2}error: Unknown column 'nothing'/);
});

scriptTest("tutorial/tutorial-packets", "prints commands and responses", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    await client.rows("SELECT 'x' AS a");
    await client.connection.execute("SELECT ? AS n", [12]);
    client.connection.unprepare("SELECT ? AS n");
    await client.connection.ping();
    await client.failure("SELECT nothing");
  }, { database });
  await printed(proxy, /\+--\[ command \]-+\+\n\| client: 127/);
  await printed(proxy, /\| \[COM_QUERY\] SELECT 'x' AS a +\|\n/);
  await printed(proxy, /\| 0000 {2}03 53 45 4c 45 43 54 20 27 78 27 20 41 53 20 61 {2}\.SELECT 'x' AS a +\|\n/);
  await printed(proxy, /\| field 1: a, type 253, of table +\|\n\| row: x +\|\n\| 1 rows, \d+ bytes +\|\n\+-+\+\n/);
  await printed(proxy, /\| statement: \d+, columns: 1, parameters: 1 +\|\n/);
  await printed(proxy, /\| parameter 1: type \d+, value 12 +\|\n/);
  await printed(proxy, "[COM_STMT_CLOSE]");
  await printed(proxy, "[COM_PING]");
  await printed(proxy, /error 1054 \(42S22\): Unknown column 'nothing'/);
  assert(!proxy.log.includes("critical"), proxy.log);
}, { servers: ["mariadb", "mysql"] });

scriptTest("tutorial/tutorial-prep-stmts", "prints what prepared statements do", async ({ proxy }) => {
  await withClient(proxy, async (client) => {
    for (const n of [1, 2]) {
      const [rows] = await client.connection.execute({ sql: "SELECT ? AS a, ? AS b", rowsAsArray: true }, [n, "text"]);
      assertEquals(JSON.stringify(rows), `[[${n},"text"]]`);
    }
    client.connection.unprepare({ sql: "SELECT ? AS a, ? AS b", rowsAsArray: true });
    await assertRejects(() => client.connection.execute("SELECT nothing"));
  });
  // Which number the statement has is the server's business: MariaDB goes on counting in a thread that served before.
  const prepared =
    /PREPARE SELECT \? AS a, \? AS b\n {2}statement (\d+): 2 columns, 2 parameters\nEXECUTE statement \1, flags \d+\n/;
  const [, id] = prepared.exec(await printed(proxy, prepared)) ?? [];
  await printed(proxy, /parameter 1: type \d+, value 2\n {2}parameter 2: type \d+, value text\n/);
  await printed(proxy, `CLOSE statement ${id}\n`);
  await printed(proxy, "PREPARE SELECT nothing\n  failed\n");
}, { servers: ["mariadb", "mysql"] });

scriptTest("tutorial/tutorial-query-time", "prints times", async ({ proxy }) => {
  await withClient(proxy, (client) => client.rows("SELECT SLEEP(0.2)"));
  const [, time] = /query-time: ([\d.]+)ms/.exec(await printed(proxy, /query-time: .*\nresponse-time: [\d.]+ms\n/)) ??
    [];
  assert(Number(time) >= 200 && Number(time) < 10_000, time);
});

scriptTest("tutorial/tutorial-resultset", "answers itself", async ({ proxy }) => {
  await withClient(proxy, async (one) => {
    await one.rows("SELECT 1");
    const [, fields] = await one.connection.query("SHOW QUERYCOUNTER");
    assertEquals(fields.map(({ name }) => name), ["global_query_counter", "query_counter"]);
    await withClient(proxy, async (two) => assertEquals(await two.rows("show querycounter"), [[3, 1]]));
    assertEquals(await one.rows("show querycounter"), [[4, 3]]);
    const failure = await one.failure("show myerror");
    assertEquals([failure.errno, failure.sqlState, failure.message], [1105, "07000", "my first error"]);
  });
}, { threads: 2 });

scriptTest("tutorial/tutorial-rewrite", "understands words of a shell", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    await client.rows("CREATE TABLE here (id INT)");
    assertEquals(await client.rows("ls"), [["here"]]);
    assert((await client.rows("ls mysql")).length > 5);
    assert((await client.rows("who")).length > 0);
    await client.rows("cd mysql");
    assertEquals(await client.value("SELECT DATABASE()"), "mysql");
    assertEquals((await client.failure("cd there_is_none")).errno, 1049);
    assertEquals(await client.rows("select 1"), [[1]]);
  }, { database });
});

scriptTest("tutorial/tutorial-routing", "prints addresses and refuses", async ({ proxy, server }) => {
  const error = await assertRejects(() => Client.open(proxy));
  assertEquals(error instanceof Error && error.message, "done");
  await printed(
    proxy,
    new RegExp(`--> client address: 127\\.0\\.0\\.1:\\d+, it has connected to 127\\.0\\.0\\.1:${proxy.port}\\n`),
  );
  await printed(
    proxy,
    new RegExp(`<-- server address: 127\\.0\\.0\\.1:${server.port}, reached from 127\\.0\\.0\\.1:\\d+\\n`),
  );
  await printed(proxy, /server version: \d+, thread: \d+\n/);
});

scriptTest("tutorial/tutorial-scramble", "replaces accounts", async ({ proxy, server, database }) => {
  const account = "'replaced'@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('replaced-secret')";
  await query(server, `CREATE OR REPLACE USER ${account}`, `GRANT ALL ON ${database}.* TO 'replaced'@'%'`);
  try {
    await withClient(proxy, async (client) => {
      assertMatch(String(await client.value("SELECT USER()")), /^replaced@/);
      assertEquals(await client.value("SELECT DATABASE()"), database);
    }, { user: "guest", password: "guest-secret", database });
    const error = await assertRejects(() => Client.open(proxy, { user: "guest", password: "wrong" }));
    assertEquals(error instanceof Error && error.message, "Access denied for user 'guest' by the proxy");
    await withClient(proxy, async (client) => assertMatch(String(await client.value("SELECT USER()")), /^app@/));
  } finally {
    await query(server, "DROP USER 'replaced'@'%'");
  }
});

scriptTest("tutorial/tutorial-states", "prints the life of a connection", async ({ proxy, server, database }) => {
  await withClient(proxy, (client) => client.rows("SELECT 1"), { database });
  await printed(proxy, "connect_server: a client from 127.0.0.1:");
  // Behind the connection that has asked whether the proxy listens.
  const life = await printed(proxy, /read_handshake[^]*disconnect_client: 127\.0\.0\.1:\d+\n/);
  const order = [
    `read_handshake: server 127.0.0.1:${server.port}`,
    `read_auth: user app, database ${database}`,
    "read_auth_result: ok",
    "read_query: command 3, 9 bytes",
    "read_query_result: query 1, 1 rows",
    "disconnect_client: 127.0.0.1:",
  ].map((text) => life.indexOf(text));
  assert(order.every((at, i) => at >= 0 && at > (order[i - 1] ?? -1)), life);
  const error = await assertRejects(() => Client.open(proxy, { user: "evil" }));
  assertEquals(error instanceof Error && error.message, "evil users may not log in");
}, { servers: ["mariadb", "mysql"] });

scriptTest("tutorial/tutorial-tokenize", "prints tokens", async ({ proxy }) => {
  await withClient(proxy, (client) => client.rows("SELECT 1 /* a comment */ + 2 FROM DUAL"));
  await printed(
    proxy,
    '1: TK_SQL_SELECT, "SELECT"\n2: TK_INTEGER, "1"\n3: TK_COMMENT, " a comment "\n4: TK_PLUS, "+"\n',
  );
  await printed(proxy, "normalized query: SELECT ? + ? FROM DUAL \n");
});

scriptTest("tutorial/tutorial-union", "puts two results together", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    assertEquals(await client.rows("SELECT 1, 'a' UNION SELECT 2, NULL"), [[1, "a"], [2, null], [1, "a"], [2, null]]);
    assertEquals((await client.failure("SELECT nothing")).errno, 1054);
    await client.rows("CREATE TABLE t (id INT)");
    await client.rows("INSERT INTO t VALUES (1)");
    assertEquals(await client.rows("SELECT * FROM t"), [[1], [1]]);
  }, { database });
});

scriptTest("tutorial/tutorial-warnings", "prints warnings", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    await client.rows("DROP TABLE IF EXISTS there_is_none");
    await client.rows("SELECT 1");
    assertEquals(await client.rows("SELECT 2"), [[2]]);
  }, { database });
  await printed(proxy, /query had 1 warnings: DROP TABLE IF EXISTS there_is_none\n {2}Note 1051: Unknown table/);
});
