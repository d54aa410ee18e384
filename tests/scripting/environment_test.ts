import { assert, assertEquals, assertMatch } from "@std/assert";
import { Client, withClient, withScript } from "../scripts/script_proxy.ts";
import { until } from "../servers/port.ts";
import { sharedServer, whyMissing } from "../servers/servers.ts";
import { notes, probe } from "./script_stage.ts";

probe(
  "globals and fields of proxy are the connection's, proxy.global and modules everybody's",
  String.raw`
  counter = counter and counter + 1 or 1
  local upvalue = 0
  proxy.mine = "mine"
  commands["count"] = function()
    own = (own or 0) + 1
    upvalue = upvalue + 1
    proxy.seen = (proxy.seen or 0) + 1
    proxy.global.seen = (proxy.global.seen or 0) + 1
    _G.everybody = (_G.everybody or 0) + 1
    package.loaded.kept = (package.loaded.kept or 0) + 1
    note(counter, own, upvalue, proxy.seen, proxy.global.seen, everybody, package.loaded.kept, proxy.mine,
      rawget(_G, "own"), rawget(_G, "counter"))
    local code = loadstring("fromstring = (fromstring or 0) + 1 return proxy.connection.client.username, proxy.seen")
    note(code())
    note(fromstring, rawget(_G, "fromstring"))
    return answer({ "counted" }, {})
  end
  commands["constants"] = function()
    note(proxy.PROXY_SEND_QUERY, proxy.PROXY_SEND_RESULT, proxy.PROXY_IGNORE_RESULT, proxy.MYSQLD_PACKET_OK,
      proxy.MYSQLD_PACKET_ERR, proxy.MYSQLD_PACKET_RAW, proxy.MYSQLD_PACKET_EOF, proxy.COM_QUERY, proxy.COM_DAEMON,
      proxy.MYSQL_TYPE_NEWDECIMAL, proxy.MYSQL_TYPE_GEOMETRY, proxy.BACKEND_STATE_DOWN, proxy.BACKEND_TYPE_RO)
    note(_VERSION, type(setfenv), type(getfenv), type(unpack), type(table.getn), type(string.gfind), type(math.mod),
      10 / 2, 7 / 2, 2 ^ 31, 1e15, -0.0 == 0, ("%d"):format(3.0), ("%d"):format("12"), ("%q"):format("a\0b\n"))
    return answer({ "constants" }, {})
  end`,
  async ({ proxy }) => {
    await using one = await Client.open(proxy);
    await using two = await Client.open(proxy);
    await one.rows("count");
    await one.rows("count");
    assertEquals(await notes(one), [
      "1 1 1 1 1 1 1 mine nil nil",
      "app 1",
      "1 1",
      "1 2 2 2 2 2 2 mine nil nil",
      "app 2",
      "2 2",
    ]);
    await two.rows("count");
    assertEquals(await notes(two), ["1 1 1 1 3 3 3 mine nil nil", "app 1", "3 3"]);
    await one.rows("constants");
    const [constants, lua] = await notes(one);
    assertEquals(constants, "1 2 4 0 255 250 254 3 29 246 255 2 2");
    assertMatch(
      lua!,
      /^Lua 5\.1 function function function function function function 5 3\.5 2147483648 1e\+15 true 3 12 /,
    );
  },
  { servers: ["mysql"] },
);

Deno.test({
  name: "hooks of a required module act",
  ignore: whyMissing("mariadb") !== undefined,
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  const shared = await sharedServer("mariadb");
  if ("missing" in shared) throw new Error(shared.missing);
  const folder = await Deno.makeTempDir({ prefix: "mysql-proxy-test-module-" });
  try {
    // Written as modules were: some with module(), some with hooks as globals.
    await Deno.writeTextFile(
      `${folder}/audit.lua`,
      String.raw`
      module("audit", package.seeall)
      local calls = 0
      function count() calls = calls + 1 return calls end
      function user() return proxy.connection.client.username end`,
    );
    await Deno.writeTextFile(
      `${folder}/hooks.lua`,
      String.raw`
      require("audit")
      function read_query(packet)
        if packet:byte() == proxy.COM_QUERY and packet:sub(2) == "audit" then
          proxy.response.type = proxy.MYSQLD_PACKET_OK
          proxy.response.resultset = {
            fields = { { name = "n", type = proxy.MYSQL_TYPE_LONG }, { name = "user", type = proxy.MYSQL_TYPE_STRING } },
            rows = { { audit.count(), audit.user() } },
          }
          return proxy.PROXY_SEND_RESULT
        end
      end`,
    );
    const lua = `require("hooks")`;
    await withScript(
      { script: { lua }, backends: [shared.server], args: [`--lua-path=${folder}/?.lua`] },
      async (proxy) => {
        await withClient(proxy, async (one) => {
          assertEquals(await one.rows("audit"), [[1, "app"]]);
          await withClient(proxy, async (two) => assertEquals(await two.rows("audit"), [[2, "root"]]), {
            user: "root",
            password: "",
          });
          assertEquals(await one.rows("audit"), [[3, "app"]]);
          assertEquals(await one.value("SELECT 1"), 1);
        });
      },
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "a script is read again for new connections, and a broken one is told of",
  ignore: whyMissing("mariadb") !== undefined,
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  const shared = await sharedServer("mariadb");
  if ("missing" in shared) throw new Error(shared.missing);
  const version = (text: string) =>
    `function read_query(packet)
      if packet ~= "\\3version" then return end
      proxy.response = { type = proxy.MYSQLD_PACKET_OK, resultset = {
        fields = { { name = "v", type = proxy.MYSQL_TYPE_STRING } }, rows = { { "${text}" } } } }
      return proxy.PROXY_SEND_RESULT
    end`;
  await withScript({ script: { lua: version("first") }, backends: [shared.server] }, async (proxy, folder) => {
    await using old = await Client.open(proxy);
    assertEquals(await old.value("version"), "first");
    const become = async (text: string, lua: string) => {
      await Deno.writeTextFile(`${folder}/script.lua`, lua);
      await until(5000, `the script to be ${text}`, async () => {
        try {
          return await withClient(proxy, async (client) => await client.value("version") === text);
        } catch (error) {
          return String(error).includes(text);
        }
      });
    };
    await become("second", version("second"));
    assertEquals(await old.value("version"), "first");
    await become("failed to execute", `error("at the start")`);
    await until(5000, "the log", () => Promise.resolve(/at the start/.test(proxy.log)));
    assertEquals(await old.value("version"), "first");
    await Deno.writeTextFile(`${folder}/script.lua`, "this is no Lua");
    await until(5000, "the log", () => Promise.resolve(/\(critical\).*script\.lua/.test(proxy.log)));
    await become("third", version("third"));
    assertEquals(await old.value("version"), "first");
    assertEquals(await old.value("SELECT 1"), 1);
  });
});

probe(
  "errors name the script's lines and leave the proxy well",
  String.raw`
  commands["nested"] = function()
    local function inner() local t = nil return t.field end
    inner()
  end
  commands["loop"] = function() while true do end end
  commands["memory"] = function() local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1e6) .. i end end
  commands["long string"] = function() return #("x"):rep(2 ^ 31) end
  commands["print"] = function() print("printed", 1, nil, true) return answer({ "printed" }, {}) end
  commands["exit"] = function() os.exit(3) end
  commands["coroutine"] = function()
    local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
    note(co(), co(), co())
    local ok, message = pcall(coroutine.wrap(function() error("inside") end))
    note(ok, (message:gsub("^.-:%d+: ", "")))
    return answer({ "c" }, {})
  end
  commands["close"] = function() proxy.connection = nil proxy.queries = nil return answer({ "c" }, {}) end`,
  async ({ proxy, written }) => {
    await withClient(proxy, async (client) => {
      for (const sql of ["nested", "loop", "memory", "long string", "exit"]) {
        assertEquals((await client.failure(sql)).errno, 1064, sql);
      }
      await client.rows("print");
      await written(/printed\t1\tnil\ttrue/);
      await written(/\(read_query\) \[string ".*"\]:\d+: attempt to index/);
      await client.rows("coroutine");
      assertEquals(await notes(client), ["1 2 3", "false inside"]);
      await client.rows("close");
      assertEquals(await client.value("SELECT 1"), 1);
      assert(proxy.isRunning);
    });
    await withClient(proxy, async (client) => {
      await client.rows("coroutine");
      assertEquals((await notes(client)).length, 2);
    });
  },
  { servers: ["mariadb"], args: ["--lua-memory-limit=64"] },
);

probe(
  "the modules work from a script",
  String.raw`
  local tokenizer = require("proxy.tokenizer")
  local parser = require("proxy.parser")
  local commands_of = require("proxy.commands")
  require("proxy.auto-config")
  require("mysql.tokenizer")
  require("mysql.password")
  local lpeg, glib2, posix, lfs = require("lpeg"), require("glib2"), require("posix"), require("lfs")
  proxy.global.config.probe = proxy.global.config.probe or { limit = 10, name = "x", on = true }
  commands.default = function(packet)
    local cmd = commands_of.parse(packet)
    local handled = proxy.global.config:handle(cmd)
    if handled then return handled end
    if cmd.type ~= proxy.COM_QUERY or not cmd.query:find("^EXPLAIN ME ") then return end
    local sql = cmd.query:sub(12)
    local tokens = tokenizer.tokenize(sql)
    note(cmd.type_name, #tokens, tokenizer.normalize(tokens))
    local first = tokenizer.first_stmt_token(tokens)
    note(first.token_name, first.text)
    for name, how in pairs(parser.get_tables(tokens)) do note(name, how) end
    local bare = tokenizer.bare_tokens(tokens, true)
    note(#bare, commands_of.pretty_print(cmd))
    note(glib2.md5("a"), posix.getpid() > 0, lfs.currentdir() ~= nil, #password.hash("x"),
      lpeg.match(lpeg.C(lpeg.R("az") ^ 1), "abc1"))
    return answer({ "explained" }, {})
  end`,
  async ({ proxy, database }) => {
    await withClient(proxy, async (client) => {
      await client.rows("EXPLAIN ME /* c */ SELECT a, 'x' FROM t1 WHERE b = 5");
      assertEquals(await notes(client), [
        "COM_QUERY 11 SELECT \`a\` , ? FROM \`t1\` WHERE \`b\` = ? ",
        "TK_SQL_SELECT SELECT",
        `${database}.t1 read`,
        `10 [COM_QUERY] EXPLAIN ME /* c */ SELECT a, 'x' FROM t1 WHERE b = 5`,
        "0cc175b9c0f1b6a831c399e269772661 true true 20 abc",
      ]);
      const shown = await client.rows("PROXY SHOW CONFIG");
      assertEquals(shown.filter(([module]) => module === "probe").map((row) => row.slice(1)).sort(), [
        ["limit", "10", "number"],
        ["name", "x", "string"],
        ["on", "true", "boolean"],
      ]);
      await client.rows("PROXY SET GLOBAL probe.limit = 20");
      assert((await client.rows("PROXY SHOW CONFIG")).some(([, , value]) => value === "20"));
    }, { database });
  },
  { servers: ["mariadb"] },
);
