import { assert, assertEquals, assertRejects } from "@std/assert";
import { first, RawClient } from "../interop/raw_client.ts";
import { Client, withClient } from "../scripts/script_proxy.ts";
import { notes, probe } from "./script_stage.ts";

probe(
  "proxy.queries takes queries at both ends",
  String.raw`
  local q = proxy.queries
  local function tried(...) local ok, message = pcall(...) note(ok, (tostring(message):gsub("^.-:%d+: ", ""))) end
  commands["order"] = function()
    note(#q, #proxy.queries, q:len())
    q:append(1, "\3SELECT 1", { resultset_is_needed = true })
    q:append(2, "\3SELECT 2", { resultset_is_needed = true })
    q:prepend(3, "\3SELECT 3", { resultset_is_needed = true })
    proxy.queries:prepend("4", "\3SELECT 4", { resultset_is_needed = true })
    note(#q, q:len())
    return proxy.PROXY_SEND_QUERY
  end
  commands["reset"] = function()
    q:append(1, "\3SELECT 1")
    q:append(1, "\3SELECT 1")
    q:reset()
    note(#q)
    q:append(9, "\3SELECT 'after the reset'")
    return proxy.PROXY_SEND_QUERY
  end
  for id = 1, 4 do
    results[id] = function(inj)
      note(inj.id, type(inj.id), inj.resultset.rows()[1], #q, inj.query)
      if id == 2 then return end
      return proxy.PROXY_IGNORE_RESULT
    end
  end
  commands["wrong"] = function()
    tried(q.append)
    tried(q.append, q)
    tried(q.append, q, "x", "y")
    tried(q.append, q, 1)
    tried(q.append, q, 1, nil)
    tried(q.append, q, 1, {})
    tried(q.append, q, 1, "\3SELECT 1", true)
    tried(q.append, q, 1, "\3SELECT 1", { resultset_is_needed = 1 })
    tried(q.append, q, 1, "\3SELECT 1", { resultset_is_needed = nil })
    tried(q.append, q, 1, "\3SELECT 1", nil)
    tried(q.append, q, 1.9, "\3SELECT 1", {})
    tried(function() q.x = 1 end)
    note(#q, q.x, q[1])
    q:reset()
    return answer({ "done" }, {})
  end`,
  async ({ proxy }) => {
    await withClient(proxy, async (client) => {
      assertEquals(await client.rows("order"), [[2]]);
      assertEquals(await notes(client), [
        "0 0 0",
        "4 4",
        "4 number 4 3 \\x03SELECT 4",
        "3 number 3 2 \\x03SELECT 3",
        "1 number 1 1 \\x03SELECT 1",
        "2 number 2 0 \\x03SELECT 2",
      ]);
      assertEquals(await client.value("reset"), "after the reset");
      assertEquals(await notes(client), ["0"]);
      await client.rows("wrong");
      const wrong = await notes(client);
      assertEquals(wrong.map((line) => line.split(" ")[0]), [
        ...Array(8).fill("false"),
        "true",
        "true",
        "true",
        "false",
        "3",
      ]);
    });
  },
  { servers: ["mariadb"] },
);

probe(
  "results go on with further queries, and one of them reaches the client",
  String.raw`
  -- The way of published scripts: a query before, SHOW WARNINGS behind.
  commands.default = function(packet)
    proxy.queries:append(1, "\3SELECT 'before'", { resultset_is_needed = true })
    proxy.queries:append(2, packet, { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  results[1] = function(inj)
    for row in inj.resultset.rows do note(row[1]) end
    return proxy.PROXY_IGNORE_RESULT
  end
  results[2] = function(inj)
    note("status", inj.resultset.query_status, inj.resultset.warning_count)
    if inj.resultset.warning_count > 0 then
      proxy.queries:append(3, "\3SHOW WARNINGS", { resultset_is_needed = true })
    end
  end
  results[3] = function(inj)
    for row in inj.resultset.rows do note(row[1], row[2], row[3]) end
    return proxy.PROXY_IGNORE_RESULT
  end
  commands["twice"] = function()
    proxy.queries:append(4, "\3SELECT 'one'", { resultset_is_needed = true })
    proxy.queries:append(4, "\3SELECT 'two'", { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  results[4] = function(inj) note("four", inj.query) return answer({ "made" }, { { inj.query:sub(2) } }) end
  commands["none"] = function()
    proxy.queries:append(5, "\3SELECT 'one'", { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  results[5] = function() return proxy.PROXY_IGNORE_RESULT end
  commands["not needed"] = function()
    proxy.queries:append(5, "\3SELECT 'not needed'")
    return proxy.PROXY_SEND_QUERY
  end
  commands["two streams"] = function()
    proxy.queries:append(6, "\3SELECT 'one'")
    proxy.queries:append(6, "\3SELECT 'two'")
    return proxy.PROXY_SEND_QUERY
  end
  results[6] = function(inj) note("six", inj.query) end
  commands["answer first"] = function()
    proxy.queries:append(7, "\3SET @later = 5", { resultset_is_needed = true })
    return answer({ "a" }, { { "answer" } })
  end
  results[7] = function(inj) note("later", inj.resultset.query_status) return proxy.PROXY_IGNORE_RESULT end
  commands["error in result"] = function()
    proxy.queries:append(8, "\3SELECT 'still'", { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  results[8] = function() error("in the result") end
  commands["odd number"] = function()
    proxy.queries:append(9, "\3SELECT 'odd'", { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  results[9] = function() return 17 end
  commands["failing one"] = function()
    proxy.queries:append(10, "\3THIS IS WRONG", { resultset_is_needed = true })
    proxy.queries:append(11, "\3SELECT 'fallback'", { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  results[10] = function(inj)
    note(inj.resultset.query_status, inj.resultset.raw:byte(), inj.resultset.rows, #inj.resultset.fields,
      inj.resultset.affected_rows)
    return proxy.PROXY_IGNORE_RESULT
  end
  commands["change mind"] = function(packet)
    for i = 1, 5 do proxy.queries:append(12, "\3SELECT " .. i, { resultset_is_needed = true }) end
    return proxy.PROXY_SEND_QUERY
  end
  local count = 0
  results[12] = function(inj)
    count = count + 1
    if count == 3 then proxy.queries:reset() return end
    return proxy.PROXY_IGNORE_RESULT
  end`,
  async ({ proxy, written }) => {
    await withClient(proxy, async (client) => {
      assertEquals(await client.value("SELECT 'mine'"), "mine");
      assertEquals(await notes(client), ["before", "status 0 0"]);
      await client.rows("DROP TABLE IF EXISTS mysql.not_there");
      const said = await notes(client);
      assertEquals(said.slice(0, 2), ["before", "status 0 1"]);
      assert(said[2]!.startsWith("Note 1051 "), said[2]);
      assertEquals((await client.failure("SELEC")).errno, 1064);
      assertEquals(await notes(client), ["before", "status 255 0"]);
      // The first result is the client's.
      assertEquals(await client.value("twice"), "SELECT 'one'");
      assertEquals(await notes(client), ["four \\x03SELECT 'one'", "four \\x03SELECT 'two'"]);
      assertEquals((await client.failure("none")).errno, 1105);
      assertEquals(await client.value("not needed"), "not needed");
      assertEquals(await client.value("answer first"), "answer");
      assertEquals(await client.value("SELECT @later"), 5);
      assert((await notes(client)).includes("later 0"));
      assertEquals(await client.value("error in result"), "still");
      await written(/\(read_query_result\).*in the result/);
      assertEquals(await client.value("odd number"), "odd");
      await notes(client);
      assertEquals(await client.value("failing one"), "fallback");
      assertEquals(await notes(client), ["255 255 nil 0 0"]);
      assertEquals(await client.value("change mind"), 3);
    });
    await withClient(proxy, async (client) => {
      assertEquals(await client.value("two streams"), "one");
      await client.connection.ping().catch(() => {});
    });
  },
);

probe(
  "commands other than queries can be sent and looked at",
  String.raw`
  local opened
  local function packet(id, ...) proxy.queries:append(id, string.char(...), { resultset_is_needed = true }) end
  commands["all"] = function()
    for i, command in ipairs { proxy.COM_PING, proxy.COM_STATISTICS, proxy.COM_DEBUG } do packet(i, command) end
    packet(4, proxy.COM_SET_OPTION, 0, 0)
    proxy.queries:append(5, string.char(proxy.COM_INIT_DB) .. "mysql", { resultset_is_needed = true })
    proxy.queries:append(6, string.char(proxy.COM_INIT_DB) .. "not_there", { resultset_is_needed = true })
    proxy.queries:append(7, string.char(proxy.COM_STMT_PREPARE) .. "SELECT ?, 'x'", { resultset_is_needed = true })
    proxy.queries:append(8, string.char(proxy.COM_STMT_PREPARE) .. "SELEC", { resultset_is_needed = true })
    packet(9, proxy.COM_RESET_CONNECTION)
    packet(10, proxy.COM_SLEEP)
    packet(11, 200)
    proxy.queries:append(12, "", { resultset_is_needed = true })
    proxy.queries:append(13, "\3", { resultset_is_needed = true })
    proxy.queries:append(99, "\3SELECT 'end'", { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  for i = 1, 13 do
    results[i] = function(inj)
      local set = inj.resultset
      note(i, set.raw:byte(), set.query_status, set.row_count, set.rows, #set.fields)
      return proxy.PROXY_IGNORE_RESULT
    end
  end
  -- A statement is prepared, run with one parameter and closed behind the client's back.
  commands["prepared"] = function()
    proxy.queries:append(20, "\22SELECT ? + 1, 'text', NULL, CAST(? AS DATE)", { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  local proto = require("mysql.proto")
  local id
  results[20] = function(inj)
    local prepared = proto.from_stmt_prepare_ok_packet(inj.resultset.raw)
    note(prepared.num_params, prepared.num_columns)
    id = inj.resultset.raw:sub(2, 5)
    proxy.queries:append(21, "\23" .. id .. "\0\1\0\0\0" .. "\0" .. "\1" .. "\8\0\253\0"
      .. "\41\0\0\0\0\0\0\0" .. "\0102024-02-29", { resultset_is_needed = true })
    return proxy.PROXY_IGNORE_RESULT
  end
  results[21] = function(inj)
    for row in inj.resultset.rows do note(row[1], row[2], row[3], row[4]) end
    note(inj.resultset.query_status, inj.resultset.row_count, #inj.resultset.fields)
    proxy.queries:append(22, "\25" .. id)
    proxy.queries:append(99, "\3SELECT 'closed'", { resultset_is_needed = true })
    return proxy.PROXY_IGNORE_RESULT
  end
  results[99] = function(inj) note("end", proxy.connection.server.default_db, proxy.connection.client.default_db) end`,
  async ({ proxy }) => {
    using raw = await RawClient.connect({ port: proxy.port, database: "mysql" }, 0n);
    await raw.query("all");
    await withClient(proxy, async (client) => {
      assertEquals(await client.value("all"), "end");
      const said = await notes(client);
      assertEquals(said.length, 14, said.join("\n"));
      assertEquals(said.slice(0, 9), [
        "1 0 0 0 nil 0",
        said[1]!,
        said[2]!,
        "4 254 0 0 nil 0",
        "5 0 0 0 nil 0",
        "6 255 255 0 nil 0",
        "7 0 0 0 nil 0",
        "8 255 255 0 nil 0",
        "9 0 0 0 nil 0",
      ]);
      assertEquals(await client.value("prepared"), "closed");
      assertEquals(await notes(client), ["2 4", "42 text nil 2024-02-29", "0 1 4", "end mysql mysql"]);
    });
    assertEquals(first(await raw.query("SELECT 1"))[0], 1);
  },
);

probe(
  "the end of a connection, decided by a script",
  String.raw`
  local c = proxy.connection
  commands["SELECT 'pass and close'"] = function() c.connection_close = true end
  commands["SELECT 'stream and close'"] = function(packet)
    c.connection_close = true
    proxy.queries:append(1, packet)
    proxy.queries:append(2, "\3SET @a = 1", { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  results[2] = function() return proxy.PROXY_IGNORE_RESULT end
  commands["keep open"] = function()
    c.connection_close = true
    c.connection_close = false
    return answer({ "a" }, { { "open" } })
  end
  commands["quit"] = function()
    proxy.queries:append(1, "\1")
    proxy.queries:append(1, "\3SELECT 1")
    return proxy.PROXY_SEND_QUERY
  end
  commands[proxy.COM_QUIT] = function()
    if mode == "answer" then return answer({ "a" }, {}) end
    proxy.queries:append(2, "\3SELECT 'before quit'", { resultset_is_needed = true })
    proxy.queries:append(3, "\1")
    return proxy.PROXY_SEND_QUERY
  end
  commands["answer quits"] = function() mode = "answer" return answer({ "a" }, {}) end
  function disconnect_client() if c.client.username then io.stdout:write("over ", tostring(c.backend_ndx), "\n") end end`,
  async ({ proxy, written }) => {
    for (const sql of ["SELECT 'pass and close'", "SELECT 'stream and close'"]) {
      const client = await Client.open(proxy);
      client.connection.on("error", () => {});
      assertEquals(await client.value(sql), sql.slice(8, -1));
      await assertRejects(() => client.rows("SELECT 1"));
      client.destroy();
    }
    await withClient(proxy, async (client) => {
      assertEquals(await client.value("keep open"), "open");
      assertEquals(await client.value("SELECT 1"), 1);
    });
    const client = await Client.open(proxy);
    client.connection.on("error", () => {});
    await assertRejects(() => client.rows("quit"));
    client.destroy();
    await withClient(proxy, (other) => other.rows("answer quits"));
    await written(/(over 1[^]*){5}/);
  },
  { servers: ["mysql"] },
);
