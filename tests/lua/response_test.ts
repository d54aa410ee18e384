import { assertEquals, assertStringIncludes } from "@std/assert";
import { parseColumnDefinition, parseOk } from "../../lib/protocol/mod.ts";
import { Verdict } from "../../lib/script/mod.ts";
import { CAPABILITIES, comQuery, latin1, TestHost } from "./_script_world.ts";

const FAILED = ["\xffQ\x04#07000(lua) handling proxy.response failed, check error-log"];

/** What is sent for a `proxy.response`, and the log. */
async function respond(response: string): Promise<{ payloads: Uint8Array[]; sent: string[]; records: string[] }> {
  using test = await TestHost.open(`function read_query() proxy.response = ${response} return 2 end`);
  const script = test.connect();
  assertEquals(await script.readQuery(comQuery("")), Verdict.SEND_RESULT, test.world.records.join("\n"));
  const payloads = script.response();
  await script.disconnectClient();
  return { payloads, sent: latin1(payloads), records: test.world.records };
}

Deno.test("response() sends an OK with its numbers", async () => {
  const { payloads } = await respond(
    `{ type = proxy.MYSQLD_PACKET_OK, affected_rows = 3, insert_id = "70000", warnings = 2, status = 3, info = "done" }`,
  );
  assertEquals(payloads.map((payload) => parseOk(payload, CAPABILITIES)), [
    { affectedRows: 3, lastInsertId: 70000, warnings: 2, status: 3, info: "done", sessionState: [] },
  ]);
});

Deno.test("response() sends counts of all sizes, and the nearest to those that are none", async () => {
  const counts = [["2^53 - 1", 2 ** 53 - 1], ["2^63", 2n ** 63n], ["2^64", 2n ** 64n - 1n], ["-1.5", 0], ["1/0", 0]];
  for (const [count, expected] of counts) {
    const { payloads } = await respond(`{ type = proxy.MYSQLD_PACKET_OK, insert_id = ${count} }`);
    assertEquals(payloads.map((payload) => parseOk(payload, CAPABILITIES).lastInsertId), [expected]);
  }
});

Deno.test("response() sends an OK with autocommit by default", async () => {
  assertEquals((await respond(`{ type = 0 }`)).sent, ["\0\0\0\x02\0\0\0"]);
});

Deno.test("response() sends an ERR", async () => {
  assertEquals(
    (await respond(`{ type = proxy.MYSQLD_PACKET_ERR, errmsg = "no", errcode = "1045", sqlstate = "28000" }`)).sent,
    [
      "\xff\x15\x04#28000no",
    ],
  );
  assertEquals((await respond(`{ type = 255, errmsg = "no" }`)).sent, ["\xffQ\x04#07000no"]);
  assertEquals((await respond(`{ type = 255, errmsg = "no", sqlstate = "1", errcode = {} }`)).sent, [
    "\xffQ\x04#07000no",
  ]);
  assertEquals((await respond(`{ type = 255 }`)).sent, ["\xffQ\x04#07000(lua) proxy.response.errmsg is nil"]);
  assertEquals((await respond(`{ type = 255, errmsg = ("x"):rep(600) }`)).sent, ["\xffQ\x04#07000" + "x".repeat(512)]);
});

Deno.test("response() sends raw packets", async () => {
  assertEquals((await respond(`{ type = proxy.MYSQLD_PACKET_RAW, packets = { "a\\0b", "\\255", "" } }`)).sent, [
    "a\0b",
    "\xff",
    "",
  ]);
});

Deno.test("response() sends a result set", async () => {
  const { payloads, sent, records } = await respond(`{
    type = proxy.MYSQLD_PACKET_OK,
    warnings = 1,
    resultset = {
      fields = {
        { name = "n", type = proxy.MYSQL_TYPE_LONG, charset = 63, flags = 1, decimals = 2, length = 11, table = "t", db = "d" },
        { name = "text", type = proxy.MYSQL_TYPE_STRING },
      },
      rows = { { 1, "a\\0b" }, { nil, 1.5, "too much" }, { 10 / 2, true }, { 1e15, 0.1 }, {} },
    },
  }`);
  assertEquals(sent[0], "\x02");
  const [, first = new Uint8Array(), second = new Uint8Array()] = payloads;
  assertEquals(parseColumnDefinition(first, CAPABILITIES), {
    catalog: "def",
    schema: "d",
    table: "t",
    originalTable: "",
    name: "n",
    originalName: "",
    charset: 63,
    length: 11,
    type: 3,
    flags: 1,
    decimals: 2,
  });
  assertEquals(parseColumnDefinition(second, CAPABILITIES).charset, 33);
  const eof = "\xfe\x01\0\x02\0";
  assertEquals(sent.slice(3), [eof, "\x011\x03a\0b", "\xfb\x031.5", "\x015\xfb", "\x051e+15\x030.1", "\xfb\xfb", eof]);
  assertEquals(records, []);
});

Deno.test("response() names fields that have no name or type", async () => {
  const { payloads, records } = await respond(`{ type = 0, resultset = { fields = { {} }, rows = {} } }`);
  const { name, type } = parseColumnDefinition(payloads[1] ?? new Uint8Array(), CAPABILITIES);
  assertEquals([name, type], ["no-field-name", 254]);
  assertEquals(records.length, 2);
});

Deno.test("response() reads through metatables", async () => {
  const { sent } = await respond(`setmetatable({}, { __index = { type = 250, packets = setmetatable({}, {
    __index = function(_, i) if i < 3 then return "p" .. i end end }) } })`);
  assertEquals(sent, ["p1", "p2"]);
});

for (
  const response of [
    "nil",
    "5",
    "{}",
    "{ type = 'x' }",
    "{ type = 7 }",
    "{ type = 250 }",
    "{ type = 250, packets = 1 }",
    "{ type = 250, packets = {} }",
    "{ type = 250, packets = { {} } }",
    "{ type = 0, resultset = {} }",
    "{ type = 0, resultset = { fields = {}, rows = {} } }",
    "{ type = 0, resultset = { fields = { 1 }, rows = {} } }",
    "{ type = 0, resultset = { fields = { { name = 'a' } } } }",
    "{ type = 0, resultset = { fields = { { name = 'a' } }, rows = 7 } }",
    "{ type = 0, resultset = { fields = { { name = 'a' } }, rows = { 'x' } } }",
    "setmetatable({}, { __index = function() error('broken') end })",
    "setmetatable({}, { __index = function() while true do end end })",
  ]
) {
  Deno.test(`response() answers ${response} with an ERR and a record`, async () => {
    const { sent, records } = await respond(response);
    assertEquals(sent, FAILED);
    assertStringIncludes(records.filter((record) => record.startsWith("critical")).join(), "(proxy.response)");
  });
}

Deno.test("response() does not grow beyond the memory and the time that scripts have", async () => {
  const fields = "fields = { { name = 'a', type = 3 } }";
  for (
    const [response, expected] of [
      ["{ type = 250, packets = setmetatable({}, { __index = type }) }", "the script ran longer than"],
      ["{ type = 0, resultset = { fields = t, rows = {} } }", "the script ran longer than"],
      [`{ type = 0, resultset = { ${fields}, rows = t } }`, "the script ran longer than"],
      ["{ type = 250, packets = many }", "not enough memory for proxy.response"],
      [`{ type = 0, resultset = { ${fields}, rows = rows } }`, "not enough memory for proxy.response"],
    ] as const
  ) {
    // A table whose elements are its metatable, by a function that takes no steps of Lua's.
    using test = await TestHost.open(
      `local t = {}
       t.__index = getmetatable
       setmetatable(t, t)
       local megabyte, many, rows = ("x"):rep(2 ^ 20), {}, {}
       for i = 1, 100 do many[i], rows[i] = megabyte, { megabyte } end
       function read_query() proxy.response = ${response} return 2 end`,
      { memoryLimit: 64 * 2 ** 20, timeLimitMs: 100 },
    );
    const script = test.connect();
    await script.readQuery(comQuery(""));
    assertEquals(latin1(script.response()), FAILED, response);
    const records = test.world.records.filter((text) => !text.includes("isn't set"));
    assertStringIncludes(records.join("\n"), expected, response);
    // Thousands of columns have one record.
    assertEquals(test.world.records.length - records.length <= 2, true, test.world.records.join("\n"));
    await script.disconnectClient();
  }
});
