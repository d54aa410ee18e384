import { assert, assertEquals, assertMatch } from "@std/assert";
import { bytes, CAPABILITY, RawClient } from "../interop/raw_client.ts";
import { withClient } from "../scripts/script_proxy.ts";
import { query } from "../servers/sql.ts";
import { notes, probe } from "./script_stage.ts";

/** Every query is sent as number 1 and kept. */
const INSPECT = String.raw`
  commands.default = function(packet)
    proxy.queries:append(1, packet, { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
`;

probe(
  "a result set shows its fields, rows, counters and flags",
  INSPECT + String.raw`
  results[1] = function(inj)
    local set = inj.resultset
    local names = {}
    for i = 1, #set.fields do
      local f = set.fields[i]
      names[i] = f.name .. ":" .. f.org_name .. ":" .. f.table .. ":" .. f.org_table .. ":" .. f.type
    end
    note(#set.fields, table.concat(names, ","))
    note(set.fields[0], set.fields[#set.fields + 1], set.fields[1] and set.fields[1].nothing)
    local count = 0
    if set.rows then
      for row in set.rows do
        count = count + 1
        local values = {}
        for i = 1, #set.fields do values[i] = row[i] == nil and "NULL" or row[i] end
        note("row", unpack(values))
      end
      -- Each access begins anew.
      local first, again = set.rows(), inj.resultset.rows()
      note(first and first[1] == again[1], count == set.row_count)
      local rows = set.rows
      for _ = 1, count do rows() end
      note((rows()), (rows()))
    else
      note("no rows")
    end
    note(set.row_count, set.bytes, set.affected_rows, set.insert_id, set.warning_count, set.query_status)
    local f = set.flags
    note(f.in_trans, f.auto_commit, f.no_good_index_used, f.no_index_used)
    note(inj.query_time >= 0, inj.response_time >= inj.query_time, inj.query_time == math.floor(inj.query_time),
      inj.response_time < 5e6, set.raw:byte(), set.nothing, inj.nothing)
  end`,
  async ({ proxy, server, database, written }) => {
    await query(
      server,
      `CREATE TABLE ${database}.t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20), data BLOB)`,
    );
    await withClient(proxy, async (client) => {
      const run = async (sql: string) => {
        await client.connection.query(sql).catch(() => {});
        return await notes(client);
      };
      const insert = await run("INSERT INTO t (name, data) VALUES ('a', NULL), (NULL, x'00ff0a'), ('', '')");
      assertEquals(insert, [
        "0 ",
        "nil nil nil",
        "no rows",
        "0 0 3 1 0 0",
        "false true false false",
        "true true true true 0 nil nil",
      ]);
      const select = await run("SELECT id AS k, name, data FROM t AS alias ORDER BY id");
      const bytesOfRows = (2 + 2 + 1 + 4) + (2 + 1 + 4 + 4) + (2 + 1 + 1 + 4);
      assertEquals(select.slice(0, 8), [
        "3 k:id:alias:t:3,name:name:alias:t:253,data:data:alias:t:252",
        "nil nil nil",
        "row 1 a NULL",
        "row 2 NULL \\x00\\xff\\x0a",
        "row 3  ",
        "true true",
        "nil nil",
        `3 ${bytesOfRows} nil nil 0 0`,
      ]);
      assertEquals(select.at(-1), "true true true true 3 nil nil");
      assertEquals((await run("SELECT 1 FROM t WHERE FALSE")).slice(2, 5), ["nil true", "nil nil", "0 0 nil nil 0 0"]);
      await run("BEGIN");
      assertEquals((await run("UPDATE t SET name = 'z' WHERE id = 1")).slice(-2), [
        "true true false false",
        "true true true true 0 nil nil",
      ]);
      assertMatch((await run("SELECT * FROM t WHERE name = 'z'")).at(-2)!, /^true true false true$/);
      await run("ROLLBACK");
      assertEquals((await run("SELECT 1 / 0")).at(-3)!.split(" ").slice(-2), ["1", "0"]);
      assertEquals(await run("SELECT * FROM nowhere"), [
        "0 ",
        "nil nil nil",
        "no rows",
        "0 0 0 0 0 255",
        // An ERR has no flags: those of before hold.
        "false true false false",
        "true true true true 255 nil nil",
      ]);
      // An error among the rows.
      const late = await run("SELECT id, IF(id = 3, (SELECT 1 UNION SELECT 2), id) FROM t ORDER BY id");
      assert(late.some((line) => line.endsWith(" 255") || line.endsWith(" 0")), late.join("\n"));
      assertEquals(await client.value("SELECT 5"), 5);
    }, { database, multipleStatements: true });
    await written(/nothing/);
  },
);

probe(
  "many columns, long values and large results are whole",
  INSPECT + String.raw`
  results[1] = function(inj)
    local set = inj.resultset
    local count, length, last = 0, 0
    for row in set.rows do
      count = count + 1
      for i = 1, #set.fields do
        last = row[i]
        length = length + (last and #last or 0)
      end
    end
    note(#set.fields, count, length, last and #last > 20 and #last or last, set.fields[#set.fields].name, set.row_count,
      set.bytes)
    return answer({ "count", "length" }, { { count, length } })
  end`,
  async ({ proxy }) => {
    await withClient(proxy, async (client) => {
      for (const columns of [250, 251, 300]) {
        const list = Array.from({ length: columns }, (_, i) => i % 7 === 3 ? `NULL c${i}` : `'v${i}' c${i}`);
        const length = list.filter((item) => item.startsWith("'")).map((item) => item.split("'")[1]!.length)
          .reduce((a, b) => a + b, 0);
        assertEquals(await client.rows(`SELECT ${list.join(", ")}`), [["1", `${length}`]]);
        const [note] = await notes(client);
        assertMatch(note!, new RegExp(`^${columns} 1 ${length} \\S+ c${columns - 1} 1 \\d+$`));
      }
      for (const length of [250, 251, 65535, 65536, 300_000, 0xffffff - 4, 17_000_000]) {
        const [[count, sum] = []] = await client.rows(`SELECT REPEAT('x', ${length}) AS v`);
        assertEquals([count, sum], ["1", `${length}`]);
        const prefix = length < 251 ? 1 : length < 65536 ? 3 : length < 16777216 ? 4 : 9;
        const payload = length + prefix;
        const packets = Math.floor(payload / 0xffffff) + 1;
        assertEquals((await notes(client))[0], `1 1 ${length} ${length} v 1 ${payload + packets * 4}`);
      }
      const rows = 5000;
      const sql = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) ` +
        "SELECT i, NULL, REPEAT('y', 40) FROM n";
      await client.rows("SET SESSION cte_max_recursion_depth = 100000").catch(() => {});
      await client.connection.query("SET SESSION max_recursive_iterations = 100000").catch(() => {});
      const [[count] = []] = await client.rows(sql);
      assertEquals(count, `${rows}`);
    });
  },
  { servers: ["mariadb"], args: ["--lua-time-limit=10"] },
);

probe(
  "what a script keeps of a result stays valid",
  INSPECT + String.raw`
  local kept = {}
  local iterator, fields, injection
  results[1] = function(inj)
    kept[#kept + 1] = inj.resultset
    iterator, fields, injection = inj.resultset.rows, inj.resultset.fields, inj
    inj = nil
  end
  commands["look"] = function()
    collectgarbage() collectgarbage()
    note(#kept, fields[1].name, injection.id, injection.query, injection.query_time > 0)
    for row in iterator do note(row[1], #row[2]) collectgarbage() end
    for i, set in ipairs(kept) do
      note(i, set.fields[1].name, set.rows()[1], set.row_count, set.raw:byte(), set.flags.auto_commit)
    end
    kept = {}
    return answer({ "done" }, {})
  end`,
  async ({ proxy }) => {
    await withClient(proxy, async (client) => {
      await client.rows("SELECT 'a' AS first, 'x' UNION SELECT 'b', 'yy'");
      await client.rows("SELECT 'c' AS second, REPEAT('z', 300000) UNION SELECT 'd', REPEAT('w', 400000)");
      await client.rows("look");
      assertEquals(await notes(client), [
        "2 second 1 \\x03SELECT 'c' AS second, REPEAT('z', 300000) UNION SELECT 'd', REPEAT('w', 400000) true",
        "c 300000",
        "d 400000",
        "1 first a 2 2 true",
        "2 second c 2 2 true",
      ]);
    });
  },
  { servers: ["mariadb"] },
);

probe(
  "without resultset_is_needed there are counters, but no rows",
  String.raw`
  commands.default = function(packet)
    proxy.queries:append(1, packet)
    return proxy.PROXY_SEND_QUERY
  end
  local function tried(...)
    local ok, message = pcall(...)
    note(ok, (tostring(message):gsub("^.-:%d+: ", "")))
  end
  results[1] = function(inj)
    local set = inj.resultset
    note(set.row_count, set.bytes, set.affected_rows, set.insert_id, set.warning_count, set.query_status)
    tried(function() return set.fields end)
    tried(function() return set.rows end)
    tried(function() return set.raw end)
    return proxy.PROXY_SEND_RESULT
  end`,
  async ({ proxy, written }) => {
    await withClient(proxy, async (client) => {
      assertEquals(await client.rows("SELECT 'ab' UNION SELECT 'c'"), [["ab"], ["c"]]);
      const absent = (what: string) => `false .resultset.${what} isn't available if 'resultset_is_needed ~= true'`;
      assertEquals(await notes(client), ["2 13 nil nil 0 0", absent("fields"), absent("rows"), absent("raw")]);
      await client.rows("DO 1");
      assertEquals((await notes(client))[0], "0 0 0 0 0 0");
      await written(/resultset_is_needed = true/);
    });
  },
  { servers: ["mysql"] },
);

probe(
  "responses of several results are followed to their end",
  INSPECT + String.raw`
  results[1] = function(inj)
    local set = inj.resultset
    note(#inj.resultsets, set.row_count, set.rows and set.rows()[1], set.query_status, set.affected_rows)
    for i = 1, #inj.resultsets do
      local each = inj.resultsets[i]
      note(i, #each.fields, each.rows and each.rows()[1], each.raw:byte())
    end
  end`,
  async ({ proxy, server, database }) => {
    await query(
      server,
      `CREATE PROCEDURE ${database}.three() BEGIN SELECT 1; SELECT 2, 3; SELECT 4 UNION SELECT 5; END`,
      `CREATE TABLE ${database}.t (id INT)`,
    );
    await withClient(proxy, async (client) => {
      await client.connection.query("SELECT 'a'; SELECT 'b', 'c' UNION SELECT 'd', 'e'; INSERT INTO t VALUES (1), (2)");
      assertEquals(await notes(client), ["3 3 a 0 2", "1 1 a 1", "2 2 b 2", "3 0 nil 0"]);
      await client.connection.query("INSERT INTO t VALUES (1), (2), (3); SELECT 'x'");
      assertEquals(await notes(client), ["2 1 nil 0 nil", "1 0 nil 0", "2 1 x 1"]);
      await client.connection.query("CALL three()");
      assertEquals(await notes(client), ["4 4 1 0 0", "1 1 1 1", "2 2 2 2", "3 1 4 1", "4 0 nil 0"]);
      await client.connection.query("SELECT 1; SELECT wrong; SELECT 2").catch(() => {});
      assertEquals(await notes(client), ["2 1 1 255 nil", "1 1 1 1", "2 0 nil 255"]);
      assertEquals(await client.value("SELECT 7"), 7);
    }, { database, multipleStatements: true });
  },
);

probe(
  "clients with and without EOF packets, metadata caching and query attributes look the same to a script",
  INSPECT + String.raw`
  results[1] = function(inj)
    local set = inj.resultset
    note(inj.query, #set.fields, set.fields[1].name, set.rows()[1], set.row_count, set.warning_count, set.raw)
  end`,
  async ({ proxy, database }) => {
    const capabilities = [
      0n,
      CAPABILITY.DEPRECATE_EOF,
      CAPABILITY.DEPRECATE_EOF | CAPABILITY.SESSION_TRACK,
      CAPABILITY.DEPRECATE_EOF | CAPABILITY.OPTIONAL_RESULTSET_METADATA,
      CAPABILITY.DEPRECATE_EOF | CAPABILITY.QUERY_ATTRIBUTES,
      CAPABILITY.DEPRECATE_EOF | CAPABILITY.MARIADB_EXTENDED_METADATA | CAPABILITY.MARIADB_CACHE_METADATA,
    ];
    for (const capability of capabilities) {
      using raw = await RawClient.connect({ port: proxy.port, database }, capability);
      const [head, , ...rest] = await raw.query("SELECT 'v' AS name");
      const row = rest.find(({ payload }) => payload[0] === 1);
      assertEquals(row?.payload, bytes(1, "v"));
      assertEquals(head?.payload[0], 1);
      const said = await raw.query("notes");
      const text = said.map(({ payload }) => new TextDecoder().decode(payload)).join("|");
      assertMatch(text, /SELECT 'v' AS name 1 name v 1 0 /, `capabilities ${capability}`);
      assertMatch(text, /x03SELECT/, `capabilities ${capability}`);
    }
  },
);
