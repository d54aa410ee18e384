import { assert, assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { type Client, withClient, withScript } from "../scripts/script_proxy.ts";
import { clientCommand } from "../servers/clients.ts";
import { findProgram, KINDS } from "../servers/installation.ts";
import { run } from "../servers/run_program.ts";
import { notes, probe } from "./script_stage.ts";

/** Replaces words in statements, counts, and puts a hidden query before each. */
const REWRITE = String.raw`
  commands.default = function(packet)
    if packet:byte() ~= proxy.COM_QUERY then return end
    proxy.queries:append(1, "\3SELECT 'hidden'", { resultset_is_needed = true })
    proxy.queries:append(2, (packet:gsub("COLOUR", "'red'")), { resultset_is_needed = packet:find("COLOUR") ~= nil })
    return proxy.PROXY_SEND_QUERY
  end
  results[1] = function(inj) return proxy.PROXY_IGNORE_RESULT end
  results[2] = function(inj)
    local set = inj.resultset
    proxy.global.rows = (proxy.global.rows or 0) + set.row_count
  end
`;

probe(
  "compressed and encrypted clients see what scripts make",
  REWRITE,
  async ({ proxy }) => {
    const long = "x".repeat(300_000);
    for (const tls of [false, true]) {
      for (const compress of [false, true]) {
        await withClient(proxy, async (client) => {
          assertEquals(await client.value("SELECT COLOUR"), "red");
          assertEquals(await client.value(`SELECT '${long}'`), long);
          assertEquals(await client.value(`SELECT CONCAT(COLOUR, '${long}')`), `red${long}`);
          assertEquals((await client.failure("COLOUR")).errno, 1064);
          const statement = await client.connection.prepare("SELECT ? + 1 AS n");
          const [rows] = await statement.execute([41]);
          assertMatch(JSON.stringify(rows), /42/);
          await statement.close();
        }, { compress, ...(tls ? { ssl: { rejectUnauthorized: false } } : {}) });
      }
    }
    for (const kind of KINDS) {
      const command = findProgram(kind, "client") && clientCommand(kind, "client", proxy);
      if (!command) continue;
      for (
        const more of kind === "mysql"
          ? [["--ssl-mode=REQUIRED", "--compress"], ["--ssl-mode=DISABLED", "--compression-algorithms=zstd"]]
          : [["--compress"]]
      ) {
        const { stdout, stderr } = await run([...command, ...more, "-N", "-e", "SELECT COLOUR; SELECT 1"]);
        assertEquals(stdout, "red\n1\n", stderr);
      }
    }
  },
);

probe(
  "a backend that is compressed and encrypted serves scripts",
  REWRITE,
  async ({ proxy }) => {
    for (const compress of [false, true]) {
      await withClient(proxy, async (client) => {
        const long = "y".repeat(100_000);
        for (let i = 0; i < 3; i++) {
          assertEquals(await client.value("SELECT COLOUR"), "red");
          assertEquals(await client.value(`SELECT '${long}'`), long);
        }
        assertEquals((await client.rows("SHOW STATUS LIKE 'Compression'"))[0]?.[1], "ON");
        assert(String((await client.rows("SHOW STATUS LIKE 'Ssl_cipher'"))[0]?.[1]).length > 5);
      }, { compress });
    }
  },
  { servers: ["mysql"], args: ["--backend-compression-algorithms=zlib", "--backend-ssl-mode=required"] },
);

/** Loads a file of `count` lines. */
async function load(client: Client, sql: string, count: number): Promise<string> {
  const text = Array.from({ length: count }, (_, i) => `${i}\tname ${i}\n`).join("");
  try {
    const [result] = await client.connection.query({
      sql,
      infileStreamFactory: () => Readable.from([Buffer.from(text.slice(0, 7)), Buffer.from(text.slice(7))]),
    });
    return `${Object(result).affectedRows} rows`;
  } catch (error) {
    return `error ${Object(error).errno}`;
  }
}

probe(
  "local files are loaded in every way that a script can handle the statement",
  String.raw`
  local mode = "pass"
  for _, name in ipairs { "pass", "queue", "keep", "behind", "ignore", "replace" } do
    commands["mode " .. name] = function() mode = name return answer({ "ok" }, {}) end
  end
  commands.default = function(packet)
    if not packet:find("LOAD DATA") or mode == "pass" then return end
    if mode == "behind" then
      proxy.queries:append(2, "\3SELECT 'before'", { resultset_is_needed = true })
    end
    proxy.queries:append(1, packet, { resultset_is_needed = mode ~= "queue" })
    if mode == "behind" then
      proxy.queries:append(2, "\3SELECT COUNT(*) FROM t", { resultset_is_needed = true })
    end
    return proxy.PROXY_SEND_QUERY
  end
  results[1] = function(inj)
    note(mode, inj.resultset.query_status, inj.resultset.affected_rows)
    if mode == "ignore" then return proxy.PROXY_IGNORE_RESULT end
    if mode == "replace" then return refuse("replaced", 1644) end
  end
  results[2] = function(inj) note("beside", inj.resultset.rows()[1]) return proxy.PROXY_IGNORE_RESULT end`,
  async ({ proxy, database }) => {
    await withClient(proxy, async (client) => {
      await client.rows("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40))");
      const sql = "LOAD DATA LOCAL INFILE 'x' INTO TABLE t";
      for (
        const [mode, said] of [
          ["pass", []],
          ["queue", ["queue 0 5000"]],
          ["keep", ["keep 0 5000"]],
          ["behind", ["beside before", "behind 0 5000", "beside 5000"]],
        ] as const
      ) {
        await client.rows("DELETE FROM t");
        await client.rows(`mode ${mode}`);
        await notes(client);
        assertEquals(await load(client, sql, 5000), "5000 rows", mode);
        assertEquals(await notes(client), [...said], mode);
        assertEquals(await client.value("SELECT COUNT(*) FROM t"), 5000);
        assertEquals(await load(client, sql.replace("TABLE t", "TABLE nowhere"), 10), "error 1146", mode);
        assertEquals(await load(client, `${sql} (nothing)`, 10), "error 1054", mode);
        assertEquals(await client.value("SELECT COUNT(*) FROM t"), 5000);
      }
      await client.rows("DELETE FROM t");
      await client.rows("mode replace");
      assertEquals(await load(client, sql, 100), "error 1644");
      assertEquals(await client.value("SELECT COUNT(*) FROM t"), 100);
      // What is asked of the client must be answered.
      await client.rows("DELETE FROM t");
      await client.rows("mode ignore");
      const ignored = await load(client, sql, 100);
      assert(ignored === "100 rows" || ignored.startsWith("error"), ignored);
      assertEquals(await client.value("SELECT 'still here'"), "still here");
    }, { database });
  },
);

probe(
  "commands and rows of more than 16 MB pass, kept and not",
  String.raw`
  commands.default = function(packet)
    if packet:byte() ~= proxy.COM_QUERY then return end
    note("command", #packet, packet:sub(2, 8), packet:sub(-3))
    if packet:find("pass", 1, true) then return end
    proxy.queries:append(1, packet, { resultset_is_needed = packet:find("keep", 1, true) ~= nil })
    return proxy.PROXY_SEND_QUERY
  end
  results[1] = function(inj)
    note("result", inj.resultset.row_count, #inj.query, inj.resultset.warning_count)
    if inj.query:find("keep", 1, true) then note("row", #inj.resultset.rows()[1]) end
  end`,
  async ({ proxy }) => {
    await withClient(proxy, async (client) => {
      // The last fragment of a packet may be empty.
      for (
        const [way, length] of [
          ["pass", 0xffffff],
          ["queue", 0xffffff],
          ["queue", 2 * 0xffffff + 5],
          ["keep", 0xffffff],
          ["keep", 2 * 0xffffff + 5],
        ] as const
      ) {
        // The command as a whole has exactly this length.
        const head = `SELECT /*${way}*/ '`;
        const text = "q".repeat(length - head.length - 2);
        const value = await client.value(`${head}${text}'`);
        assertEquals(String(value).length, text.length, `${way} ${length}`);
        assert(value === text);
        const said = await notes(client);
        assertEquals(said[0], `command ${length} SELECT  qq'`);
        if (way !== "pass") assertEquals(said[1], `result 1 ${length} 0`);
        if (way === "keep") assertEquals(said[2], `row ${text.length}`);
      }
      assertEquals(await client.value("SELECT 1"), 1);
    });
  },
  { args: ["--lua-time-limit=20"] },
);

probe(
  "two proxies with scripts, one behind the other",
  REWRITE,
  async ({ proxy, database }) => {
    const lua = String.raw`
      function read_query(packet)
        if packet:byte() ~= proxy.COM_QUERY then return end
        proxy.queries:append(1, (packet:gsub("TINT", "COLOUR")), { resultset_is_needed = true })
        return proxy.PROXY_SEND_QUERY
      end
      function read_query_result(inj)
        if not inj.resultset.rows then return end
        local rows = {}
        for row in inj.resultset.rows do rows[#rows + 1] = { "outer " .. tostring(row[1]) } end
        proxy.response = { type = proxy.MYSQLD_PACKET_OK, resultset = {
          fields = { { name = "outer", type = proxy.MYSQL_TYPE_STRING } }, rows = rows } }
        return proxy.PROXY_SEND_RESULT
      end`;
    await withScript({ script: { lua }, backends: [proxy] }, async (outer) => {
      for (const options of [{}, { compress: true }, { ssl: { rejectUnauthorized: false } }]) {
        await withClient(outer, async (client) => {
          assertEquals(await client.value("SELECT TINT"), "outer red");
          await client.rows("CREATE TABLE IF NOT EXISTS t (id INT)");
          await client.rows("INSERT INTO t VALUES (1), (2)");
          assertEquals(await client.rows("SELECT id FROM t ORDER BY id"), [["outer 1"], ["outer 2"]]);
          await client.rows("DROP TABLE t");
          await client.connection.changeUser({ database: "mysql" });
          assertEquals(await client.value("SELECT DATABASE()"), "outer mysql");
        }, { database, ...options });
      }
    });
  },
  { servers: ["mysql"] },
);
