import "../servers/node_process.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createConnection } from "mariadb";
import { CAPABILITY, RawClient, transcript } from "../interop/raw_client.ts";
import { withClient } from "../scripts/script_proxy.ts";
import { runClient } from "../servers/clients.ts";
import { findProgram, KINDS } from "../servers/installation.ts";
import { APP } from "../servers/users.ts";
import { notes, probe } from "./script_stage.ts";

const FORMS = String.raw`
  local function form(name, response)
    commands[name] = function()
      proxy.response = response
      return proxy.PROXY_SEND_RESULT
    end
  end
  local OK, ERR, RAW = proxy.MYSQLD_PACKET_OK, proxy.MYSQLD_PACKET_ERR, proxy.MYSQLD_PACKET_RAW
  form("ok", { type = OK })
  form("ok with numbers", { type = OK, affected_rows = 300, insert_id = 70000 })
  form("ok with texts", { type = OK, affected_rows = "3", insert_id = "x" })
  form("ok with fractions", { type = OK, affected_rows = 2.7, insert_id = -1 })
  form("err", { type = ERR, errmsg = "no way" })
  form("err with all", { type = ERR, errmsg = "no\0way", errcode = 1227, sqlstate = "42000" })
  form("err with text", { type = ERR, errmsg = "m", errcode = "1064", sqlstate = "short" .. "er" })
  form("err without", { type = ERR })
  form("err long", { type = ERR, errmsg = ("x"):rep(2000) })
  form("err number", { type = ERR, errmsg = 5 })
  form("raw", { type = RAW, packets = { "\0\5\0\2\0\0\0" } })
  form("raw set", { type = RAW, packets = { "\1", "\3def\0\0\0\1a\0\12\8\0\32\0\0\0\253\2\0\0\0\0", "\254\0\0\2\0", "\3raw", "\254\0\0\2\0" } })
  form("raw empty", { type = RAW, packets = {} })
  form("raw nothing", { type = RAW })
  form("raw wrong", { type = RAW, packets = { {} } })
  form("no type", {})
  form("text type", { type = "0" })
  form("other type", { type = 254 })
  form("no table", 5)
  form("nothing", nil)
  local F = { { name = "a", type = proxy.MYSQL_TYPE_LONG }, { name = "b", type = proxy.MYSQL_TYPE_STRING } }
  form("set", { type = OK, resultset = { fields = F, rows = { { 1, "x" }, { nil, 2.5 }, { "3", nil }, { true, {} },
    { 10 / 2, 1e15 }, { 7, 1 / 3 }, {} } } })
  form("exact", { type = OK, resultset = { fields = { F[2] }, rows = { { 2 ^ 53 }, { 2 ^ 31 }, { -0.0 } } } })
  form("nul", { type = OK, resultset = { fields = { F[2] }, rows = { { "a\0b" }, { "" }, { ("y"):rep(70000) } } } })
  form("set without rows", { type = OK, resultset = { fields = F, rows = {} } })
  form("rows missing", { type = OK, resultset = { fields = F } })
  form("rows wrong", { type = OK, resultset = { fields = F, rows = 5 } })
  form("row wrong", { type = OK, resultset = { fields = F, rows = { 5 } } })
  form("fields missing", { type = OK, resultset = { rows = {} } })
  form("fields empty", { type = OK, resultset = { fields = {}, rows = {} } })
  form("field wrong", { type = OK, resultset = { fields = { 5 }, rows = {} } })
  form("field nameless", { type = OK, resultset = { fields = { {} }, rows = { { 1 } } } })
  form("set wrong", { type = OK, resultset = 5 })
  commands["by fields"] = function()
    proxy.response.type = OK
    proxy.response.resultset = { fields = { { type = proxy.MYSQL_TYPE_STRING, name = "x" } } }
    proxy.response.resultset.rows = { { "assigned" } }
    return proxy.PROXY_SEND_RESULT
  end
  commands["reset?"] = function()
    note(type(proxy.response), next(proxy.response))
    return
  end
  local many = {}
  for i = 1, 300 do many[i] = { name = "c" .. i, type = proxy.MYSQL_TYPE_LONGLONG } end
  local row = {}
  for i = 1, 300 do if i % 2 == 0 then row[i] = i end end
  form("many", { type = OK, resultset = { fields = many, rows = { row, row } } })
  commands["big"] = function()
    return answer({ "v" }, { { ("z"):rep(0xffffff - 4) }, { ("z"):rep(0xffffff) }, { "last" } })
  end
`;

probe("every form of proxy.response reaches the driver", FORMS, async ({ proxy }) => {
  await withClient(proxy, async (client) => {
    const header = async (sql: string) => {
      const [result] = await client.connection.query(sql);
      const { affectedRows, insertId } = Object(result);
      return [affectedRows, insertId];
    };
    assertEquals(await header("ok"), [0, 0]);
    assertEquals(await header("ok with numbers"), [300, 70000]);
    assertEquals(await header("ok with texts"), [3, 0]);
    assertEquals(await header("ok with fractions"), [2, -1]);
    assertEquals(await header("raw"), [5, 0]);
    assertEquals(await header("set wrong"), [0, 0]);
    const standard = { errno: 1105, sqlState: "07000" };
    assertEquals(await client.failure("err"), { ...standard, message: "no way" });
    assertEquals(await client.failure("err with all"), { errno: 1227, sqlState: "42000", message: "no\0way" });
    assertEquals(await client.failure("err with text"), { errno: 1064, sqlState: "07000", message: "m" });
    assertEquals(await client.failure("err number"), { ...standard, message: "5" });
    assertEquals(await client.failure("err without"), { ...standard, message: "(lua) proxy.response.errmsg is nil" });
    assertEquals((await client.failure("err long")).message.length, 512);
    for (
      const form of [
        "raw empty",
        "raw nothing",
        "raw wrong",
        "no type",
        "text type",
        "other type",
        "no table",
        "nothing",
        "rows missing",
        "rows wrong",
        "row wrong",
        "fields missing",
        "fields empty",
        "field wrong",
      ]
    ) {
      assertEquals(
        await client.failure(form),
        { ...standard, message: "(lua) handling proxy.response failed, check error-log" },
        form,
      );
    }
    assert(!/wasm|\.ts:/.test(proxy.log), "The log shows where in the proxy a response was found to be wrong");
    assertEquals(await client.rows("raw set"), [["raw"]]);
    assertEquals(
      await client.rows("set"),
      [
        [1, "x"],
        [null, "2.5"],
        [3, null],
        [null, null],
        [5, "1e+15"],
        [7, "0.33333333333333"],
        [null, null],
      ].map((row) => row),
    );
    assertEquals(await client.rows("exact"), [["9.007199254741e+15"], ["2147483648"], ["-0"]]);
    const nul = await client.rows("nul");
    assertEquals(nul.map(([value]) => String(value).length), [3, 0, 70000]);
    assertEquals(await client.rows("set without rows"), []);
    assertEquals(await client.rows("field nameless"), [["1"]]);
    assertEquals(await client.rows("by fields"), [["assigned"]]);
    await client.connection.query("reset?").catch(() => {});
    assertEquals(await notes(client), ["table nil"]);
    const [wide] = await client.rows("many");
    assertEquals([wide?.length, wide?.[0], wide?.[299]], [300, null, 300]);
    const big = await client.rows("big");
    assertEquals(big.map(([value]) => String(value).length), [0xffffff - 4, 0xffffff, 4]);
    assertEquals(await client.value("SELECT 1"), 1);
  });
}, { servers: ["mysql"], args: ["--lua-time-limit=5"] });

probe("responses have the form that each client has agreed on", FORMS, async ({ proxy, database }) => {
  for (const capability of [0n, CAPABILITY.DEPRECATE_EOF, CAPABILITY.DEPRECATE_EOF | CAPABILITY.SESSION_TRACK]) {
    using raw = await RawClient.connect({ port: proxy.port, database }, capability);
    assertEquals(transcript(await raw.query("ok with numbers")), ["1 00fc2c01fd70110102000000"]);
    const set = transcript(await raw.query("set without rows"));
    const deprecated = (raw.capabilities & CAPABILITY.DEPRECATE_EOF) !== 0n;
    assertEquals(set.map((line) => line.split(" ")[0]), ["1", "2", "3", "4", "5"].slice(0, deprecated ? 4 : 5));
    // Catalog "def", no names but its own, character set 33, length 32, PRI_KEY, no decimals.
    assertEquals(set[1], "2 036465660000000161000c210020000000030200000000");
    assertEquals((await raw.query("many")).length, deprecated ? 304 : 305);
  }
  const connection = await createConnection({
    host: "127.0.0.1",
    port: proxy.port,
    user: APP.user,
    password: APP.password,
    allowPublicKeyRetrieval: true,
    rowsAsArray: true,
  });
  assertEquals(await connection.query("set without rows"), []);
  assertEquals((await connection.query("many"))[0][299], 300n);
  assertEquals((await connection.query("ok with numbers")).affectedRows, 300);
  await connection.end();
  for (const kind of KINDS) {
    if (findProgram(kind, "client") === undefined) continue;
    const { stdout, stderr } = await runClient(kind, "client", { port: proxy.port }, [
      "--skip-column-names",
      "-e",
      "set; by fields; raw set; err with all",
    ]);
    assertMatch(stdout, /^1\tx\nNULL\t2.5\n3\tNULL\n/, stderr);
    assertMatch(stderr, /ERROR 1227 \(42000\)/);
    assertMatch(stdout, /assigned\nraw\n$/);
  }
});
