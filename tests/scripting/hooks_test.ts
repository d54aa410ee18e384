import { assert, assertEquals, assertMatch } from "@std/assert";
import { withClient } from "../scripts/script_proxy.ts";
import { APP } from "../servers/users.ts";
import { notes, probe } from "./script_stage.ts";

probe(
  "the hooks come in order, with their arguments",
  String.raw`
  local c = proxy.connection
  function connect_server(...)
    note("connect_server", select("#", ...), c.server, c.backend_ndx, c.client.src.address, c.client.src.type,
      c.client.dst.port, c.client.src.name == c.client.src.address .. ":" .. c.client.src.port)
  end
  function read_handshake(...)
    local s = c.server
    note("read_handshake", select("#", ...), c.backend_ndx, s.dst.name == proxy.global.backends[1].dst.name,
      s.mysqld_version == c.client.mysqld_version, s.thread_id > 0, #s.scramble_buffer, s.auth_plugin_name)
  end
  function read_auth(...)
    note("read_auth", select("#", ...), c.client.username, c.client.default_db, #c.client.scrambled_password,
      c.client.auth_plugin_name)
  end
  function read_auth_result(auth, ...)
    local keys = {}
    for key in pairs(auth) do keys[#keys + 1] = key end
    note("read_auth_result", select("#", ...), table.concat(keys), auth.packet:byte(), c.server.username,
      c.server.default_db, #c.server.scrambled_password)
  end
  local own_query, own_result = read_query, read_query_result
  function read_query(...)
    if (...) ~= "\3notes" then note("read_query", select("#", ...), ...) end
    return own_query(...)
  end
  commands["SELECT 1"] = function(packet)
    proxy.queries:append(7, packet)
    return proxy.PROXY_SEND_QUERY
  end
  function read_query_result(...)
    note("read_query_result", select("#", ...), (...).id, (...).type, (...).query)
  end
  function disconnect_client(...)
    if not c.client.username then return end
    io.stdout:write("gone ", select("#", ...), " ", c.backend_ndx, " ", c.client.username, " ", c.server.username, "\n")
  end`,
  async ({ proxy, server, database, written }) => {
    await withClient(proxy, async (client) => {
      await client.rows("SELECT 1");
      await client.connection.ping();
      const said = await notes(client);
      const plugin = server.kind === "mysql" ? "caching_sha2_password" : "mysql_native_password";
      const scramble = server.kind === "mysql" ? 32 : 20;
      assertEquals(said.slice(0, 3), [
        `connect_server 0 nil 0 127.0.0.1 2 ${proxy.port} true`,
        `read_handshake 0 1 true true true 20 ${plugin}`,
        `read_auth 0 ${APP.user} ${database} ${scramble} ${plugin}`,
      ]);
      // A log-in takes as many packets as its plugin likes; the last is an OK.
      const results = said.filter((line) => line.startsWith("read_auth_result"));
      assert(results.length > 0);
      assertEquals(results.at(-1), `read_auth_result 0 packet 0 ${APP.user} ${database} ${scramble}`);
      assertEquals(said.slice(-3), [
        "read_query 1 \\x03SELECT 1",
        "read_query_result 1 7 7 \\x03SELECT 1",
        "read_query 1 \\x0e",
      ]);
    }, { database });
    await written(`gone 0 1 ${APP.user} ${APP.user}`);
  },
);

probe(
  "whatever read_query returns, the client is answered",
  String.raw`
  local function with(value, queue)
    return function(packet)
      if queue then proxy.queries:append(1, packet) end
      return value
    end
  end
  commands["SELECT 'nil'"] = with(nil)
  commands["SELECT 'nil with queue'"] = with(nil, true)
  commands["SELECT 'send'"] = with(proxy.PROXY_SEND_QUERY, true)
  commands["SELECT 'send nothing'"] = with(proxy.PROXY_SEND_QUERY)
  commands["SELECT 'text'"] = with("1", true)
  commands["SELECT 'other text'"] = with("one", true)
  commands["SELECT 'zero'"] = with(0)
  commands["SELECT 'three'"] = with(3, true)
  commands["SELECT 'ignore'"] = with(proxy.PROXY_IGNORE_RESULT, true)
  commands["SELECT 'huge'"] = with(1e300)
  commands["SELECT 'nan'"] = with(0/0)
  commands["SELECT 'fraction'"] = with(1.5, true)
  commands["SELECT 'boolean'"] = with(true)
  commands["SELECT 'table'"] = with({})
  commands["SELECT 'error'"] = function() error("this is wrong") end
  commands["SELECT 'table error'"] = function() error({ 1 }) end
  commands["SELECT 'nil error'"] = function() error() end
  commands["SELECT 'queued error'"] = function(packet) proxy.queries:append(1, packet) error("later") end
  commands["SELECT 'empty response'"] = with(proxy.PROXY_SEND_RESULT)
  commands["SELECT 'deep'"] = function() local function f() return 1 + f() end return f() end
  results[1] = function(inj) note("result", inj.query) end`,
  async ({ proxy, written }) => {
    await withClient(proxy, async (client) => {
      for (
        const what of [
          "nil",
          "nil with queue",
          "send",
          "send nothing",
          "text",
          "other text",
          "zero",
          "three",
          "ignore",
          "huge",
          "nan",
          "fraction",
          "boolean",
          "table",
          "error",
          "table error",
          "nil error",
          "queued error",
          "deep",
        ]
      ) assertEquals(await client.value(`SELECT '${what}'`), what);
      assertEquals(await client.failure("SELECT 'empty response'"), {
        errno: 1105,
        sqlState: "07000",
        message: "(lua) handling proxy.response failed, check error-log",
      });
      // Only what was sent as a query has a result.
      assertEquals(await notes(client), ["result \\x03SELECT 'send'", "result \\x03SELECT 'text'"]);
      await written(/\(read_query\) .*this is wrong/);
      assertMatch(proxy.log, /\(critical\).*\(read_query\).*queries are|critical.*read_query/i);
    });
  },
  { servers: ["mysql"] },
);
