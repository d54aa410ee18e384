import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { RawLogin, ServerRefusal } from "../../interop/raw_login.ts";
import { until } from "../../servers/port.ts";
import { ROOT } from "../../servers/users.ts";
import { ignore, shared, withLocal, withProcess } from "./scripts_stage.ts";
import { connect, failure, value } from "./stage.ts";

const LIMITS = { "lua-time-limit": 0.2, "lua-memory-limit": 64 };

const login = (port: number) => RawLogin.connect({ port, user: ROOT.user, answers: [""] });
const one = async (client: RawLogin, sql: string) => (await client.query(sql))[0]?.[0];

/** What a script may do wrong by computing, and what the log says then. */
const FAULTS: Readonly<Record<string, readonly [code: string, expected: string]>> = {
  LOOP: ["while true do end", "ran longer than 200 ms"],
  PCALL: ["while true do pcall(function() while true do end end) end", "ran longer than 200 ms"],
  XPCALL: ["while true do xpcall(error, function() while true do end end) end", "ran longer than 200 ms"],
  GSUB: ["('x'):rep(10):gsub('.', function() while true do end end)", "ran longer than 200 ms"],
  SORT: ["table.sort({ 3, 2, 1 }, function() while true do end end)", "ran longer than 200 ms"],
  COROUTINE: [
    "coroutine.wrap(function() while true do pcall(function() while true do end end) end end)()",
    "ran longer",
  ],
  TOSTRING: ["tostring(setmetatable({}, { __tostring = function() while true do end end }))", "ran longer than 200 ms"],
  TAIL: ["local function f() return f() end f()", "ran longer than 200 ms"],
  RECURSION: ["local function f(n) return 1 + f(n) end pcall(f, 1) f(1)", "(read_query)"],
  DEEP: ["local function f(s) return (s:gsub('.', f)) end f('x')", "stack overflow"],
  STRING: ["local s = 'x' while true do s = s .. s end", "not enough memory"],
  TABLE: ["local t = {} for i = 1, 1e9 do t[i] = {} end", "(read_query)"],
  PATTERN: ["return (('a'):rep(28)):find(('a?'):rep(28) .. ('a'):rep(28))", "ran longer than 200 ms"],
  TRIM: ["return ('x' .. (' '):rep(1e6) .. 'y'):match('^%s*(.-)%s*$')", "ran longer than 200 ms"],
  FINALIZER: ["setmetatable({}, { __gc = function() while true do end end }) collectgarbage() error('over')", "over"],
  REP: ["return ('x'):rep(1e9)", "not enough memory"],
  ERROR: ["error('boom')", "boom"],
  NIL: ["error(nil)", "error object is a nil value"],
  OBJECT: ["error({ code = 1 })", "error object is a table value"],
  CALL: ["local x = nil x.y.z = 1", "attempt to index a nil value"],
  EXIT: ["os.exit(3)", "os.exit is not available"],
  HOOK: ["debug.sethook(function() end, 'l')", "attempt to call a nil value"],
  IO: ["io.open('/nonexistent/file'):read()", "attempt to index a nil value"],
};

/** Runs the fault that a query names. */
const FAULTY = `
local faults = {
${Object.entries(FAULTS).map(([name, [code]]) => `  ${name} = function() ${code} end,`).join("\n")}
}
function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local fault = faults[packet:match("FAULT (%w+)")]
  if fault then fault() end
end
`;

Deno.test({
  name: "a hook that fails is stopped, logged with a traceback, and the client gets its answer",
  ignore,
  async fn() {
    await withLocal(FAULTY, [await shared()], async ({ proxy }) => {
      using client = await login(proxy.port);
      using bystander = await login(proxy.port);
      for (const [name, [, expected]] of Object.entries(FAULTS)) {
        const before = proxy.records.length;
        assertEquals(await one(client, `SELECT 'FAULT ${name}'`), `FAULT ${name}`);
        const [record, ...more] = proxy.records.slice(before).filter(({ level }) => level === "critical");
        assertEquals(more, [], name);
        assertStringIncludes(record?.text ?? "nothing", expected, name);
        assertStringIncludes(record?.text ?? "nothing", "stack traceback:", name);
        // What it has spoilt is nobody else's, nor its own next command's.
        assertEquals([await one(client, "SELECT 1"), await one(bystander, "SELECT 2")], ["1", "2"], name);
      }
      const before = proxy.records.length;
      for (let i = 0; i < 20; i++) await one(client, "SELECT 'FAULT ERROR'");
      const again = proxy.records.slice(before).map(({ text }) => text);
      assert(again.length <= 2 && again.every((text) => /boom \(\d+ times so far\)$/.test(text)), again.join("\n"));
      await client.quit();
      await bystander.quit();
    }, LIMITS);
  },
});

Deno.test({
  name: "a fault in any hook, or in the main part, costs no more than that hook",
  ignore,
  async fn() {
    const server = await shared();
    const hooks = [
      "connect_server()",
      "read_handshake()",
      "read_auth()",
      "read_auth_result(auth)",
      "read_query(packet)",
      "read_query_result(inj)",
      "disconnect_client()",
    ];
    for (
      const fault of [
        "while true do end",
        "error({})",
        "return {}, 'x'",
        "return 77",
        "return -1",
        "return 0/0",
        "return '2x'",
      ]
    ) {
      const script = hooks.map((hook) => `function ${hook} ${fault} end`).join("\n");
      await withLocal(script, [server], async ({ proxy }) => {
        using client = await login(proxy.port);
        assertEquals(await one(client, "SELECT 5"), "5", fault);
        await client.quit();
        await until(5000, "the client to be gone", () => proxy.connectedClients === 0);
      }, { ...LIMITS, "lua-time-limit": 0.02 });
    }
    for (const main of ["while true do end", "error('at the start')", "local x = nil + 1"]) {
      await withLocal(`if proxy.global.ok ~= 1 then ${main} end`, [server], async ({ proxy }) => {
        for (let i = 0; i < 3; i++) {
          const { errno, message } = await failure(connect(proxy.port));
          assertEquals(errno, 1105);
          assertStringIncludes(message, "MySQL Proxy Lua script failed to execute. Check the error log.");
        }
        assertEquals(proxy.records.filter(({ text }) => text.includes("stack traceback")).length, 1);
      }, LIMITS);
    }
  },
});

Deno.test({
  name: "a malformed proxy.response becomes an ERR, and the connection goes on",
  ignore,
  async fn() {
    const responses = [
      "nil",
      "1",
      "'text'",
      "{}",
      "{ type = 'x' }",
      "{ type = 99 }",
      "{ type = 0/0 }",
      "{ type = proxy.MYSQLD_PACKET_RAW }",
      "{ type = proxy.MYSQLD_PACKET_RAW, packets = 1 }",
      "{ type = proxy.MYSQLD_PACKET_RAW, packets = { {} } }",
      "{ type = proxy.MYSQLD_PACKET_RAW, packets = {} }",
      "{ type = proxy.MYSQLD_PACKET_OK, resultset = {} }",
      "{ type = proxy.MYSQLD_PACKET_OK, resultset = { fields = {}, rows = {} } }",
      "{ type = proxy.MYSQLD_PACKET_OK, resultset = { fields = 1, rows = {} } }",
      "{ type = proxy.MYSQLD_PACKET_OK, resultset = { fields = { 1 }, rows = {} } }",
      "{ type = proxy.MYSQLD_PACKET_OK, resultset = { fields = { { name = 'a' } }, rows = 1 } }",
      "{ type = proxy.MYSQLD_PACKET_OK, resultset = { fields = { { name = 'a' } }, rows = { 1 } } }",
      "{ type = proxy.MYSQLD_PACKET_OK, resultset = { fields = { { name = 'a', type = {} } }, rows = { {} } } }",
      "setmetatable({}, { __index = function() error('no') end })",
      "setmetatable({}, { __index = function() while true do end end })",
      "setmetatable({}, { __index = function() proxy.sleep(1) end })",
    ];
    const script = `
local responses = {
${responses.map((response) => `  function() return ${response} end,`).join("\n")}
}
function read_query(packet)
  local number = packet:match("^.RESPONSE (%d+)")
  if number then
    proxy.response = responses[tonumber(number)]()
    return proxy.PROXY_SEND_RESULT
  end
end`;
    await withLocal(script, [await shared()], async ({ proxy }) => {
      using client = await login(proxy.port);
      for (const [i, response] of responses.entries()) {
        let outcome: unknown;
        try {
          outcome = await client.query(`RESPONSE ${i + 1}`);
        } catch (error) {
          if (!(error instanceof ServerRefusal)) throw new Error(response, { cause: error });
          assertEquals([error.errno, error.sqlState], [1105, "07000"], response);
          outcome = "ERR";
        }
        // What can be understood in some way is sent.
        assert(outcome === "ERR" || response.includes("fields = { {"), `${response}: ${outcome}`);
        assertEquals(await one(client, `SELECT ${i}`), `${i}`, response);
      }
      await client.quit();
    }, LIMITS);
  },
});

Deno.test({
  name: "a script that ignores every result, or queues what has no answer, leaves no client waiting",
  ignore,
  async fn() {
    const script = `
function read_query(packet)
  local what = packet:match("^.(%u+)$")
  if what == "IGNORE" then
    for i = 1, 3 do proxy.queries:append(i, "\\3SELECT " .. i, { resultset_is_needed = true }) end
    return proxy.PROXY_SEND_QUERY
  elseif what == "EMPTY" then
    return proxy.PROXY_SEND_QUERY
  elseif what == "CLOSE" then
    proxy.queries:append(1, "\\25\\1\\0\\0\\0")
    return proxy.PROXY_SEND_QUERY
  elseif what == "NOTHING" then
    proxy.queries:append(1, "")
    return proxy.PROXY_SEND_QUERY
  elseif what == "UNKNOWN" then
    proxy.queries:append(1, "\\200\\1\\0\\0\\0")
    return proxy.PROXY_SEND_QUERY
  elseif what == "DISCARDED" then
    proxy.queries:append(1, packet)
  end
end
function read_query_result() return proxy.PROXY_IGNORE_RESULT end`;
    await withLocal(script, [await shared()], async ({ proxy }) => {
      for (const what of ["IGNORE", "EMPTY", "CLOSE", "NOTHING", "UNKNOWN", "DISCARDED"]) {
        using client = await login(proxy.port);
        const error = await client.query(what).then(() => undefined, (error: unknown) => error);
        assert(error instanceof ServerRefusal, `${what}: ${error}`);
        assertEquals(await one(client, "SELECT 1").catch((error) => error.message), "1", what);
        await client.quit();
      }
    }, LIMITS);
  },
});

Deno.test({
  name: "a hook that fails again and again does not stop another client's queries for long",
  ignore,
  async fn() {
    await withProcess(FAULTY, [await shared()], async ({ proxy }) => {
      const faulty = await connect(proxy.port);
      const other = await connect(proxy.port);
      let over = false;
      const work = (async () => {
        for (const fault of ["LOOP", "PCALL", "STRING", "RECURSION", "TABLE", "GSUB"]) {
          assertEquals(await value(faulty, `SELECT 'FAULT ${fault}'`), `FAULT ${fault}`);
        }
      })().finally(() => over = true);
      const times: number[] = [];
      while (!over) {
        const start = performance.now();
        assertEquals(await value(other, "SELECT 1"), 1);
        times.push(performance.now() - start);
      }
      await work;
      assert(times.length >= 3 && Math.max(...times) < 3000, `${times.length} queries, ${Math.max(...times)} ms`);
      faulty.destroy();
      other.destroy();
    }, ["--lua-time-limit=0.2", "--lua-memory-limit=64"]);
  },
});
