import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { holdTempDir, removeTempDir } from "../servers/leash.ts";
import { until } from "../servers/port.ts";
import { APP, ROOT } from "../servers/users.ts";
import { Client, withClient } from "./script_proxy.ts";
import { printed, scriptTest } from "./script_test_case.ts";

scriptTest("tutorial/tutorial-sleep", "slows one user down, and no other", async ({ proxy, server, database }) => {
  await using app = await Client.open(proxy);
  await using root = await Client.open(proxy, { user: ROOT.user, password: ROOT.password });
  const begin = performance.now();
  let isOver = false;
  const slow = (async () => {
    for (let i = 0; i < 11; i++) assertEquals(await app.rows(`SELECT ${i}`), [[i]]);
    isOver = true;
  })();
  assertEquals(await root.rows("SELECT 1"), [[1]]);
  assert(!isOver);
  await slow;
  // Ten a second: ten of them wait for their turn.
  const seconds = (performance.now() - begin) / 1000;
  assert(seconds > 0.95, `${seconds} s`);

  // Who leaves while he waits is gone.
  const impatient = await Client.open(proxy, { database });
  for (let i = 0; i < 30; i++) impatient.connection.query("DO 1").catch(() => {});
  await until(5_000, "the first ones", async () => Number(await root.value("SELECT 1")) === 1);
  impatient.destroy();
  await until(5_000, "the client to be gone", async () => {
    await using other = await Client.open(server, { user: ROOT.user, password: ROOT.password });
    const left = await other.value(`SELECT COUNT(*) FROM information_schema.processlist WHERE db = '${database}'`);
    return Number(left) === 0;
  });
});

scriptTest("tutorial/tutorial-http", "fetches pages", async ({ proxy }) => {
  const body = Uint8Array.of(0, 255, 39, 92, 10);
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    if (new URL(request.url).pathname === "/teapot") return new Response("short and stout", { status: 418 });
    return new Response(body, { headers: { "content-type": "application/x-test" } });
  });
  const at = `http://127.0.0.1:${server.addr.port}`;
  try {
    await withClient(proxy, async (client) => {
      const [[status, type, content] = []] = await client.rows(`FETCH ${at}/some/page`);
      assertEquals([status, type], [200, "application/x-test"]);
      assertEquals(Array.from(typeof content === "string" ? new TextEncoder().encode(content) : bytes(content)), [
        ...body,
      ]);
      assertEquals((await client.rows(`fetch ${at}/teapot`))[0]?.[0], 418);
    });
  } finally {
    await server.shutdown();
  }
  await withClient(proxy, async (client) => {
    assertEquals((await client.failure(`FETCH ${at}/`)).errno, 1105);
    assertEquals(await client.rows("SELECT 1"), [[1]]);
  });
});

function bytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new Error(`Expected bytes, got ${typeof value}`);
}

scriptTest(
  "tutorial/tutorial-query",
  "asks backends on connections of its own",
  async ({ proxy, server, database }) => {
    await withClient(proxy, async (client) => {
      await client.rows("CREATE TABLE t (id INT) ENGINE = InnoDB");
      await client.rows("BEGIN");
      await client.rows("INSERT INTO t VALUES (1)");
      const address = `127.0.0.1:${server.port}`;
      // Not in the client's transaction.
      assertEquals(await client.rows(`ASK ALL SELECT COUNT(*) AS n FROM ${database}.t`), [[1, address, "n=0"]]);
      assertEquals(await client.rows("ask all DO 1"), [[1, address, "0 rows affected"]]);
      const [[, , answer] = []] = await client.rows("ASK ALL SELECT nothing");
      assertStringIncludes(String(answer), "error: Unknown column 'nothing'");
      await client.rows("COMMIT");
      assertEquals(await client.rows(`ASK ALL SELECT COUNT(*) AS n FROM ${database}.t`), [[1, address, "n=1"]]);
    }, { database });
  },
  { servers: ["mariadb", "mysql"], args: [`--proxy-query-user=${APP.user}`, `--proxy-query-password=${APP.password}`] },
);

scriptTest("tutorial/tutorial-counter", "counts on all threads", async ({ proxy }) => {
  const clients = await Promise.all(Array.from({ length: 6 }, () => Client.open(proxy)));
  await Promise.all(clients.map(async (client) => {
    for (let i = 0; i < 20; i++) await client.rows("SELECT 1");
    await client.failure("SELECT nothing");
  }));
  const [first, ...others] = clients;
  for (const client of others) await client.end();
  const counters = async () =>
    Object.fromEntries((await first?.rows("SHOW COUNTERS") ?? []).map(([name, n]) => [String(name), Number(n)]));
  await until(5_000, "the clients to leave", async () => (await counters())["open connections"] === 1);
  assertEquals(await counters(), { connections: 6, "open connections": 1, statements: 126, errors: 6 });
  await first?.end();
}, { threads: 2 });

scriptTest("tutorial/tutorial-global", "shares notes between threads", async ({ proxy }) => {
  const clients = await Promise.all(Array.from({ length: 6 }, () => Client.open(proxy)));
  await Promise.all(clients.map((client, n) => client.rows(`NOTE note${n} = text of ${n}`)));
  for (const client of clients) {
    await until(5_000, "the notes", async () => (await client.rows("SHOW NOTES")).length === clients.length);
    assertEquals(await client.rows("SHOW NOTES"), clients.map((_, n) => [`note${n}`, `text of ${n}`, "app", 1]));
  }
  await clients[0]?.rows("NOTE note3 =");
  for (const client of clients) {
    await until(5_000, "one note to go", async () => (await client.rows("SHOW NOTES")).length === clients.length - 1);
  }
  await Promise.all(clients.map((client) => client.end()));
}, { threads: 2 });

scriptTest("tutorial/tutorial-multi-results", "looks at all results", async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    await client.connection.query("SELECT 1; DO 2; SELECT 3, 4 UNION SELECT 5, 6");
    await printed(proxy, "3 results\n  1: 1 columns, 1 rows\n  2: no rows\n  3: 2 columns, 2 rows\n");
    await client.rows("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2, 3; END");
    await client.connection.query("CALL p()");
    await printed(proxy, "3 results\n  1: 1 columns, 1 rows\n  2: 2 columns, 1 rows\n  3: no rows\n");
  }, { database, multipleStatements: true });
});

scriptTest("tutorial/tutorial-server", "is a server", async ({ proxy }) => {
  await withClient(proxy, async (client) => {
    assertEquals(await client.rows("SELECT 1"), [["1"]]);
    assertEquals(await client.rows("select user()"), [["whoever"]]);
    const begin = performance.now();
    const slow = client.rows("SELECT slowly").then((rows) => ({ rows, after: performance.now() - begin }));
    await withClient(proxy, async (other) => assertEquals(await other.rows("SELECT 1"), [["1"]]));
    const { rows, after } = await slow;
    assertEquals(rows, [["at last"]]);
    assert(after >= 195, `${after} ms`);
    assertEquals((await client.failure("SELECT 2")).errno, 1064);
    await client.connection.ping();
    await assertRejects(() => client.connection.execute("SELECT ?", [1]), Error, "unknown command");
  }, { user: "whoever", password: "whatever" });
});

scriptTest("tutorial/tutorial-cache", "remembers results", async ({ proxy, database }) => {
  const options = { database };
  await using one = await Client.open(proxy, options);
  await using two = await Client.open(proxy, options);
  const sql = "SELECT /* cache */ NOW(6), NULL, 'x'";
  const first = await one.rows(sql);
  assertEquals(first[0]?.slice(1), [null, "x"]);
  assertEquals(await one.rows(sql), first);
  assertEquals(await two.rows(sql), first);
  assert(String(await one.value("SELECT NOW(6)")) > String(first[0]?.[0]));
  await withClient(proxy, async (other) => {
    assert(String(await other.value(sql)) > String(first[0]?.[0]));
  }, { user: ROOT.user, password: ROOT.password, database });
  await one.rows("CREATE TABLE t (id INT) ENGINE = InnoDB");
  await one.rows("BEGIN");
  await one.rows("INSERT INTO t VALUES (1)");
  assertEquals(await one.value("SELECT /* cache */ COUNT(*) FROM t"), 1);
  await one.rows("ROLLBACK");
  assertEquals(await one.value("SELECT /* cache */ COUNT(*) FROM t"), 0);
  assertEquals((await one.failure("SELECT /* cache */ nothing")).errno, 1054);
});

scriptTest("tutorial/tutorial-firewall", "lets pass what it has learned", async ({ proxy, database }) => {
  const folder = await holdTempDir("firewall");
  try {
    await using app = await Client.open(proxy, { database });
    await using root = await Client.open(proxy, { user: ROOT.user, password: ROOT.password });
    await app.rows("CREATE TABLE t (id INT, name VARCHAR(10))");
    await root.rows('PROXY SET GLOBAL firewall.mode = "learn"');
    await app.rows("SELECT * FROM t WHERE id = 1 AND name = 'a'");
    await root.rows('PROXY SET GLOBAL firewall.mode = "protect"');
    assertEquals(await app.rows("select * from t where id=2 and name='b'"), []);
    const attack = "SELECT * FROM t WHERE id = 1 AND name = '' OR 1 = 1";
    assertEquals((await app.failure(attack)).errno, 1227);
    await printed(proxy, "[firewall] refused: SELECT * FROM `t` WHERE `id` = ? AND `name` = ? OR ? = ? \n");
    await assertRejects(() => app.connection.execute("SELECT * FROM t"), Error, "firewall");
    assertEquals((await app.failure('PROXY SET GLOBAL firewall.mode = "off"')).errno, 1227);

    await root.rows(`PROXY SAVE CONFIG INTO "${folder}/firewall.lua"`);
    assertStringIncludes(
      await Deno.readTextFile(`${folder}/firewall.lua`),
      "SELECT * FROM `t` WHERE `id` = ? AND `name` = ? ",
    );
    await root.rows('PROXY SET GLOBAL firewall.mode = "off"');
    assertEquals(await app.rows(attack), []);
    await root.rows(`PROXY LOAD CONFIG FROM "${folder}/firewall.lua"`);
    assertEquals((await app.failure(attack)).errno, 1227);
  } finally {
    await removeTempDir(folder);
  }
});
