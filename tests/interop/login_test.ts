import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { findProgram } from "../servers/installation.ts";
import { runClient } from "../servers/clients.ts";
import { query } from "../servers/sql.ts";
import { type Account, ACCOUNTS, APP, ROOT } from "../servers/users.ts";
import { connectMariadb, connectMysql2, failureOf, withMariadb, withMysql2 } from "./drivers.ts";
import { scenario, type Target } from "./scenario.ts";

/** Forgets the passwords that caching_sha2_password has seen, so that the next log-in is a full one. */
async function forgetPasswords({ server }: Target): Promise<void> {
  await query(server, "FLUSH PRIVILEGES");
}

function credentials({ user, password }: Account): { user: string; password: string } {
  return { user, password };
}

for (const kind of ["mariadb", "mysql"] as const) {
  for (const account of [ROOT, APP, ...ACCOUNTS[kind]]) {
    const plugin = account.plugin || "the default plugin";
    if (account.plugin !== "ed25519") { // mysql2 does not know it
      scenario(`mysql2 logs in as ${account.user} with ${plugin}, in full and from the cache`, async (target) => {
        await forgetPasswords(target);
        const users: unknown[] = [];
        for (let attempt = 0; attempt < 3; attempt++) {
          users.push(
            await withMysql2(target, async (connection) => {
              const [rows] = await connection.query("SELECT CURRENT_USER() AS user, DATABASE() AS db");
              return rows;
            }, credentials(account)),
          );
        }
        assertMatch(JSON.stringify(users[0]), new RegExp(`"${account.user}@`));
        return users;
      }, { servers: [kind] });
    }

    scenario(`mariadb logs in as ${account.user} with ${plugin}, in full and from the cache`, async (target) => {
      await forgetPasswords(target);
      const users: unknown[] = [];
      for (let attempt = 0; attempt < 3; attempt++) {
        users.push(
          await withMariadb(
            target,
            (connection) => connection.query("SELECT CURRENT_USER() AS user, DATABASE() AS db"),
            credentials(account),
          ),
        );
      }
      assertMatch(JSON.stringify(users[0]), new RegExp(`"${account.user}@`));
      return users;
    }, { servers: [kind] });

    for (const client of ["mariadb", "mysql"] as const) {
      if (client === "mysql" && account.plugin === "ed25519") continue;
      scenario(`the ${client} client logs in as ${account.user} with ${plugin}`, async (target) => {
        await forgetPasswords(target);
        const outcomes = [];
        for (const args of [[], ["--compress"], []]) {
          const outcome = await runClient(client, "client", { port: target.port, account }, [
            ...args,
            "--batch",
            "--execute=SELECT CURRENT_USER(), DATABASE()",
            target.database,
          ]);
          assertEquals(outcome.code, 0, outcome.stderr);
          assertStringIncludes(outcome.stdout, `${account.user}@`);
          outcomes.push(outcome);
        }
        return outcomes;
      }, {
        servers: [kind],
        missing: findProgram(client, "client") === undefined ? `no ${client} client` : undefined,
      });
    }
  }
}

scenario("wrong passwords are refused by the server itself, with its error 1045", async (target) => {
  await forgetPasswords(target);
  const failures = [];
  for (const account of [APP, ...ACCOUNTS[target.server.kind].filter(({ plugin }) => plugin !== "ed25519")]) {
    const wrong = { user: account.user, password: "wrong" };
    failures.push(await failureOf(connectMysql2(target, wrong)));
    failures.push(await failureOf(connectMariadb(target, wrong)));
    if (account.password === "") continue;
    failures.push(await failureOf(connectMysql2(target, { user: account.user, password: "" })));
  }
  failures.push(await failureOf(connectMysql2(target, { user: "nobody", password: "x" })));
  failures.push(await failureOf(connectMariadb(target, { user: "nobody", password: "x" })));
  for (const { errno, sqlState } of failures) {
    assertEquals([errno, sqlState], [1045, "28000"]);
  }
  return failures;
});

scenario("an unknown database at log-in gives the server's error 1049", async (target) => {
  const failures = [
    await failureOf(connectMysql2(target, { database: "no_such_db" })),
    await failureOf(connectMariadb(target, { database: "no_such_db" })),
  ];
  assertEquals(failures.map(({ errno }) => errno), [1049, 1049]);
  return failures;
});

scenario("log-in without a database and selection of one later", (target) =>
  withMariadb(target, async (connection) => {
    const before = await connection.query("SELECT DATABASE() AS db");
    await connection.query(`USE ${target.database}`);
    const after = await connection.query("SELECT DATABASE() AS db");
    assertEquals(after[0].db, target.database);
    return [before, after];
  }, { database: "" }));

scenario("connection attributes arrive at the server", (target) =>
  withMysql2(target, async (connection) => {
    const [rows] = await connection.query(
      "SELECT ATTR_NAME, ATTR_VALUE FROM performance_schema.session_connect_attrs " +
        "WHERE PROCESSLIST_ID = CONNECTION_ID() AND ATTR_NAME = 'colour'",
    );
    if (target.server.kind === "mysql") assertEquals(rows, [{ ATTR_NAME: "colour", ATTR_VALUE: "mauve" }]);
    return rows;
  }, { connectAttributes: { colour: "mauve", long: "x".repeat(300) } }));

scenario("40 clients that log in at the same time are all served", async (target) => {
  await forgetPasswords(target);
  const answers = await Promise.all(Array.from({ length: 40 }, (_, index) =>
    withMysql2(target, async (connection) => {
      const [rows] = await connection.query(`SELECT ${index} AS answer`);
      return rows;
    })));
  assertEquals(answers, Array.from({ length: 40 }, (_, index) => [{ answer: index }]));
  return answers;
});
