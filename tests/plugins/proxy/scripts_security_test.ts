import { assert, assertEquals, assertRejects } from "@std/assert";
import { RawLogin, ServerRefusal } from "../../interop/raw_login.ts";
import { bytes, packet } from "../../interop/raw_client.ts";
import type { Kind } from "../../servers/installation.ts";
import { until } from "../../servers/port.ts";
import { KINDS } from "../../servers/installation.ts";
import { startMariadb, startMysql, whyMissing } from "../../servers/servers.ts";
import { ACCOUNTS, APP, ROOT } from "../../servers/users.ts";
import { loginPacket, Peer } from "./peer.ts";
import { ignore, shared, withLocal } from "./scripts_stage.ts";

/** Parks after the login and after each statement; takes a connection of the client's user for the next one. */
const STATEMENT_POOL = `
function read_auth_result(auth)
  if auth.packet:byte() == proxy.MYSQLD_PACKET_OK then proxy.connection.backend_ndx = 0 end
end
function read_query(packet)
  if packet:byte() == proxy.COM_QUIT then
    proxy.response = { type = proxy.MYSQLD_PACKET_OK }
    return proxy.PROXY_SEND_RESULT
  end
  if proxy.connection.backend_ndx == 0 then proxy.connection.backend_ndx = 1 end
  proxy.queries:append(1, packet, { resultset_is_needed = true })
  return proxy.PROXY_SEND_QUERY
end
function read_query_result(inj)
  if not inj.resultset.flags.in_trans then proxy.connection.backend_ndx = 0 end
end
function disconnect_client() proxy.connection.backend_ndx = 0 end
`;

/** New clients get a connection of the pool where there is one. `POOL user` tells how many the user has there. */
const REUSE = `
function connect_server()
  proxy.connection.backend_ndx = 1
  if proxy.connection.server then return proxy.PROXY_IGNORE_RESULT end
end
function read_query(packet)
  if packet:byte() == proxy.COM_QUIT then
    proxy.response = { type = proxy.MYSQLD_PACKET_OK }
    return proxy.PROXY_SEND_RESULT
  end
  local user = packet:match("^.POOL (%w+)")
  if user then
    local count = proxy.global.backends[1].pool.users[user].cur_idle_connections
    proxy.response = {
      type = proxy.MYSQLD_PACKET_OK,
      resultset = { fields = { { name = "n", type = proxy.MYSQL_TYPE_LONG } }, rows = { { count } } },
    }
    return proxy.PROXY_SEND_RESULT
  end
end
function disconnect_client() proxy.connection.backend_ndx = 0 end
`;

/** Resolves to the ERR that comes, or to nothing if it is closed without one; whatever else comes is a service. */
async function refused(peer: Peer): Promise<number | undefined> {
  const answer = await peer.read();
  if (answer === undefined) return undefined;
  assertEquals(answer.payload[0], 0xff, `The client is served: ${answer.payload}`);
  // Who ignores that is not heard any more.
  peer.write(packet(0, bytes(3, "SELECT 1")));
  assertEquals(await peer.read(), undefined);
  return (answer.payload[1] ?? 0) | (answer.payload[2] ?? 0) << 8;
}

const userOf = async (client: RawLogin) => (await client.query("SELECT USER()"))[0]?.[0]?.split("@")[0];
const idOf = async (client: RawLogin) => (await client.query("SELECT CONNECTION_ID()"))[0]?.[0];
const pooled = async (client: RawLogin, user: string) => Number((await client.query(`POOL ${user}`))[0]?.[0]);

const kinds = KINDS.filter((kind) => whyMissing(kind) === undefined);

function special(kind: Kind) {
  return ACCOUNTS[kind][0]!;
}

for (const kind of kinds) {
  Deno.test(`${kind}: a client that has changed the user gets connections of its new user`, async () => {
    const server = await shared(kind);
    await withLocal(STATEMENT_POOL, [server], async ({ proxy }) => {
      const other = special(kind);
      const root = { user: ROOT.user, answers: [""] };
      // There are idle connections of both.
      using first = await RawLogin.connect({ port: proxy.port, ...root });
      using client = await RawLogin.connect({ port: proxy.port, ...root });
      using second = await RawLogin.connect({ port: proxy.port, user: other.user, answers: [other.password] });
      const who = () => userOf(client);
      assertEquals(await who(), ROOT.user);
      await client.changeUser({ user: other.user, answers: [other.password] });
      for (let i = 0; i < 5; i++) {
        assertEquals(await who(), other.user, proxy.log);
        assertEquals(await userOf(first), ROOT.user);
        assertEquals(await userOf(second), other.user);
      }
      await client.quit();
      await first.quit();
      await second.quit();
    });
  });

  Deno.test(`${kind}: a connection whose change of user was refused is not pooled`, async () => {
    const server = await shared(kind);
    await withLocal(STATEMENT_POOL, [server], async ({ proxy }) => {
      const other = special(kind);
      using client = await RawLogin.connect({ port: proxy.port, user: ROOT.user, answers: [""] });
      await assertRejects(() => client.changeUser({ user: other.user, answers: ["wrong"] }), ServerRefusal);
      client[Symbol.dispose]();
      await until(3000, "the client to be gone", () => proxy.connectedClients === 0);
      using next = await RawLogin.connect({ port: proxy.port, user: ROOT.user, answers: [""] });
      assertEquals((await next.query("SELECT 1 + 1"))[0]?.[0], "2");
      assertEquals(await userOf(next), ROOT.user);
      await next.quit();
    });
  });

  Deno.test(`${kind}: a client that vanishes while its user is changed leaves no connection in the pool`, async () => {
    const server = kind === "mariadb" ? await startMariadb() : await startMysql();
    try {
      await withLocal(REUSE, [server], async ({ proxy }) => {
        const other = special(kind);
        using watcher = await RawLogin.connect({ port: proxy.port, user: APP.user, answers: [APP.password] });
        {
          using first = await RawLogin.connect({ port: proxy.port, user: ROOT.user, answers: [""] });
          await first.quit();
        }
        await until(3000, "the pool to have it", async () => await pooled(watcher, ROOT.user) === 1);
        // The server cannot answer the change of user.
        await server.kill("SIGSTOP");
        {
          using client = await Peer.connect(proxy.port);
          await client.read();
          client.write(loginPacket(other.user, "", new Uint8Array(20)));
          await until(3000, "the client to be counted", () => proxy.connectedClients === 2);
        }
        await until(3000, "the client to be gone", () => proxy.connectedClients === 1);
        assertEquals([await pooled(watcher, ROOT.user), await pooled(watcher, other.user)], [0, 0]);
        await server.kill("SIGCONT");
        await watcher.quit();
      });
    } finally {
      await server.stop();
    }
  });

  Deno.test(`${kind}: with --proxy-pool-no-change-user only the last user's answer gets its connection`, async () => {
    const server = await shared(kind);
    await withLocal(REUSE, [server], async ({ proxy }) => {
      const { user, password } = special(kind);
      const connect = (answer: string, plugin?: string) =>
        RawLogin.connect({ port: proxy.port, user, answers: [answer], ...(plugin === undefined ? {} : { plugin }) });
      using watcher = await RawLogin.connect({ port: proxy.port, user: APP.user, answers: [APP.password] });
      const settled = () =>
        until(3000, "the pool to have the connection again", async () => await pooled(watcher, user) === 1);
      let id: string | undefined;
      {
        // The server has to ask for the account's plugin, so that what the client said first proves nothing.
        using first = await connect(password, "dialog");
        id = await idOf(first);
        await first.quit();
      }
      await settled();
      const guesses: [string, Uint8Array][] = [[user, new Uint8Array(0)], [user, new Uint8Array(20)], [
        "root",
        new Uint8Array(0),
      ]];
      for (const [name, data] of guesses) {
        using peer = await Peer.connect(proxy.port);
        await peer.read();
        peer.write(loginPacket(name, "", data));
        assertEquals(await refused(peer), 1045);
        await settled();
      }
      const error = await assertRejects(() => connect("wrong"), ServerRefusal);
      assertEquals([error.errno, error.sqlState, error.message], [1045, "28000", "(proxy-pool) login failed"]);
      await settled();
      using again = await connect(password);
      assertEquals(await idOf(again), id);
      assertEquals(await userOf(again), user);
      await again.quit();
      await settled();
      // A connection that is in another database than the client asks for is not its own yet.
      using elsewhere = await RawLogin.connect({ port: proxy.port, user, answers: [password], database: "mysql" });
      assertEquals(await elsewhere.query("SELECT DATABASE()"), [["mysql"]]);
      await elsewhere.quit();
      await watcher.quit();
    }, { "proxy-pool-no-change-user": true });
  });

  Deno.test(`${kind}: a new client gets a pooled connection as its own user, or none`, async () => {
    const server = await shared(kind);
    await withLocal(REUSE, [server], async ({ proxy }) => {
      const other = special(kind);
      let id: string | undefined;
      {
        using first = await RawLogin.connect({ port: proxy.port, user: ROOT.user, answers: [""] });
        await first.query("SET @left = 1");
        id = await idOf(first);
        await first.quit();
      }
      await until(3000, "the client to be gone", () => proxy.connectedClients === 0);
      {
        using second = await RawLogin.connect({
          port: proxy.port,
          user: other.user,
          answers: [other.password],
          database: "mysql",
        });
        assertEquals([await idOf(second), await userOf(second)], [id, other.user]);
        assertEquals(await second.query("SELECT @left, DATABASE()"), [["NULL", "mysql"]]);
        await second.quit();
      }
      await until(3000, "the client to be gone", () => proxy.connectedClients === 0);
      await assertRejects(
        () => RawLogin.connect({ port: proxy.port, user: APP.user, answers: ["wrong"] }),
        ServerRefusal,
        "Access denied",
      );
      await until(3000, "the client to be gone", () => proxy.connectedClients === 0);
      using third = await RawLogin.connect({ port: proxy.port, user: APP.user, answers: [APP.password] });
      assertEquals(await userOf(third), APP.user);
      assertEquals([await pooled(third, ROOT.user), await pooled(third, other.user)], [0, 0]);
      await third.quit();
    });
  });

  Deno.test(`${kind}: a script that takes a server during the login lets nobody in by that`, async () => {
    const server = await shared(kind);
    for (const hook of ["read_handshake()", "read_auth()", "read_auth_result(auth)"]) {
      const script = `${REUSE}
        function connect_server() end
        function ${hook} proxy.connection.backend_ndx = 1 end`;
      await withLocal(script, [server], async ({ proxy }) => {
        {
          using first = await RawLogin.connect({ port: proxy.port, user: ROOT.user, answers: [""] });
          assertEquals(await userOf(first), ROOT.user);
          await first.quit();
        }
        await until(3000, "the client to be gone", () => proxy.connectedClients === 0);
        for (const data of [new Uint8Array(20).fill(1), new Uint8Array(32).fill(1)]) {
          using peer = await Peer.connect(proxy.port);
          await peer.read();
          peer.write(loginPacket(ROOT.user, "mysql_native_password", data));
          for (let answer = await peer.read(); answer !== undefined; answer = await peer.read()) {
            assert(answer.payload[0] !== 0, `${hook} lets the client in`);
            // Asked for another plugin it says anything.
            if (answer.payload[0] !== 0xff) peer.write(packet(answer.sequence + 1, bytes(3, "SELECT 1")));
          }
        }
        using last = await RawLogin.connect({ port: proxy.port, user: ROOT.user, answers: [""] });
        assertEquals(await userOf(last), ROOT.user);
        await last.quit();
      });
    }
  });
}

Deno.test({
  name: "after an ERR of a script in the login, a client that goes on is not served",
  ignore,
  async fn() {
    const server = await shared();
    const error = `proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = "no" } return proxy.PROXY_SEND_RESULT`;
    const raw =
      `proxy.response = { type = proxy.MYSQLD_PACKET_RAW, packets = { "\\255\\081\\004#28000no", "\\000\\000\\000\\002\\000\\000\\000" } }
      return proxy.PROXY_SEND_RESULT`;
    const scripts = [
      `function connect_server() ${error} end`,
      `function read_handshake() ${error} end`,
      `function read_auth() ${error} end`,
      `function read_auth() ${raw} end`,
      `function read_auth_result() ${error} end`,
    ];
    const served = `\nfunction read_query()
      proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = "SERVED" } return proxy.PROXY_SEND_RESULT
    end`;
    for (const script of scripts) {
      await withLocal(script + served, [server], async ({ proxy }) => {
        using peer = await Peer.connect(proxy.port);
        let refused = false;
        for (let answer = await peer.read(); answer !== undefined; answer = await peer.read()) {
          const [header] = answer.payload;
          refused ||= header === 0xff;
          assert(!new TextDecoder().decode(answer.payload).includes("SERVED"), script);
          if (header === 10) peer.write(loginPacket(ROOT.user, "", new Uint8Array(0)));
          else if (header === 0xfe) peer.write(packet(answer.sequence + 1, new Uint8Array(0)));
          else peer.write(packet(0, bytes(3, "SELECT 1")));
        }
        assert(refused, script);
      });
    }
  },
});
