import "../servers/node_process.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as mariadb from "mariadb";
import { Client, withClient } from "../scripts/script_proxy.ts";
import { runClient } from "../servers/clients.ts";
import { findProgram, KINDS } from "../servers/installation.ts";
import { ACCOUNTS, APP } from "../servers/users.ts";
import { query } from "../servers/sql.ts";
import { notes, probe } from "./script_stage.ts";

const [NATIVE] = ACCOUNTS.mariadb;

/** What a log-in fails with. */
async function refused(at: { port: number }, options = {}): Promise<string> {
  try {
    const client = await Client.open(at, options);
    await client.end();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return `${Reflect.get(error, "errno")} ${Reflect.get(error, "sqlState")} ${error.message}`;
  }
  return "logged in";
}

probe(
  "a script without a server serves clients of its own",
  String.raw`
  local proto = require("mysql.proto")
  function connect_server()
    proxy.response = {
      type = proxy.MYSQLD_PACKET_RAW,
      packets = { proto.to_challenge_packet({ server_version = 50734, thread_id = 77, charset = 8 }) },
    }
    return proxy.PROXY_SEND_RESULT
  end
  function read_handshake() error("there is no handshake") end
  function read_auth()
    note(proxy.connection.client.username, proxy.connection.client.mysqld_version, proxy.connection.client.thread_id,
      proxy.connection.server, proxy.connection.backend_ndx, #proxy.connection.client.scramble_buffer)
    if proxy.connection.client.username == "evil" then
      return refuse("not you", 1045, "28000")
    end
    proxy.response = { type = proxy.MYSQLD_PACKET_OK }
    return proxy.PROXY_SEND_RESULT
  end
  commands.default = function(packet)
    if packet:byte() ~= proxy.COM_QUERY then
      proxy.response = { type = proxy.MYSQLD_PACKET_OK }
      return proxy.PROXY_SEND_RESULT
    end
    local sql = packet:sub(2)
    -- By this MySQL's client finds out what a dollar means; it does not expect a result.
    if sql == "select $$" then return refuse("no such thing") end
    if sql:lower():find("^%s*select") then return answer({ "mock" }, { { sql } }) end
    if sql == "refuse" then return refuse("cannot " .. sql, 1234, "HY123") end
    if sql == "server" then return end
    if sql == "close" then
      proxy.connection.connection_close = true
    end
    proxy.response = { type = proxy.MYSQLD_PACKET_OK, affected_rows = 3 }
    return proxy.PROXY_SEND_RESULT
  end`,
  async ({ proxy }) => {
    await withClient(proxy, async (client) => {
      assertEquals(await client.value("SELECT 1"), "SELECT 1");
      assertEquals(await notes(client), [`${APP.user} 50734 77 nil 0 20`]);
      await client.connection.ping();
      assertEquals(await client.failure("refuse"), { errno: 1234, sqlState: "HY123", message: "cannot refuse" });
      await client.connection.query("UPDATE");
      assertEquals((await client.failure("server")).errno, 1105);
    });
    assertEquals(await refused(proxy, { user: "evil" }), "1045 28000 not you");
    const connection = await mariadb.createConnection({
      host: "127.0.0.1",
      port: proxy.port,
      user: "anybody",
      password: "anything",
      rowsAsArray: true,
    });
    connection.on("error", () => {});
    assertEquals(await connection.query("SELECT 2"), [["SELECT 2"]]);
    assertEquals((await connection.query("close")).affectedRows, 3);
    await assertRejects(() => connection.query("SELECT 3"));
    await connection.end().catch(() => connection.destroy());
    for (const kind of KINDS) {
      if (findProgram(kind, "client") === undefined) continue;
      const { stdout, stderr } = await runClient(kind, "client", proxy, ["-N", "-e", "SELECT 'cli'"]);
      assertEquals(stdout, "SELECT 'cli'\n", stderr);
    }
  },
  { servers: ["mariadb"] },
);

probe(
  "connect_server and read_handshake can refuse",
  String.raw`
  local global = proxy.global
  function connect_server()
    global.count = (global.count or 0) + 1
    local n = global.count
    note("connect", n)
    if global.mode == "connect" then return refuse("go away", 1130, "HY000") end
    if global.mode == "other" then return 99 end
    if global.mode == "error" then error("connect_server fails") end
    if global.mode == "empty" then return proxy.PROXY_SEND_RESULT end
  end
  function read_handshake()
    if global.mode == "handshake" then return refuse("not today", 1040, "08004") end
    if global.mode == "send query" then refuse("old style", 1040, "08004") return proxy.PROXY_SEND_QUERY end
  end
  function read_auth_result(auth)
    if global.mode == "result" and auth.packet:byte() == proxy.MYSQLD_PACKET_OK then
      return refuse("the server may like you", 1045, "28000")
    end
    if global.mode == "ok for err" and auth.packet:byte() == proxy.MYSQLD_PACKET_ERR then
      proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = "in other words", errcode = 1046, sqlstate = "28000" }
      return proxy.PROXY_SEND_RESULT
    end
  end
  for _, mode in ipairs { "connect", "other", "error", "empty", "handshake", "send query", "result", "ok for err" } do
    commands["mode " .. mode] = function()
      global.mode = mode
      return answer({ "mode" }, { { mode } })
    end
  end`,
  async ({ proxy }) => {
    await withClient(proxy, async (client) => {
      const mode = async (name: string, options = {}) => {
        await client.rows(`mode ${name}`);
        return await refused(proxy, options);
      };
      assertEquals(await mode("connect"), "1130 HY000 go away");
      assertEquals(await mode("other"), "logged in");
      assertEquals(await mode("error"), "logged in");
      assertEquals(await mode("empty"), "1105 07000 (lua) handling proxy.response failed, check error-log");
      assertEquals(await mode("handshake"), "1040 08004 not today");
      assertEquals(await mode("send query"), "1040 08004 old style");
      assertEquals(await mode("result"), "1045 28000 the server may like you");
      assertEquals(await mode("ok for err", { password: "wrong" }), "1046 28000 in other words");
    });
  },
  { servers: ["mysql"] },
);

probe(
  "read_auth can refuse users, let them in, and log them in as somebody else",
  String.raw`
  local proto, password = require("mysql.proto"), require("mysql.password")
  local c = proxy.connection
  function read_auth()
    local user = c.client.username
    if user == "denied" then return refuse("denied by the script", 1698, "28000") end
    if user == "broken" then error("read_auth fails") end
    if user == "empty" then return proxy.PROXY_SEND_QUERY end
    if user == "mapped" then
      proxy.queries:append(1, proto.to_response_packet({
        username = "${NATIVE?.user}",
        response = password.scramble(c.server.scramble_buffer, password.hash("${NATIVE?.password}")),
        charset = 8,
        database = c.client.default_db,
        max_packet_size = 16 * 1024 * 1024,
        capabilities = 0xf7cf,
        server_capabilities = 0xffff,
      }))
      return proxy.PROXY_SEND_QUERY
    end
  end
  commands["who"] = function()
    note(c.client.username, c.server and c.server.username, c.client.default_db, c.server and c.server.default_db)
  end`,
  async ({ proxy, database }) => {
    assertEquals(await refused(proxy, { user: "denied" }), "1698 28000 denied by the script");
    assert((await refused(proxy, { user: "broken" })).startsWith("1045"));
    assert((await refused(proxy, { user: "empty" })).startsWith("1045"));
    await withClient(proxy, async (client) => {
      assertEquals(await client.rows("SELECT CURRENT_USER(), DATABASE()"), [[`${NATIVE?.user}@%`, database]]);
      await client.rows("who").catch(() => {});
      assertEquals(await notes(client), [`mapped ${NATIVE?.user} ${database} ${database}`]);
    }, { user: "mapped", password: "whatever", database });
  },
  { servers: ["mariadb"] },
);

probe(
  "a change of user is the script's to see",
  String.raw`
  local c = proxy.connection
  commands["who"] = function()
    note(c.client.username, c.server.username, c.client.default_db, c.server.default_db)
    return answer({ "who" }, {})
  end
  commands[proxy.COM_CHANGE_USER] = function(packet)
    note("change", packet:match("^.([^%z]*)"))
    if packet:sub(2):find("^denied%z") then return refuse("no such change", 1045, "28000") end
    if packet:sub(2):find("^${APP.user}%z") then
      proxy.queries:append(1, packet, { resultset_is_needed = true })
      return proxy.PROXY_SEND_QUERY
    end
  end`,
  async ({ proxy, server, database }) => {
    await query(server, `CREATE DATABASE IF NOT EXISTS ${database}`);
    await withClient(proxy, async (client) => {
      await client.rows("who");
      assertEquals(await notes(client), [`${APP.user} ${APP.user}  `]);
      const [account] = ACCOUNTS[server.kind];
      await client.connection.changeUser({ user: account!.user, password: account!.password, database });
      assertEquals(await client.value("SELECT CURRENT_USER()"), `${account!.user}@%`);
      await client.rows("who");
      assertEquals(await notes(client), [
        `change ${account!.user}`,
        `${account!.user} ${account!.user} ${database} ${database}`,
      ]);
      await client.connection.changeUser({ user: APP.user, password: APP.password, database: "mysql" });
      assertEquals(await client.value("SELECT DATABASE()"), "mysql");
      await client.rows("who");
      assertEquals(await notes(client), [`change ${APP.user}`, `${APP.user} ${APP.user} mysql mysql`]);
      await assertRejects(() => client.connection.changeUser({ user: "denied" }), Error, "no such change");
    });
  },
);
