import { assertEquals } from "@std/assert";
import { ACCOUNTS, APP, ROOT } from "../servers/users.ts";
import { query } from "../servers/sql.ts";
import { failureOf, withMariadb, withMysql2 } from "./drivers.ts";
import { packet, RawClient, transcript } from "./raw_client.ts";
import { scenario, type Target } from "./scenario.ts";

/** The accounts of the server, one after the other and back, so that the plugin changes on the way. */
function tour({ server }: Target): { user: string; password: string }[] {
  // Without a password mysql2 would try the one of before.
  const accounts = [...ACCOUNTS[server.kind].filter(({ plugin, password }) => plugin !== "ed25519" && password), APP];
  return accounts.map(({ user, password }) => ({ user, password }));
}

const WHO = "SELECT CURRENT_USER() AS user, DATABASE() AS db, @mark AS mark, @@autocommit AS autocommit";

scenario("mysql2 changes the user, which ends the old session", async (target) => {
  await query(target.server, "FLUSH PRIVILEGES");
  return await withMysql2(target, async (connection) => {
    const seen: unknown[] = [];
    for (const account of [...tour(target), ...tour(target)]) {
      await connection.query("SET @mark = 'here', autocommit = 0");
      await connection.changeUser({ ...account, database: target.database });
      const [rows] = await connection.query(WHO);
      seen.push(rows);
    }
    assertEquals(JSON.stringify(seen).includes("here"), false);
    return seen;
  });
});

scenario("the mariadb connector changes the user, between authentication plugins too", async (target) => {
  await query(target.server, "FLUSH PRIVILEGES");
  return await withMariadb(target, async (connection) => {
    const seen: unknown[] = [];
    const ed25519 = { user: "ed25519", password: "ed25519-secret" };
    for (const account of [...tour(target), ed25519, ...tour(target)]) {
      await connection.query("SET @mark = 'here', autocommit = 0");
      await connection.changeUser({ ...account, database: target.database });
      seen.push([...await connection.query(WHO)]);
    }
    assertEquals(JSON.stringify(seen).includes("here"), false);
    return seen;
  });
  // The connector refuses to do so with MySQL.
}, { servers: ["mariadb"] });

scenario(
  "a refused change of user gives the server's error 1045",
  (target) =>
    withMysql2(target, async (connection) => {
      const failure = await failureOf(connection.changeUser({ user: APP.user, password: "wrong" }));
      assertEquals([failure.errno, failure.sqlState], [1045, "28000"]);
      connection.destroy();
      return failure;
    }),
);

scenario("COM_RESET_CONNECTION and a change of user clean the session up", async (target) => {
  const seen: unknown[] = [];
  await withMariadb(target, async (connection) => {
    await connection.query("CREATE TABLE t (id INT) ENGINE = InnoDB");
    await connection.query("CREATE TEMPORARY TABLE mine (id INT)");
    await connection.query("SET @mark = 'here'");
    await connection.beginTransaction();
    await connection.query("INSERT INTO t VALUES (1)");
    await connection.reset();
    seen.push([...await connection.query(WHO)], [...await connection.query("SELECT * FROM t")]);
    seen.push(await failureOf(connection.query("SELECT * FROM mine")));
    await connection.ping();
  });
  assertEquals(JSON.stringify(seen[0]).includes("here"), false);
  assertEquals(seen[1], []);
  return seen;
});

scenario("the packets of a change of user are the server's own", async (target) => {
  using client = await RawClient.connect(target);
  const seen: string[] = [];
  const plugin = target.server.kind === "mariadb" ? "mysql_native_password" : "caching_sha2_password";
  for (
    const user of [
      ROOT.user,
      ACCOUNTS[target.server.kind].find(({ password }) => password === "")?.user ?? "root",
    ]
  ) {
    await client.send(17, `${user}\0`, 0, `${target.database}\0`, 45, 0, `${plugin}\0`);
    for (;;) {
      const { sequence, payload } = await client.read();
      // An auth switch carries random bytes; an empty answer is right for an empty password.
      seen.push(`${sequence} ${payload[0]} ${payload.length}`);
      if (payload[0] !== 0xfe) break;
      await client.write(packet(sequence + 1, new Uint8Array(0)));
    }
    seen.push(...transcript(await client.query("SELECT CURRENT_USER(), DATABASE()")));
  }
  return seen;
});
