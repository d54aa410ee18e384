import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { ScriptFileError } from "../../lib/lua/script_error.ts";
import { Verdict } from "../../lib/script/mod.ts";
import { comQuery, connectionView, latin1, resultOf, socket, TestHost } from "./_script_world.ts";

/** Runs a script that answers each query with what the expression in it is, as text. */
async function evaluator(script = ""): Promise<TestHost> {
  return await TestHost.open(`${script}
    function read_query(packet)
      local f = assert(loadstring("return " .. packet:sub(2)))
      local values = { f() }
      for i = 1, #values do values[i] = tostring(values[i]) end
      proxy.response = { type = proxy.MYSQLD_PACKET_RAW, packets = { table.concat(values, " ") } }
      return proxy.PROXY_SEND_RESULT
    end`);
}

async function evaluate(test: TestHost, expression: string): Promise<string> {
  const script = test.connect();
  assertEquals(await script.readQuery(comQuery(expression)), Verdict.SEND_RESULT, test.world.records.join("\n"));
  return latin1(script.response())[0] ?? "";
}

Deno.test("LuaHost.open() names the file and the line of a syntax error", async () => {
  const error = await assertRejects(() => TestHost.open("local x = 1\nlocal y = = 2\n"), ScriptFileError);
  assertEquals(error.code, "syntax");
  assertMatch(error.message, /script\.lua:2: unexpected symbol near '='/);
});

Deno.test("LuaHost.open() refuses text that closes the function around it", async () => {
  await assertRejects(() => TestHost.open("end)() (function()"), ScriptFileError);
});

Deno.test("LuaHost.open() says that a script is missing", async () => {
  const error = await assertRejects(() => TestHost.open("", { script: "/nowhere/x.lua" }), ScriptFileError);
  assertEquals(error.code, "not-found");
});

Deno.test("connection() gives each client an environment of its own", async () => {
  using test = await TestHost.open(`
    count = 0
    local mine = 0
    function connect_server()
      count = count + 1
      mine = mine + 1
      shared = (shared or 0) + 1
      _G.everybody = (_G.everybody or 0) + 1
      if _G.everybody == 2 and count == 1 and mine == 1 and shared == 1 then return proxy.PROXY_SEND_RESULT end
    end`);
  assertEquals(await test.connect().connectServer(), Verdict.NONE);
  assertEquals(await test.connect().connectServer(), Verdict.SEND_RESULT);
});

Deno.test("connection() finds hooks that required modules define as globals", async () => {
  using test = await TestHost.open(`require("hooks")`);
  test.write("hooks.lua", `function connect_server() return proxy.PROXY_IGNORE_RESULT end`);
  assertEquals(await test.connect().connectServer(), Verdict.IGNORE_RESULT);
});

Deno.test("connection() shows modules the connection whose hook runs", async () => {
  using test = await TestHost.open(`
    local who = require("who")
    function connect_server() return who() end`);
  test.write("who.lua", `return function() return proxy.connection.client.username == "two" and 4 or 0 end`);
  const one = test.connect(connectionView(socket({ username: "one" })));
  const two = test.connect(connectionView(socket({ username: "two" })));
  assertEquals(await one.connectServer(), Verdict.NONE);
  assertEquals(await two.connectServer(), Verdict.IGNORE_RESULT);
  assertEquals(await one.connectServer(), Verdict.NONE);
});

Deno.test("connection() runs hooks in an environment that the script has set", async () => {
  using test = await TestHost.open(`
    setfenv(1, setmetatable({}, { __index = _G }))
    function connect_server() return 4 end`);
  assertEquals(await test.connect().connectServer(), Verdict.IGNORE_RESULT);
});

Deno.test("readsQueries is false for a script without read_query", async () => {
  using test = await TestHost.open(`function connect_server() end`);
  const script = test.connect();
  await script.connectServer();
  assertEquals(script.readsQueries, false);
  assertEquals(await script.readQuery(comQuery("SELECT 1")), Verdict.NONE);
});

Deno.test("readQuery() takes numeric strings and ignores everything else", async () => {
  using test = await TestHost.open(`
    function read_query(packet)
      proxy.response = { type = proxy.MYSQLD_PACKET_OK }
      local what = packet:sub(2)
      if what == "text" then return "2" end
      if what == "number" then return 17 end
      if what == "word" then return "two" end
      if what == "table" then return {} end
      return true
    end`);
  const script = test.connect();
  assertEquals(await script.readQuery(comQuery("text")), Verdict.SEND_RESULT);
  for (const what of ["number", "word", "table", "boolean"]) {
    assertEquals(await script.readQuery(comQuery(what)), Verdict.NONE);
  }
  assertEquals(test.world.records.length, 1);
  assertStringIncludes(test.world.records[0] ?? "", "(read_query) the hook has returned 17");
});

Deno.test("readQuery() fills the queue, in the order of append and prepend", async () => {
  using test = await TestHost.open(`
    function read_query(packet)
      proxy.queries:append(1, packet)
      proxy.queries:prepend(2, "\\3first", { resultset_is_needed = true })
      assert(#proxy.queries == 2 and proxy.queries:len() == 2)
      return proxy.PROXY_SEND_QUERY
    end`);
  const script = test.connect();
  const packet = comQuery("SELECT '\u00ff'");
  assertEquals(await script.readQuery(packet), Verdict.SEND_QUERY, test.world.records.join());
  assertEquals(script.queries.map(({ id, resultsetIsNeeded }) => [id, resultsetIsNeeded]), [[2, true], [1, false]]);
  assertEquals(script.queries[1]?.packet, packet);
});

Deno.test("readQuery() empties the queue first, and forgets what was not to be sent", async () => {
  using test = await TestHost.open(`
    function read_query(packet)
      if packet:sub(2) == "forget" then proxy.queries:append(1, packet) return end
      return proxy.PROXY_SEND_QUERY
    end`);
  const script = test.connect();
  assertEquals(await script.readQuery(comQuery("forget")), Verdict.NONE);
  assertEquals(script.queries, []);
  assertStringIncludes(test.world.records[0] ?? "", "discarded");
  assertEquals(await script.readQuery(comQuery("empty")), Verdict.NONE);
  assertStringIncludes(test.world.records[1] ?? "", "empty queue");
});

for (
  const [arguments_, message] of [
    ["", "bad argument #1 to 'append' (number expected, got no value)"],
    ["1", "bad argument #2 to 'append' (string expected, got no value)"],
    ["1, '', 5", "bad argument #3 to 'append' (table expected, got number)"],
    ["1, '', { resultset_is_needed = 1 }", "has to be a boolean"],
  ] as const
) {
  Deno.test(`proxy.queries:append(${arguments_}) is an error`, async () => {
    using test = await TestHost.open(`function read_query() proxy.queries:append(${arguments_}) end`);
    const script = test.connect();
    assertEquals(await script.readQuery(comQuery("")), Verdict.NONE);
    assertStringIncludes(test.world.records[0] ?? "", message);
  });
}

Deno.test("proxy.queries is no array, and refuses to be used as one", async () => {
  using test = await TestHost.open(`
    function read_query(packet)
      for _, key in ipairs({ 1, 2, "x" }) do
        local ok, message = pcall(function() proxy.queries[key] = packet end)
        if ok then error("written: " .. key) end
      end
      pcall(function() proxy.queries[1] = nil end)
      proxy.queries:append(1, packet)
      return proxy.PROXY_SEND_QUERY
    end`);
  const script = test.connect();
  assertEquals(await script.readQuery(comQuery("SELECT 1")), Verdict.SEND_QUERY, test.world.records.join("\n"));
  assertEquals(script.queries.length, 1);
});

Deno.test("proxy.queries takes no more than the memory that scripts have", async () => {
  using test = await TestHost.open(
    `local megabyte = ("x"):rep(2 ^ 20)
     function read_query(packet)
       for i = 1, 40 do proxy.queries:append(i, packet) end
       for i = 1, 20 do proxy.queries:append(i, megabyte) proxy.queries:prepend(i, megabyte) end
       if packet:sub(2) == "fits" then return proxy.PROXY_SEND_QUERY end
       while true do proxy.queries:append(1, megabyte) end
     end`,
    { memoryLimit: 64 * 2 ** 20 },
  );
  const script = test.connect();
  for (let i = 0; i < 3; i++) {
    assertEquals(await script.readQuery(comQuery("fits")), Verdict.SEND_QUERY, test.world.records.join());
    assertEquals(script.queries.length, 80);
  }
  assertEquals(await script.readQuery(new Uint8Array(2 ** 20)), Verdict.NONE);
  assertStringIncludes(test.world.records[0] ?? "", "not enough memory for proxy.queries");
});

Deno.test("proxy.response is empty before each read_query", async () => {
  using test = await TestHost.open(`
    function read_query()
      assert(next(proxy.response) == nil)
      proxy.response.type = proxy.MYSQLD_PACKET_ERR
      proxy.response.errmsg = "no"
      return proxy.PROXY_SEND_RESULT
    end`);
  const script = test.connect();
  for (let i = 0; i < 2; i++) {
    assertEquals(await script.readQuery(comQuery("")), Verdict.SEND_RESULT);
    assertEquals(latin1(script.response()), ["\xffQ\x04#07000no"]);
  }
});

Deno.test("proxy keeps fields of a script's own for each connection", async () => {
  using test = await TestHost.open(`
    function connect_server()
      if proxy.mine then return 4 end
      proxy.mine = 1
    end`);
  const one = test.connect();
  assertEquals(await one.connectServer(), Verdict.NONE);
  assertEquals(await one.connectServer(), Verdict.IGNORE_RESULT);
  assertEquals(await test.connect().connectServer(), Verdict.NONE);
});

Deno.test("proxy.connection shows both sides and takes backend_ndx and connection_close", async () => {
  using test = await TestHost.open(`
    function connect_server()
      local c = proxy.connection
      assert(c.client.src.name == "127.0.0.1:50000" and c.client.src.address == "127.0.0.1")
      assert(c.client.dst.port == 4040 and c.client.dst.type == 2)
      assert(c.server == nil and c.backend_ndx == 0 and c.client.default_db == "")
      c.backend_ndx = 2
      assert(c.backend_ndx == 2)
      c.connection_close = true
      assert(c.connection_close == nil)
      assert(c.client.username == nil)
      assert(not pcall(function() c.backend_ndx = "x" end))
      assert(not pcall(function() c.connection_close = 1 end))
      assert(not pcall(function() c.foo = 1 end))
      assert(not pcall(function() c.client.username = "x" end))
      assert(not pcall(function() return c.client.address end))
      assert(not pcall(function() return c.thread_id end))
      return 4
    end`);
  const view = connectionView();
  assertEquals(await test.connect(view).connectServer(), Verdict.IGNORE_RESULT, test.world.records.join("\n"));
  assertEquals([view.backendNdx, view.closes], [2, true]);
  assertEquals(test.world.records, ["critical: (lua) proxy.connection.client.username is not available yet"]);
});

Deno.test("proxy.connection keeps what kept sockets show, also of closed connections", async () => {
  using test = await TestHost.open(`
    function connect_server() _G.kept = kept or {} table.insert(_G.kept, proxy.connection.client) end
    function read_query()
      _G.server = proxy.connection.server
      assert(proxy.connection.server == _G.server)
      proxy.connection.backend_ndx = 0
    end
    function read_auth()
      local client = _G.kept[1]
      proxy.response = { type = 250, packets = { client.src.name, tostring(client.username), _G.server.dst.name } }
      return 2
    end`);
  const view = connectionView(socket({ username: "joe" }));
  const one = test.connect(view);
  await one.connectServer();
  view.server = socket({ dst: { name: "db:1", address: "db", port: 1, type: 2 } });
  await one.readQuery(comQuery(""));
  view.server = undefined;
  await one.disconnectClient();
  const two = test.connect();
  assertEquals(await two.readAuth(), Verdict.SEND_RESULT, test.world.records.join("\n"));
  assertEquals(latin1(two.response()), ["127.0.0.1:50000", "joe", "db:1"]);
  assertEquals(test.world.records, []);
});

Deno.test("proxy.global.backends is live", async () => {
  using test = await evaluator(`local b = proxy.global.backends`);
  for (
    const [expression, value] of [
      ["#proxy.global.backends", "2"],
      [
        "(function() local s = '' for i, b in ipairs(proxy.global.backends) do s = s .. i .. b.type end return s end)()",
        "1122",
      ],
      [
        "(function() local s = '' for i, b in pairs(proxy.global.backends) do s = s .. i .. b.type end return s end)()",
        "1122",
      ],
      ["proxy.global.backends[3], proxy.global.backends[0]", ""],
      ["proxy.global.backends[1].dst.name, proxy.global.backends[2].type", "127.0.0.1:3306 2"],
      ["proxy.global.backends[1].pool.users.joe.cur_idle_connections", "3"],
      ["pcall(function() return proxy.global.backends.x end)", "false"],
      ["proxy.global.backends[1].uuid == nil", "true"],
    ] as const
  ) {
    const got = await evaluate(test, expression);
    assertEquals(
      expression.startsWith("pcall") ? got.split(" ")[0] : got.replaceAll("nil", "").trim(),
      value,
      expression,
    );
  }
  const { world } = test;
  await evaluate(
    test,
    `(function() local b = proxy.global.backends[1] b.state = proxy.BACKEND_STATE_DOWN b.uuid = "u"
    b.pool.max_idle_connections = 8 b.pool.min_idle_connections = 4 end)()`,
  );
  const [first] = world.backends;
  assertEquals([first?.state, first?.uuid, first?.pool.maxIdleConnections, first?.pool.minIdleConnections], [
    2,
    "u",
    8,
    4,
  ]);
  await evaluate(test, `(function() proxy.global.backends[1].uuid = nil end)()`);
  assertEquals(first?.uuid, undefined);
  for (
    const wrong of ["state = 7", "state = 'x'", "uuid = 5", "foo = 1", "pool.foo = 1", "pool.max_idle_connections = {}"]
  ) {
    assertEquals(
      await evaluate(test, `pcall(function() proxy.global.backends[1].${wrong} end)`).then((s) => s.slice(0, 5)),
      "false",
    );
  }
});

Deno.test("ipairs() and table.getn() go through a list of tokens", async () => {
  using test = await evaluator("");
  const script = `(function()
    tokens = require("mysql.tokenizer").tokenize("SELECT 1 FROM t")
    local words = {}
    for i, token in ipairs(tokens) do words[i] = token.text end
    return table.concat(words, " ")
  end)(), table.getn(tokens)`;
  assertEquals(await evaluate(test, script), "SELECT 1 FROM t 4");
});

Deno.test("an error in a hook is logged once with its traceback, then counted", async () => {
  using test = await TestHost.open(`
    local function inner() error("broken") end
    function read_query() inner() end`);
  const script = test.connect();
  for (let i = 0; i < 10; i++) assertEquals(await script.readQuery(comQuery("")), Verdict.NONE);
  assertEquals(test.world.records.length, 2);
  assertMatch(test.world.records[0] ?? "", /^critical: \(read_query\) .*script\.lua"\]:2: broken\nstack traceback:/);
  assertMatch(test.world.records[1] ?? "", /broken \(10 times so far\)$/);
});

const WILD = `
  function read_query(packet)
    local what = packet:sub(2)
    if what == "loop" then while true do pcall(function() while true do end end) end end
    if what == "recursion" then local function f() return 1 + f() end f() end
    if what == "memory" then local t = {} while true do t[#t + 1] = ("x"):rep(1e6) .. #t end end
    return what == "fine" and "2"
  end`;

for (
  const [what, timeLimitMs, message] of [
    ["loop", 200, "longer than 200 ms"],
    ["recursion", 20_000, "stack overflow"],
    ["memory", 20_000, "not enough memory"],
  ] as const
) {
  Deno.test(`readQuery() survives a hook's wild ${what}`, async () => {
    using test = await TestHost.open(WILD, { timeLimitMs, memoryLimit: 128 << 20 });
    const script = test.connect();
    for (let i = 0; i < 2; i++) {
      assertEquals(await script.readQuery(comQuery(what)), Verdict.NONE);
      assertEquals(await script.readQuery(comQuery("fine")), Verdict.SEND_RESULT);
    }
    assertStringIncludes(test.world.records[0] ?? "", message);
  });
}

Deno.test("a main chunk that fails is reported to the client, and run again", async () => {
  using test = await TestHost.open(`
    _G.tries = (_G.tries or 0) + 1
    if _G.tries == 1 then error("not yet") end
    function connect_server() return 4 end`);
  const script = test.connect();
  assertEquals(await script.connectServer(), Verdict.SEND_RESULT);
  assertEquals(latin1(script.response()), [
    "\xffQ\x04#07000MySQL Proxy Lua script failed to execute. Check the error log.",
  ]);
  assertEquals(await script.connectServer(), Verdict.IGNORE_RESULT);
  assertEquals(test.world.records.length, 1);
});

Deno.test("disconnectClient() runs the hook once and releases everything", async () => {
  using test = await TestHost.open(`
    big = ("x"):rep(100)
    local t = {}
    function connect_server() local c = proxy.connection.client end
    function disconnect_client() _G.gone = (_G.gone or 0) + 1 assert(proxy.connection.client.src) end`);
  const open = async () => {
    const script = test.connect();
    await script.connectServer();
    await script.disconnectClient();
    await script.disconnectClient();
  };
  const used = () =>
    Number(test.host.engine.execute("collectgarbage() collectgarbage() return collectgarbage('count')", "=t")[0]);
  for (let i = 0; i < 100; i++) await open();
  const before = used();
  for (let i = 0; i < 10_000; i++) await open();
  assert(used() - before < 20, `${used() - before} KiB more`);
  assertEquals(test.host.connections, 0);
  assertEquals(test.host.engine.execute("return _G.gone", "=t"), [10_100]);
  assertEquals(test.world.records, []);
});

Deno.test("disconnectClient() leaves Lua alone when the host has been closed meanwhile", async () => {
  using test = await TestHost.open(`function disconnect_client() proxy.sleep(60) end`);
  const script = test.connect();
  await script.readQuery(comQuery(""));
  const over = script.disconnectClient();
  const { engine } = test.host;
  test.host.close();
  Object.defineProperty(engine, "api", {
    get() {
      throw new Error("The state is gone");
    },
  });
  await over;
});

Deno.test("read_auth_result() is given the packet in a table", async () => {
  using test = await TestHost.open(`
    function read_auth_result(auth) if auth.packet:byte() == proxy.MYSQLD_PACKET_ERR then return 2 end end`);
  const script = test.connect();
  assertEquals(await script.readAuthResult(Uint8Array.of(0, 1)), Verdict.NONE);
  assertEquals(await script.readAuthResult(Uint8Array.of(255, 1)), Verdict.SEND_RESULT);
});

Deno.test("read_handshake() takes PROXY_SEND_QUERY as it always did, with a warning", async () => {
  using test = await TestHost.open(`function read_handshake() return proxy.PROXY_SEND_QUERY end`);
  assertEquals(await test.connect().readHandshake(), Verdict.SEND_RESULT);
  assertStringIncludes(test.world.records[0] ?? "", "deprecated");
});

Deno.test("readQueryResult() takes a verdict only if the result was needed", async () => {
  using test = await TestHost.open(`
    function read_query(packet)
      proxy.queries:append(1, packet, { resultset_is_needed = packet:sub(2) == "needed" })
      return 1
    end
    function read_query_result(inj) return proxy.PROXY_IGNORE_RESULT end`);
  const script = test.connect();
  for (const [sql, verdict] of [["needed", Verdict.IGNORE_RESULT], ["unneeded", Verdict.NONE]] as const) {
    assertEquals(await script.readQuery(comQuery(sql)), Verdict.SEND_QUERY);
    const [query] = script.queries;
    if (query === undefined) throw new Error("nothing in the queue");
    assertEquals(await script.readQueryResult(resultOf(query, [Uint8Array.of(0, 0, 0, 2, 0, 0, 0)])), verdict);
  }
  assertStringIncludes(test.world.records[0] ?? "", "resultset_is_needed");
});

Deno.test("readQueryResult() drops a result for PROXY_SEND_QUERY if queries follow", async () => {
  using test = await TestHost.open(`
    function read_query(packet)
      proxy.queries:append(1, packet, { resultset_is_needed = true })
      return 1
    end
    function read_query_result(inj)
      if inj.id == 1 then proxy.queries:append(2, inj.query, { resultset_is_needed = true }) end
      return proxy.PROXY_SEND_QUERY
    end`);
  const script = test.connect();
  assertEquals(await script.readQuery(comQuery("retry")), Verdict.SEND_QUERY);
  for (const verdict of [Verdict.IGNORE_RESULT, Verdict.NONE]) {
    const query = script.queries.shift();
    if (query === undefined) throw new Error("nothing in the queue");
    assertEquals(await script.readQueryResult(resultOf(query, [Uint8Array.of(0, 0, 0, 2, 0, 0, 0)])), verdict);
  }
  assertStringIncludes(test.world.records[0] ?? "", "is taken for PROXY_IGNORE_RESULT");
});

Deno.test("proxy.counter counts on one thread, too", async () => {
  using test = await evaluator();
  assertEquals(
    await evaluate(test, `proxy.counter("a"):add(), proxy.counter("a"):add(2), proxy.counter("b"):get()`),
    "1 3 0",
  );
});

Deno.test("readQuery() survives a command that does not fit into Lua's memory", async () => {
  using test = await TestHost.open(`function read_query() return 2 end`, { memoryLimit: 24 << 20 });
  const script = test.connect();
  for (let i = 0; i < 3; i++) {
    assertEquals(await script.readQuery(new Uint8Array(32 << 20)), Verdict.NONE);
    assertEquals(await script.readQuery(comQuery("")), Verdict.SEND_RESULT);
  }
  assertStringIncludes(test.world.records[0] ?? "", "not enough memory");
});
