import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  ColumnFlag,
  ColumnType,
  Command,
  encodeCommand,
  encodeEof,
  encodeErr,
  encodeOk,
  newColumn,
  resultSetPayloads,
} from "../../lib/protocol/mod.ts";
import { type QueryResult, Verdict } from "../../lib/script/mod.ts";
import { CAPABILITIES, comQuery, latin1, resultOf, TestHost } from "./_script_world.ts";

const ASK = `
  function read_query(packet)
    proxy.queries:append(7, packet, { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  local function text(value)
    if type(value) ~= "table" then return tostring(value) end
    local parts = {}
    for i = 1, #value do parts[i] = text(value[i]) end
    return table.concat(parts, ",")
  end
  function read_query_result(inj)
    local res = inj.resultset
    local values = { (function() SCRIPT end)() }
    for i = 1, 20 do values[i] = values[i] ~= nil and tostring(values[i]) or "nil" end
    while values[#values] == "nil" do values[#values] = nil end
    proxy.response = { type = proxy.MYSQLD_PACKET_RAW, packets = { table.concat(values, " ") } }
    return proxy.PROXY_SEND_RESULT
  end`;

/** What a script finds in a result. `script` is the body of a function with `inj` and `res`. */
async function look(
  script: string,
  packets: readonly Uint8Array[],
  more: Partial<QueryResult> = {},
  command = comQuery("SELECT 1"),
): Promise<string> {
  using test = await TestHost.open(ASK.replace("SCRIPT", () => script));
  const connection = test.connect();
  assertEquals(await connection.readQuery(command), Verdict.SEND_QUERY, test.world.records.join("\n"));
  const [query] = connection.queries;
  if (query === undefined) throw new Error("nothing in the queue");
  const verdict = await connection.readQueryResult(resultOf(query, packets, more));
  assertEquals(verdict, Verdict.SEND_RESULT, test.world.records.join("\n"));
  return latin1(connection.response()).join();
}

function rows(names: readonly string[], values: readonly (string | null)[][], status = 2): Uint8Array[] {
  const columns = names.map((name) => newColumn(name, ColumnType.MYSQL_TYPE_VAR_STRING));
  return [...resultSetPayloads({ format: "text", columns, rows: values, status }, CAPABILITIES)];
}

const ROWS = `local lines = {}
  for row in res.rows do
    local cells = {}
    for i = 1, #res.fields do cells[i] = row[i] == nil and "NULL" or tostring(row[i]) end
    lines[#lines + 1] = table.concat(cells, ",")
  end
  return table.concat(lines, ";")`;

Deno.test("the injection object tells what was asked and how long it took", async () => {
  assertEquals(
    await look(
      "return inj.id, inj.type, inj.query:sub(2), inj.query_time, inj.response_time, inj.nothing",
      rows(["a"], []),
    ),
    "7 7 SELECT 1 120 150",
  );
});

Deno.test("resultset.rows iterates over the rows, and restarts at each access", async () => {
  const packets = rows(["a", "b"], [["1", "x\0y"], [null, ""], ["z".repeat(70_000), "2"]]);
  const got = await look(ROWS, packets);
  assertEquals(got, `1,x\0y;NULL,;${"z".repeat(70_000)},2`);
  assertEquals(
    await look(`local n = 0 for i = 1, 2 do for row in res.rows do n = n + 1 end end return n`, packets),
    "6",
  );
});

Deno.test("resultset.rows gives nil behind the last row", async () => {
  const script =
    "local rows = res.rows local n = select('#', rows()) rows() return n, tostring(rows()), select('#', rows())";
  assertEquals(await look(script, rows(["a"], [["x"]])), "1 nil 1");
});

Deno.test("resultset.rows reads rows of 250 columns and of large responses", async () => {
  const names = Array.from({ length: 300 }, (_, i) => `c${i}`);
  const values = Array.from({ length: 400 }, (_, n) => names.map((_, i) => i === 7 ? null : `${n}-${i}`));
  const got = await look(
    `local n, s = 0, "" for row in res.rows do n = n + 1 assert(row[8] == nil) s = row[1] .. " " .. row[300] end return n, s, #res.fields`,
    rows(names, values),
  );
  assertEquals(got, "400 399-0 399-299 300");
});

Deno.test("resultset.fields tells about the columns", async () => {
  const column = newColumn("alias", ColumnType.MYSQL_TYPE_LONG, {
    schema: "db",
    table: "t",
    originalTable: "tables",
    originalName: "id",
    charset: 63,
    length: 11,
    flags: ColumnFlag.NOT_NULL_FLAG,
    decimals: 3,
  });
  const packets = [...resultSetPayloads({ format: "text", columns: [column], rows: [] }, CAPABILITIES)];
  const script = `local f = res.fields[1]
    return #res.fields, f.name, f.org_name, f.table, f.org_table, f.type, f.db, f.schema, f.charset, f.length, f.flags,
      f.decimals, f.nothing == nil, res.fields[2] == nil, res.fields[0] == nil,
      (pcall(function() return res.fields.x end))`;
  assertEquals(await look(script, packets), "1 alias id t tables 3 db db 63 11 1 3 true true true false");
});

Deno.test("resultset tells the numbers of a response", async () => {
  const script = `return res.row_count, res.bytes, res.query_status, res.warning_count, res.affected_rows == nil,
    res.insert_id == nil, res.flags.in_trans, res.flags.auto_commit, res.flags.no_good_index_used, res.flags.no_index_used`;
  assertEquals(
    await look(script, rows(["a"], [["1"]]), { rowCount: 1, warnings: 3, serverStatus: 0x21 }),
    "1 56 0 3 true true true false false true",
  );
  assertEquals(
    await look("return res.affected_rows, res.insert_id, res.query_status", [encodeOk({}, CAPABILITIES)], {
      affectedRows: 5,
      insertId: 2 ** 53 + 2,
    }),
    "5 9007199254740994 0",
  );
  // Lua has no integers from 2^63 on.
  for (const insertId of [2 ** 63, 2 ** 64]) {
    const packets = [encodeOk({ lastInsertId: BigInt(insertId) - (insertId === 2 ** 64 ? 1n : 0n) }, CAPABILITIES)];
    const script = "return res.insert_id / 2^63, inj.resultsets[1].insert_id / 2^63";
    assertEquals(await look(script, packets, { insertId }), `${insertId / 2 ** 63} ${insertId / 2 ** 63}`);
  }
  assertEquals(await look("return res.query_status == nil", [], { status: undefined }), "true");
});

Deno.test("resultset.raw is the first packet; fields and rows are empty without rows", async () => {
  const err = encodeErr({ errorNumber: 1049, sqlState: "42000", message: "no db" });
  assertEquals(
    await look("return res.raw:byte(), #res.fields, res.rows == nil, res.query_status", [err], { status: 255 }),
    "255 0 true 255",
  );
  const initDb = encodeCommand(Command.COM_INIT_DB, "x");
  assertEquals(await look("return res.raw:byte(), res.query_status", [err], { status: 255 }, initDb), "255 255");
});

Deno.test("ipairs() goes through fields and result sets", async () => {
  const script = `local names = {}
    for i, field in ipairs(res.fields) do names[i] = field.name end
    for i, set in ipairs(inj.resultsets) do names[#names + 1] = set.row_count end
    return table.concat(names, ",")`;
  assertEquals(await look(script, rows(["a", "b"], [["1", "2"]])), "a,b,1");
});

Deno.test("resultset needs the result to be kept for its rows, fields and raw", async () => {
  using test = await TestHost.open(`
    function read_query(packet) proxy.queries:append(1, packet) return 1 end
    function read_query_result(inj)
      assert(inj.resultset.row_count == 2)
      local what = inj.query:sub(2)
      return inj.resultset[what]
    end`);
  const script = test.connect();
  for (const what of ["rows", "fields", "raw"]) {
    await script.readQuery(comQuery(what));
    const [query] = script.queries;
    if (query === undefined) throw new Error("nothing in the queue");
    assertEquals(await script.readQueryResult(resultOf(query, [], { rowCount: 2 })), Verdict.NONE);
    assertStringIncludes(
      test.world.records.at(-1) ?? "",
      `script.lua"]:6: .resultset.${what} isn't available if 'resultset_is_needed ~= true'`,
    );
  }
});

Deno.test("resultset.rows decodes the binary rows of prepared statements", async () => {
  const column = (type: number, more = {}) => newColumn("c", type, more);
  const columns = [
    column(ColumnType.MYSQL_TYPE_TINY),
    column(ColumnType.MYSQL_TYPE_SHORT, { flags: ColumnFlag.UNSIGNED_FLAG }),
    column(ColumnType.MYSQL_TYPE_LONGLONG),
    column(ColumnType.MYSQL_TYPE_LONGLONG, { flags: ColumnFlag.UNSIGNED_FLAG }),
    column(ColumnType.MYSQL_TYPE_FLOAT),
    column(ColumnType.MYSQL_TYPE_DOUBLE),
    column(ColumnType.MYSQL_TYPE_NEWDECIMAL),
    column(ColumnType.MYSQL_TYPE_DATE),
    column(ColumnType.MYSQL_TYPE_DATETIME),
    column(ColumnType.MYSQL_TYPE_DATETIME, { decimals: 3 }),
    column(ColumnType.MYSQL_TYPE_TIME),
    column(ColumnType.MYSQL_TYPE_BLOB),
    column(ColumnType.MYSQL_TYPE_LONG),
  ];
  const date = {
    kind: "datetime",
    year: 2024,
    month: 2,
    day: 9,
    hour: 0,
    minute: 0,
    second: 0,
    microsecond: 0,
  } as const;
  const packets = [...resultSetPayloads({
    format: "binary",
    columns,
    rows: [[
      -1,
      65535,
      -9007199254740993n,
      2n ** 64n - 1n,
      0.1,
      1.25,
      "12.50",
      date,
      { ...date, hour: 1, minute: 2, second: 3, microsecond: 4 },
      { ...date, microsecond: 500_000 },
      { kind: "time", negative: true, days: 1, hour: 2, minute: 3, second: 4, microsecond: 0 },
      "a\0b",
      null,
    ]],
  }, CAPABILITIES)];
  const execute = Uint8Array.of(Command.COM_STMT_EXECUTE, 1, 0, 0, 0, 0, 1, 0, 0, 0);
  assertEquals(
    await look(ROWS, packets, {}, execute),
    "-1,65535,-9007199254740993,18446744073709551615,0.1,1.25,12.50,2024-02-09,2024-02-09 01:02:03.000004," +
      "2024-02-09 00:00:00.500,-26:03:04,a\0b,NULL",
  );
  assertEquals(await look("return #res.fields, res.rows == nil", [encodeOk({}, CAPABILITIES)], {}, execute), "0 true");
});

Deno.test("inj.resultsets has all result sets of a response", async () => {
  const packets = [
    ...rows(["a"], [["1"], ["2"]], 2 | 8),
    encodeOk({ status: 2 | 8, affectedRows: 300 }, CAPABILITIES),
    ...rows(["b", "c"], [["x", "y"]], 2 | 8),
    encodeErr({ errorNumber: 1064, message: "no" }),
  ];
  const script = `local all = {}
    for i = 1, #inj.resultsets do
      local set = inj.resultsets[i]
      all[i] = #set.fields .. ":" .. set.raw:byte()
      if set.rows then for row in set.rows do all[i] = all[i] .. ":" .. row[1] end end
    end
    return #inj.resultsets, table.concat(all, " "), inj.resultsets[5] == nil, #res.fields`;
  assertEquals(await look(script, packets), "4 1:1:1:2 0:0 2:2:x 0:255 true 1");
});

Deno.test("inj.resultsets tells the numbers of each result set", async () => {
  const packets = [
    ...rows(["a"], [["1"], ["2"]], 1 | 8),
    encodeOk({ status: 2 | 8, affectedRows: 300, lastInsertId: 2n ** 63n - 1n, warnings: 4 }, CAPABILITIES),
    encodeErr({ errorNumber: 1064, message: "no" }),
  ];
  const script = `local all = {}
    for i = 1, #inj.resultsets do
      local set = inj.resultsets[i]
      all[i] = table.concat({ tostring(set.query_status), tostring(set.row_count), tostring(set.bytes),
        tostring(set.affected_rows), tostring(set.insert_id), tostring(set.warning_count), tostring(set.flags.in_trans) }, ",")
    end
    return table.concat(all, " ")`;
  assertEquals(
    await look(script, packets),
    "0,2,12,nil,nil,0,true 0,0,0,300,9223372036854775807,4,false 255,0,0,nil,nil,nil,false",
  );
});

Deno.test("resultset.rows stops at an ERR, and at the end of a response that is cut off", async () => {
  const all = rows(["a"], [["1"], ["2"]]);
  assertEquals(await look(ROWS, [...all.slice(0, 4), encodeErr({ errorNumber: 1317, message: "killed" })]), "1");
  assertEquals(await look(ROWS, all.slice(0, 4)), "1");
  assertEquals(await look("return res.rows == nil, #res.fields", []), "true 0");
});

Deno.test("a result that is kept can be read later", async () => {
  using test = await TestHost.open(`
    function read_query(packet)
      if kept then
        assert(kept.resultset.row_count == kept_rows and kept.query:sub(2) == "first")
        local n = 0
        for row in kept.resultset.rows do n = n + #row[1] end
        for row in iterator do n = n + #row[1] end
        proxy.response = { type = 250, packets = { tostring(n) } }
        kept, iterator = nil, nil
        return 2
      end
      proxy.queries:append(1, packet, { resultset_is_needed = true })
      return 1
    end
    function read_query_result(inj) kept, kept_rows, iterator = inj, inj.resultset.row_count, inj.resultset.rows end`);
  const script = test.connect();
  for (const size of [3, 300_000]) {
    await script.readQuery(comQuery("first"));
    const [query] = script.queries;
    if (query === undefined) throw new Error("nothing in the queue");
    await script.readQueryResult(resultOf(query, rows(["a"], [["x".repeat(size)], ["y"]]), { rowCount: 2 }));
    test.host.engine.execute("collectgarbage()", "=t");
    assertEquals(await script.readQuery(comQuery("second")), Verdict.SEND_RESULT, test.world.records.join("\n"));
    assertEquals(latin1(script.response()), [String(2 * (size + 1))]);
  }
});

Deno.test("readQueryResult() takes a result twice, and one of a query that was not in the queue", async () => {
  using test = await TestHost.open(`
    function read_query(packet) proxy.queries:append(1, packet) return 1 end
    function read_query_result(inj) _G.ids = (_G.ids or "") .. inj.id .. tostring(inj.query) .. " " end`);
  const script = test.connect();
  await script.readQuery(comQuery("x"));
  const [query] = script.queries;
  if (query === undefined) throw new Error("nothing in the queue");
  const foreign = { id: 9, packet: comQuery("y"), resultsetIsNeeded: false, appendedAt: 0 };
  for (const one of [query, query, foreign]) {
    assertEquals(await script.readQueryResult(resultOf(one, [])), Verdict.NONE);
  }
  assertEquals(test.world.records, []);
  assertEquals(test.host.engine.execute(`return ids == "1\\3x 1nil 9nil "`, "=t"), [true]);
});

Deno.test("responses outside of Lua are let go of", async () => {
  using test = await TestHost.open(`
    function read_query(packet) proxy.queries:append(1, packet, { resultset_is_needed = true }) return 1 end
    function read_query_result(inj) for row in inj.resultset.rows do end end`);
  const script = test.connect();
  const packets = rows(["a"], [["x".repeat(1 << 20)]]);
  for (let i = 0; i < 300; i++) {
    await script.readQuery(comQuery(""));
    const [query] = script.queries;
    if (query === undefined) throw new Error("nothing in the queue");
    await script.readQueryResult(resultOf(query, packets));
  }
  assert(test.host.keptResponses < 100, `${test.host.keptResponses} responses`);
});

Deno.test("read_query_result() reads nothing from outside its response", async () => {
  const [head = new Uint8Array(), column = new Uint8Array(), eof = new Uint8Array()] = rows(["a"], []);
  const lying = Uint8Array.of(0xfe, 255, 255, 255, 255, 255, 255, 255, 255);
  assertEquals(await look(ROWS, [head, column, eof, lying, Uint8Array.of(0xfd, 1), encodeEof({}, CAPABILITIES)]), ";");
});
