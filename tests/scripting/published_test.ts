import { assert, assertEquals, assertMatch } from "@std/assert";
import { RawClient, statementId, transcript } from "../interop/raw_client.ts";
import { bytes, CAPABILITY, little, packet } from "../interop/raw_client.ts";
import { Client, withClient } from "../scripts/script_proxy.ts";
import { until } from "../servers/port.ts";
import { query } from "../servers/sql.ts";
import { notes, probe } from "./script_stage.ts";

probe(
  "a cache of results, kept by the statement's text",
  String.raw`
  -- As published: fields and rows are copied out of the first result and served from then on.
  proxy.global.cache = proxy.global.cache or {}
  local hits = 0
  commands.default = function(packet)
    if packet:byte() ~= proxy.COM_QUERY then return end
    local sql = packet:sub(2)
    if not sql:lower():match("^%s*select") then proxy.global.cache = {} return end
    local cached = proxy.global.cache[sql]
    if cached then
      hits = hits + 1
      proxy.response.type = proxy.MYSQLD_PACKET_OK
      proxy.response.resultset = { fields = cached.fields, rows = cached.rows }
      return proxy.PROXY_SEND_RESULT
    end
    proxy.queries:append(1, packet, { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  results[1] = function(inj)
    local res = assert(inj.resultset)
    if res.query_status ~= proxy.MYSQLD_PACKET_OK then return end
    local fields, rows = {}, {}
    for n = 1, #res.fields do fields[n] = { type = res.fields[n].type, name = res.fields[n].name } end
    for row in res.rows do
      local copy = {}
      for n = 1, #fields do copy[n] = row[n] end
      rows[#rows + 1] = copy
    end
    proxy.global.cache[inj.query:sub(2)] = { fields = fields, rows = rows }
  end
  commands["hits"] = function() note(hits) return answer({ "n" }, {}) end`,
  async ({ proxy, database }) => {
    await withClient(proxy, async (client) => {
      await client.rows("CREATE TABLE t (id INT, name VARCHAR(10), at DATETIME)");
      await client.rows("INSERT INTO t VALUES (1, 'a', '2024-01-02 03:04:05'), (NULL, NULL, NULL)");
      const sql = "SELECT * FROM t ORDER BY id DESC";
      const first = await client.rows(sql);
      assertEquals(await client.rows(sql), first);
      assertEquals(await client.rows(sql), [[1, "a", "2024-01-02 03:04:05"], [null, null, null]]);
      await client.rows("hits");
      assertEquals(await notes(client), ["2"]);
      await client.rows("INSERT INTO t VALUES (2, 'b', NULL)");
      assertEquals((await client.rows(sql)).length, 3);
    }, { database });
  },
  { servers: ["mysql"] },
);

probe(
  "a firewall, a histogram and a slow query log",
  String.raw`
  proxy.global.slow = proxy.global.slow or {}
  local tokenizer = require("proxy.tokenizer")
  local forbidden = { "^%s*drop%s+", "^%s*delete%s+from%s+[%w_]+%s*;?%s*$", "sleep%s*%(" }
  commands.default = function(packet)
    if packet:byte() == proxy.COM_STMT_PREPARE or packet:byte() == proxy.COM_QUERY then
      local sql = string.lower(string.sub(packet, 2))
      for _, pattern in ipairs(forbidden) do
        if string.find(sql, pattern) then
          proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = "Query blocked: " .. pattern, errcode = 1142,
            sqlstate = "42000" }
          return proxy.PROXY_SEND_RESULT
        end
      end
    end
    proxy.queries:append(1, packet)
    return proxy.PROXY_SEND_QUERY
  end
  results[1] = function(inj)
    if inj.query:byte() ~= proxy.COM_QUERY then return end
    local norm = tokenizer.normalize(tokenizer.tokenize(inj.query:sub(2)))
    local h = histogram or {}
    histogram = h
    h[norm] = h[norm] or { n = 0, max = 0 }
    h[norm].n = h[norm].n + 1
    h[norm].max = math.max(h[norm].max, inj.query_time)
  end
  commands["SELECT * FROM histogram"] = function()
    local rows = {}
    for sql, h in pairs(histogram or {}) do rows[#rows + 1] = { sql, h.n, string.format("%.2f", h.max / 1000) } end
    table.sort(rows, function(a, b) return a[1] < b[1] end)
    return answer({ "query", "count", "max_ms" }, rows)
  end`,
  async ({ proxy, database }) => {
    await withClient(proxy, async (client) => {
      await client.rows("CREATE TABLE t (id INT)");
      for (let i = 0; i < 3; i++) await client.rows(`INSERT INTO t VALUES (${i})`);
      assertEquals((await client.failure("DROP TABLE t")).errno, 1142);
      assertEquals((await client.failure("delete from t")).sqlState, "42000");
      await client.rows("DELETE FROM t WHERE id = 1");
      assertMatch(await client.connection.prepare("SELECT SLEEP(1)").then(() => "prepared", String), /blocked/);
      const rows = await client.rows("SELECT * FROM histogram");
      assertEquals(rows.map((row) => row.slice(0, 2)), [
        ["CREATE TABLE `t` ( `id` INT ) ", "1"],
        ["DELETE FROM `t` WHERE `id` = ? ", "1"],
        ["INSERT INTO `t` VALUES ( ? ) ", "3"],
      ]);
    }, { database });
  },
  { servers: ["mariadb"] },
);

probe(
  "cursors, resets and several commands at once",
  String.raw`
  commands.default = function(packet)
    proxy.queries:append(packet:byte(), packet, { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  function read_query_result(inj) note(inj.id, inj.resultset.raw and inj.resultset.raw:byte(), inj.resultset.row_count) end`,
  async ({ proxy, server, database }) => {
    const run = async (port: number) => {
      using raw = await RawClient.connect({ port, database }, CAPABILITY.PS_MULTI_RESULTS);
      await raw.query("CREATE TABLE IF NOT EXISTS t (id INT)");
      await raw.query("REPLACE INTO t VALUES (1), (2), (3)");
      await raw.send(22, "SELECT id FROM t ORDER BY id");
      const id = statementId(await raw.response("prepare"));
      await raw.send(23, id, 1, little(1, 4));
      const seen: string[][] = [];
      // A result with a cursor has no rows of its own.
      const opened = [await raw.read(), await raw.read(), await raw.read()];
      seen.push(transcript(opened));
      for (let i = 0; i < 3; i++) {
        await raw.send(28, id, little(2, 4));
        seen.push(transcript(await raw.response(i < 2 ? "fetch" : "one")));
        if (i === 1) break;
      }
      await raw.send(26, id);
      seen.push(transcript(await raw.response("one")));
      await raw.send(25, id);
      // One after the other without waiting for the answers.
      const pings = Array.from({ length: 5 }, () => packet(0, bytes(14)));
      await raw.write(bytes(...pings, packet(0, bytes(3, "SELECT 'piped'")), packet(0, bytes(14))));
      for (let i = 0; i < 5; i++) seen.push(transcript(await raw.response("one")));
      seen.push(transcript(await raw.response()), transcript(await raw.response("one")));
      await raw.query("DROP TABLE t");
      return seen;
    };
    assertEquals(await run(proxy.port), await run(server.port));
  },
);

probe(
  "hooks that wait hold their connection alone",
  String.raw`
  commands["ask"] = function()
    local result, message = proxy.query(1, "SELECT SLEEP(0.3), CONNECTION_ID()", { user = "root" })
    note(message, result and result.rows[1][1])
    return answer({ "asked" }, { { result and result.rows[1][1] } })
  end
  commands["late"] = function(packet)
    require("glib2").usleep(200000)
    proxy.queries:append(1, "\3SELECT 'late'")
    return proxy.PROXY_SEND_QUERY
  end
  function disconnect_client()
    if proxy.connection.client.username == "app" then
      require("glib2").usleep(1000)
      io.stdout:write("slept before goodbye\n")
    end
  end`,
  async ({ proxy, written }) => {
    await withClient(proxy, async (one) => {
      await using two = await Client.open(proxy);
      const begun = performance.now();
      const slow = one.rows("ask");
      const late = one.rows("late");
      for (let i = 0; i < 5; i++) assertEquals(await two.value(`SELECT ${i}`), i);
      const elapsed = performance.now() - begun;
      assertEquals(await slow, [["0"]]);
      assertEquals(await late, [["late"]]);
      assert(elapsed < performance.now() - begun);
      assertEquals(await notes(one), ["nil 0"]);
    });
    await written("slept before goodbye");
  },
  { servers: ["mysql"] },
);

probe(
  "the client leaves in the middle of everything, and the proxy goes on",
  String.raw`
  commands.default = function(packet)
    for i = 1, 3 do proxy.queries:append(i, packet, { resultset_is_needed = true }) end
    return proxy.PROXY_SEND_QUERY
  end
  function read_query_result(inj) if inj.id < 3 then return proxy.PROXY_IGNORE_RESULT end end
  commands["wait"] = function() require("glib2").usleep(3000000) end`,
  async ({ proxy, server }) => {
    for (const sql of ["SELECT SLEEP(0.4)", "wait", "SELECT REPEAT('x', 5000000)"]) {
      const client = await Client.open(proxy);
      client.rows(sql).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 50));
      client.destroy();
    }
    await withClient(proxy, async (client) => assertEquals(await client.value("SELECT 1"), 1));
    // The server ends a connection while a query of the script runs, and while nothing does.
    const victim = await Client.open(proxy);
    victim.connection.on("error", () => {});
    const id = await victim.value("SELECT CONNECTION_ID()");
    const running = victim.failure("SELECT SLEEP(5)");
    await until(5000, "the statement to run", async () => {
      const sql = `SELECT 1 FROM information_schema.processlist WHERE id = ${id} AND info LIKE '%SLEEP(5)%'`;
      return (await query(server, sql)).length > 0;
    });
    await query(server, `KILL ${id}`);
    assert([1053, 1317, 1927, 2013].includes(Number((await running).errno)));
    victim.destroy();
    await withClient(proxy, async (client) => assertEquals(await client.value("SELECT 2"), 2));
  },
  { servers: ["mariadb"] },
);
