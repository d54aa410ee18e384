import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Address } from "../../../lib/net/address.ts";
import { clientTlsContext, type ClientTlsOptions } from "../../../lib/net/tls_context.ts";
import { tlsAvailable } from "../../../lib/net/tls_provider.ts";
import { encodeText } from "../../../lib/protocol/mod.ts";
import type { QueryOutcome } from "../../../lib/script/mod.ts";
import { type OwnAccount, OwnQueryError, type OwnTarget } from "../../../plugins/proxy/own_connection.ts";
import { OwnQueries, type OwnQueryOptions, runOwnQuery } from "../../../plugins/proxy/own_query.ts";
import { assertKind } from "../../protocol/hex.ts";
import {
  type AuthenticationAccount,
  authenticationInstallations,
  forgetPasswords,
  hasAutomaticTls,
  startAuthenticationServer,
} from "../../servers/authentication_server.ts";
import { makeCertificates } from "../../servers/certificates.ts";
import type { Kind } from "../../servers/installation.ts";
import { until } from "../../servers/port.ts";
import type { ServerInfo } from "../../servers/server.ts";
import { sharedServer, startMariadb, startMysql, whyMissing } from "../../servers/servers.ts";
import { query } from "../../servers/sql.ts";
import { APP, ROOT } from "../../servers/users.ts";
import { certificateFiles } from "./tls_stage.ts";

/** Deno 2.4 takes sockets of node:net, which end by themselves, for leaks, and what a stream keeps for a moment. */
const UNSANITIZED = { sanitizeOps: false, sanitizeResources: false };

/** Where a server is. */
type Place = Pick<ServerInfo, "port" | "socket">;

function target(address: Address, changed: Partial<OwnTarget> = {}, tls: Partial<ClientTlsOptions> = {}): OwnTarget {
  const name = address.transport === "tcp" ? `${address.hostname}:${address.port}` : address.path;
  const tlsContext = () => clientTlsContext({ verification: "none", ...tls });
  return { name, address, tls: "disabled", tlsContext, proxyProtocol: 0, ...changed };
}

function byTcp(
  { port }: Pick<Place, "port">,
  changed?: Partial<OwnTarget>,
  tls?: Partial<ClientTlsOptions>,
): OwnTarget {
  return target({ transport: "tcp", hostname: "127.0.0.1", port }, changed, tls);
}

function bySocket({ socket }: Place): OwnTarget {
  return target({ transport: "unix", path: socket });
}

function options(changed: Partial<OwnQueryOptions> = {}): OwnQueryOptions {
  return { timeout: 20, signal: new AbortController().signal, ...changed };
}

function text(outcome: QueryOutcome): readonly (readonly (string | null)[])[] {
  if (outcome.kind !== "rows") throw new TypeError(`No rows: ${JSON.stringify(outcome)}`);
  return outcome.rows.map((row) => row.map((value) => value === null ? null : new TextDecoder().decode(value)));
}

async function rows(at: OwnTarget, account: OwnAccount, sql: string): Promise<ReturnType<typeof text>> {
  return text(await runOwnQuery(at, encodeText(sql), account, options()));
}

async function failure(work: Promise<unknown>): Promise<OwnQueryError> {
  return await assertRejects(() => work, OwnQueryError);
}

async function shared(kind: Kind): Promise<ServerInfo> {
  const server = await sharedServer(kind);
  if ("missing" in server) throw new Error(server.missing);
  return server.server;
}

const KNOWN_PLUGINS: readonly string[] = ["mysql_native_password", "caching_sha2_password", "sha256_password"];

function isKnown({ clientPlugins }: AuthenticationAccount): boolean {
  return clientPlugins.length === 1 && KNOWN_PLUGINS.includes(clientPlugins[0]);
}

for (const installation of authenticationInstallations()) {
  const { kind, version } = installation;
  Deno.test({
    name: `runOwnQuery() logs in to ${kind} ${version} with every password, in TLS, without, and by a Unix socket`,
    ignore: !tlsAvailable() || whyMissing(kind) !== undefined,
    ...UNSANITIZED,
    async fn(t) {
      const certificates = hasAutomaticTls(installation) ? undefined : await makeCertificates();
      const tls = certificates === undefined ? {} : { tls: { ca: certificates.ca, ...certificates.server } };
      const { server, accounts } = await startAuthenticationServer(installation, tls);
      const ways: Readonly<Record<string, OwnTarget>> = {
        "TLS": byTcp(server, { tls: "required" }),
        "no TLS": byTcp(server),
        "a Unix socket": bySocket(server),
      };
      try {
        assert(accounts.some(isKnown));
        for (const account of accounts) {
          await t.step(`${account.user} (${account.plugin})`, async () => {
            for (const [way, at] of Object.entries(ways)) {
              const where = `${account.user}, ${way}`;
              if (!isKnown(account)) {
                const { code, message } = await failure(rows(at, account, "SELECT 1"));
                // A server may refuse several factors before it asks for the first.
                assert(code === "cannot-log-in" || code === "refused", `${where}: ${message}`);
                continue;
              }
              await forgetPasswords(server);
              if (account.requireTls && way !== "TLS") {
                assertEquals((await failure(rows(at, account, "SELECT 1"))).errorNumber, 1045, where);
                continue;
              }
              for (const state of ["cold", "warm"]) {
                const found = await rows(at, account, "SELECT CURRENT_USER()");
                assertEquals(found, [[`${account.user}@%`]], `${where}, ${state}`);
              }
              const wrong = await failure(rows(at, { ...account, password: `${account.password}x` }, "SELECT 1"));
              assertEquals([wrong.code, wrong.errorNumber], ["refused", 1045], `${where}: ${wrong.message}`);
              assertStringIncludes(wrong.message, at.name);
              assertStringIncludes(wrong.message, "Access denied");
            }
          });
        }
      } finally {
        await server.stop();
      }
    },
  });
}

for (const kind of ["mysql", "mariadb"] as const) {
  Deno.test({
    name: `runOwnQuery() brings home what ${kind} answers`,
    ignore: whyMissing(kind) !== undefined,
    async fn() {
      const at = byTcp(await shared(kind));
      const name = `own_query_${crypto.randomUUID().replaceAll("-", "")}`;
      const run = (sql: string | Uint8Array, database?: string) =>
        runOwnQuery(
          at,
          typeof sql === "string" ? encodeText(sql) : sql,
          { user: ROOT.user, password: ROOT.password, ...(database === undefined ? {} : { database }) },
          options(),
        );
      await run(`CREATE DATABASE ${name}`);
      try {
        const created = await run(
          "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, b BLOB, s VARCHAR(9)) CHARACTER SET utf8mb4",
          name,
        );
        assertEquals(created, { kind: "ok", affectedRows: 0, insertId: 0, warnings: 0 });
        const insert = Uint8Array.of(
          ...encodeText("INSERT INTO t (b, s) VALUES (_binary'"),
          ...[1, 0xfe, 0xff, 0xfb],
          ...encodeText("', 'ü😀'), (NULL, ''), (X'00', NULL)"),
        );
        assertEquals(await run(insert, name), { kind: "ok", affectedRows: 3, insertId: 1, warnings: 0 });
        assertEquals(await run("SELECT id, b, s FROM t ORDER BY id", name), {
          kind: "rows",
          columns: [{ name: "id", type: 3 }, { name: "b", type: 252 }, { name: "s", type: 253 }],
          rows: [
            [encodeText("1"), Uint8Array.of(1, 0xfe, 0xff, 0xfb), encodeText("ü😀")],
            [encodeText("2"), null, new Uint8Array(0)],
            [encodeText("3"), Uint8Array.of(0), null],
          ],
        });
        const warned = await run(`DROP TABLE IF EXISTS nothing`, name);
        assertKind(warned, "ok");
        assertEquals(warned.warnings, 1);
        assertEquals(text(await run("SELECT DATABASE()")), [[null]]);
        assertEquals(text(await run("SELECT DATABASE()", name)), [[name]]);
        assertEquals((await run("SELECT id FROM t WHERE false", name)).kind, "rows");

        const wrong = await run("SELEKT 1");
        assertKind(wrong, "error");
        assertEquals([wrong.code, wrong.sqlState], [1064, "42000"]);
        const two = await run("SELECT 1; DROP TABLE t", name);
        assertKind(two, "error");
        assertEquals(two.code, 1064);

        await run("CREATE PROCEDURE p() BEGIN SELECT 1, 2; SELECT 3; END", name);
        await run("CREATE PROCEDURE q() BEGIN SELECT 1; SELECT * FROM nothing; END", name);
        assertEquals(text(await run("CALL p()", name)), [["1", "2"]]);
        const broken = await run("CALL q()", name);
        assertKind(broken, "error");
        assertEquals(broken.code, 1146);

        const late = await run("SELECT 1 UNION ALL SELECT (SELECT 1 UNION ALL SELECT 2)");
        assertKind(late, "error");
        assertEquals(late.code, 1242);

        const unknown = await failure(run("SELECT 1", "no_such_database"));
        assertEquals([unknown.code, unknown.errorNumber], ["refused", 1049]);
        const file = await run(`LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t`, name);
        assertKind(file, "error");
      } finally {
        await run(`DROP DATABASE ${name}`);
      }
    },
  });

  Deno.test({
    name: `OwnQueries keeps connections to ${kind}, and each query finds a session as after a login`,
    ignore: whyMissing(kind) !== undefined,
    async fn() {
      const at = byTcp(await shared(kind));
      const account = { user: ROOT.user, password: ROOT.password };
      const queries = new OwnQueries({ idleLimit: 2 });
      const run = (sql: string, as: OwnAccount = account) => queries.run(at, encodeText(sql), as, options());
      const value = async (sql: string, as?: OwnAccount) => text(await run(sql, as))[0]?.[0];
      try {
        const session = "@@character_set_client, @@character_set_results, @@collation_connection, DATABASE(), @a, " +
          "@@sql_mode, @@autocommit, IS_USED_LOCK('own_query'), LAST_INSERT_ID()";
        const sql = `SELECT ${session}`;
        const id = await value("SELECT CONNECTION_ID()");
        assertEquals(await value("SELECT CONNECTION_ID()"), id);
        const before = text(await runOwnQuery(at, encodeText(sql), account, options()));
        assertEquals(before[0]?.[0], "utf8mb4");
        for (
          const change of [
            "SET @a = 1, sql_mode = 'ANSI', autocommit = 0",
            "SET NAMES latin1",
            "SELECT GET_LOCK('own_query', 0), LAST_INSERT_ID(7)",
            "BEGIN",
          ]
        ) {
          await run(change);
          assertEquals(text(await run(sql)), before, change);
        }
        assertEquals(await value("SELECT CONNECTION_ID()"), id);

        await run("USE mysql");
        assertEquals(text(await run(sql)), before);
        assert(await value("SELECT CONNECTION_ID()") !== id);
        assertEquals(await value("SELECT DATABASE()", { ...account, database: "mysql" }), "mysql");
        assertEquals(queries.idle, 2);
        const brief = new OwnQueries({ idleTimeout: 0.05 });
        await brief.run(at, encodeText("DO 1"), account, options());
        assertEquals(brief.idle, 1);
        await until(5000, "to be let go", () => Promise.resolve(brief.idle === 0));
        await brief.close();

        await Promise.all([1, 2, 3, 4].map(() => run("DO SLEEP(0.05)")));
        assertEquals(queries.idle, 3);
        const failed = await run("SELEKT");
        assertEquals([failed.kind, queries.idle], ["error", 3]);
      } finally {
        await queries.close();
      }
      assertEquals(queries.idle, 0);
    },
  });

  Deno.test({
    name: `OwnQueries survives connections that ${kind} closes, and gives up what takes too long`,
    ignore: whyMissing(kind) !== undefined,
    async fn() {
      const server = await shared(kind);
      const at = byTcp(server);
      const account = { user: APP.user, password: APP.password };
      const queries = new OwnQueries({ resultLimit: 100_000 });
      const run = (sql: string, changed: Partial<OwnQueryOptions> = {}) =>
        queries.run(at, encodeText(sql), account, options(changed));
      try {
        await run("DO 1");
        const [[id] = []] = text(await run("SELECT CONNECTION_ID()"));
        assertEquals(queries.idle, 1);
        await query(server, `KILL ${id}`);
        await until(5000, "to be closed", () => Promise.resolve(queries.idle === 0));
        assertEquals((await run("SELECT 1")).kind, "rows");

        const [[own] = []] = text(await run("SELECT CONNECTION_ID()"));
        const killed = run(`KILL ${own}`);
        // The server may say so before it closes, or not.
        const outcome = await killed.catch((error: unknown) => error);
        assert(outcome instanceof OwnQueryError ? outcome.code === "closed" : outcome !== undefined);

        const late = await failure(run("DO SLEEP(10)", { timeout: 0.1 }));
        assertEquals(late.code, "timed-out");
        assertEquals(late.message, `Cannot query backend ${at.name}: there was no answer within 0.1 s`);

        const controller = new AbortController();
        const aborted = run("DO SLEEP(10)", { signal: controller.signal });
        setTimeout(() => controller.abort(), 50);
        await assertRejects(() => aborted, DOMException, "aborted");
        await assertRejects(() => run("DO 1", { signal: controller.signal }), DOMException, "aborted");

        const large = await failure(run("SELECT REPEAT('x', 200000)"));
        assertEquals(large.code, "too-large");
        assertStringIncludes(large.message, at.name);
        assertEquals((await run("SELECT 1")).kind, "rows");
      } finally {
        await queries.close();
      }
    },
  });
}

Deno.test({
  name: "runOwnQuery() takes TLS and the PROXY protocol by the backend's terms",
  ignore: !tlsAvailable() || whyMissing("mariadb") !== undefined,
  async fn() {
    const files = await certificateFiles();
    const [encrypted, open] = await Promise.all([
      startMariadb({
        tls: { ca: files.ca, cert: files.leaf, key: files.leafKey },
        args: ["--proxy-protocol-networks=127.0.0.1"],
      }),
      startMariadb({ tls: "off" }),
    ]);
    const ca = await Deno.readTextFile(files.ca);
    const otherCa = await Deno.readTextFile(files.otherCa);
    const cipher = async (at: OwnTarget) => (await rows(at, APP, "SHOW STATUS LIKE 'Ssl_cipher'"))[0]?.[1] !== "";
    try {
      assertEquals(await cipher(byTcp(encrypted)), false);
      assertEquals(await cipher(byTcp(encrypted, { tls: "preferred" })), true);
      assertEquals(await cipher(byTcp(encrypted, { tls: "as-client" })), true);
      assertEquals(await cipher(byTcp(open, { tls: "preferred" })), false);
      const identity = { verification: "identity", serverName: "db.example" } as const;
      for (const proxyProtocol of [0, 1, 2] as const) {
        assertEquals(await cipher(byTcp(encrypted, { tls: "required", proxyProtocol }, { ...identity, ca })), true);
      }
      const distrusted = await failure(cipher(byTcp(encrypted, { tls: "required" }, { ...identity, ca: otherCa })));
      assertEquals(distrusted.code, "no-tls");
      assertStringIncludes(distrusted.message, "not trusted");
      const other = { ...identity, serverName: "other.example", ca };
      assertEquals((await failure(cipher(byTcp(encrypted, { tls: "required" }, other)))).code, "no-tls");
      const none = await failure(cipher(byTcp(open, { tls: "required" })));
      assertEquals(none.code, "cannot-log-in");
      assertStringIncludes(none.message, "offers no TLS");
    } finally {
      await Promise.all([encrypted.stop(), open.stop()]);
    }
  },
});

Deno.test({
  name: "OwnQueries notices a backend that goes silent or down, and finds it again",
  ignore: whyMissing("mariadb") !== undefined && whyMissing("mysql") !== undefined,
  async fn() {
    const server = whyMissing("mariadb") === undefined ? await startMariadb() : await startMysql();
    const at = byTcp(server);
    const queries = new OwnQueries();
    const run = (changed: Partial<OwnQueryOptions> = {}) =>
      queries.run(at, encodeText("SELECT 1"), ROOT, options(changed));
    try {
      await run();
      await server.kill("SIGSTOP");
      // One with the kept connection, one with a new one.
      assertEquals((await failure(run({ timeout: 0.2 }))).code, "timed-out");
      assertEquals((await failure(run({ timeout: 0.2 }))).code, "timed-out");
      assertEquals(queries.idle, 0);
      await server.kill("SIGCONT");
      await run();
      await server.kill("SIGKILL");
      const down = await failure(run());
      assertEquals(down.code, "cannot-connect");
      assertStringIncludes(down.message, `Cannot query backend ${at.name}: Cannot connect to`);
      await server.resume();
      assertEquals((await run()).kind, "rows");
    } finally {
      await queries.close();
      await server.stop();
    }
  },
});

/** A server that says `bytes` to everybody and then nothing more, and what becomes of a query to it. */
async function queryOf(bytes: Uint8Array): Promise<OwnQueryError> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const at = byTcp(listener.addr);
  const failed = failure(runOwnQuery(at, encodeText("SELECT 1"), ROOT, options({ timeout: 0.3 })));
  using conn = await listener.accept();
  await conn.write(bytes);
  return await failed;
}

/** Runs `work`, and gives it up when `count` listeners for that have been taken away: then nobody seems to listen. */
async function givenUpUnheard(count: number, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const controller = new AbortController();
  const { removeEventListener } = AbortSignal.prototype;
  let left = count;
  AbortSignal.prototype.removeEventListener = function (type: string, listener: EventListenerOrEventListenerObject) {
    removeEventListener.call(this, type, listener);
    if (--left === 0) controller.abort();
  };
  try {
    await assertRejects(() => work(controller.signal), DOMException, "aborted");
  } finally {
    AbortSignal.prototype.removeEventListener = removeEventListener;
  }
}

Deno.test({
  name: "OwnQueries closes a connection that is given up in the moment when it is logged in",
  ignore: whyMissing("mariadb") !== undefined,
  async fn() {
    const at = byTcp(await shared("mariadb"));
    const queries = new OwnQueries();
    await givenUpUnheard(2, (signal) => queries.run(at, encodeText("DO 1"), APP, options({ signal })));
    // It would wait for the connection.
    await queries.close();
  },
});

Deno.test("OwnQueries gives up a connection to a silent server in the moment when it is open", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const at = byTcp(listener.addr);
  const accepted = listener.accept();
  const queries = new OwnQueries();
  await givenUpUnheard(1, (signal) => queries.run(at, encodeText("DO 1"), APP, options({ signal, timeout: 5 })));
  await queries.close();
  (await accepted).close();
});

Deno.test("runOwnQuery() names the backend that is none", async () => {
  const none = byTcp({ port: 1 });
  assertEquals((await failure(rows(none, ROOT, "SELECT 1"))).code, "cannot-connect");
  assertEquals(
    (await failure(rows(target({ transport: "unix", path: "/no/such/socket" }), ROOT, "DO 1"))).code,
    "cannot-connect",
  );
  assertEquals((await queryOf(new Uint8Array(0))).code, "timed-out");
  assertEquals((await queryOf(encodeText("HTTP/1.1 400 Bad Request\r\n\r\n"))).code, "cannot-log-in");
});

Deno.test("runOwnQuery() says that the backend has closed the connection", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const failed = failure(rows(byTcp(listener.addr), ROOT, "SELECT 1"));
  (await listener.accept()).close();
  assertEquals((await failed).code, "closed");
});

// The last one, for what it leaves for a moment would count in others.
Deno.test({
  name: "runOwnQuery() brings home a value that takes more than one packet",
  ignore: whyMissing("mysql") !== undefined,
  ...UNSANITIZED,
  async fn() {
    const sql = encodeText("SELECT REPEAT('x', 20000000), 'end'");
    const outcome = await runOwnQuery(byTcp(await shared("mysql")), sql, ROOT, options());
    assertKind(outcome, "rows");
    const [value, end] = outcome.rows[0] ?? [];
    assertEquals([value?.length, value?.every((byte) => byte === 0x78), end], [20_000_000, true, encodeText("end")]);
  },
});
