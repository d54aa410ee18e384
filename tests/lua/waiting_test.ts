import { assertEquals, assertStringIncludes } from "@std/assert";
import { type QueryOutcome, Verdict } from "../../lib/script/mod.ts";
import { comQuery, connectionView, latin1, socket, TestHost } from "./_script_world.ts";

/** Lets everything run that is ready. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("a hook that waits lets the hooks of others run, and goes on in its own view", async () => {
  using test = await TestHost.open(`
    function read_query(packet)
      if packet:sub(2) == "wait" then proxy.query(1, "x") end
      proxy.queries:append(1, packet)
      proxy.mine = proxy.connection.client.username
      proxy.response = { type = 250, packets = { proxy.mine } }
      return proxy.PROXY_SEND_RESULT
    end`);
  const gate = Promise.withResolvers<QueryOutcome>();
  test.world.answer = () => gate.promise;
  const one = test.connect(connectionView(socket({ username: "one" })));
  const two = test.connect(connectionView(socket({ username: "two" })));
  const packet = comQuery("wait");
  const waiting = one.readQuery(packet);
  // The caller's buffer is its own again.
  packet.fill(0);
  assertEquals(await two.readQuery(comQuery("now")), Verdict.SEND_RESULT);
  gate.resolve({ kind: "ok", affectedRows: 0, insertId: 0, warnings: 0 });
  assertEquals(await waiting, Verdict.SEND_RESULT, test.world.records.join("\n"));
  assertEquals(latin1(one.response()), ["one"]);
  assertEquals(latin1(two.response()), ["two"]);
  assertEquals(latin1(one.queries.map((query) => query.packet)), ["\x03wait"]);
});

Deno.test("proxy.query() returns rows, an OK, or nil and an error", async () => {
  using test = await TestHost.open(`
    function connect_server()
      local r = proxy.query(1, "rows", { user = "joe", database = "db" })
      assert(r.fields[1].name == "a" and r.fields[2].type == 3 and #r.rows == 2)
      assert(r.rows[1][1] == "x\\0y" and r.rows[1][2] == nil and r.rows[2][2] == "2")
      r = proxy.query(2, "ok")
      assert(r.affected_rows == 1 and r.insert_id == 2 and r.warning_count == 3)
      local nothing, message, code, state = proxy.query(1, "error")
      assert(nothing == nil and message == "no" and code == 1064 and state == "42000")
      nothing, message = proxy.query(1, "reject")
      assert(nothing == nil and message == "unreachable")
      local ok
      ok, message = pcall(proxy.query, 3, "x")
      assert(not ok and message:find("there is no backend 3"))
      return 4
    end`);
  const bytes = (text: string) => new TextEncoder().encode(text);
  const answers: Record<string, QueryOutcome> = {
    ok: { kind: "ok", affectedRows: 1, insertId: 2, warnings: 3 },
    error: { kind: "error", code: 1064, sqlState: "42000", message: "no" },
    rows: {
      kind: "rows",
      columns: [{ name: "a", type: 253 }, { name: "b", type: 3 }],
      rows: [[bytes("x\0y"), null], [bytes("z"), bytes("2")]],
    },
  };
  test.world.answer = (_ndx, sql) => {
    const answer = answers[sql];
    return answer === undefined ? Promise.reject(new Error("unreachable")) : Promise.resolve(answer);
  };
  assertEquals(await test.connect().connectServer(), Verdict.IGNORE_RESULT, test.world.records.join("\n"));
});

Deno.test("proxy.sleep() waits, also in the main chunk", async () => {
  using test = await TestHost.open(`
    proxy.sleep(0.001)
    function read_query() proxy.sleep(0.001) return 2 end`);
  const script = test.connect();
  assertEquals(script.readsQueries, true);
  assertEquals(await script.readQuery(comQuery("")), Verdict.SEND_RESULT, test.world.records.join("\n"));
});

Deno.test("cancel() gives up a hook that waits, and disconnect_client runs after it", async () => {
  using test = await TestHost.open(`
    function read_query() proxy.query(1, "x") _G.went_on = true end
    function disconnect_client() _G.gone = true end`);
  let aborted = false;
  test.world.answer = (_ndx, _sql, signal) => {
    signal.addEventListener("abort", () => aborted = true);
    return new Promise(() => {});
  };
  const script = test.connect();
  const waiting = script.readQuery(comQuery(""));
  await turn();
  script.cancel();
  assertEquals(await waiting, Verdict.NONE);
  await script.disconnectClient();
  assertEquals(aborted, true);
  assertEquals(test.host.engine.execute("return went_on, gone", "=t"), [undefined, true]);
  assertEquals(test.world.records, []);
  assertEquals(test.host.connections, 0);
});

Deno.test("disconnect_client may not wait long after a hook was given up either", async () => {
  using test = await TestHost.open(`
    function read_query() proxy.sleep(3600) end
    function disconnect_client() proxy.sleep(3600) end`);
  const script = test.connect();
  const waiting = script.readQuery(comQuery(""));
  script.cancel();
  await script.disconnectClient();
  assertEquals(await waiting, Verdict.NONE);
  assertEquals(test.host.connections, 0);
});

Deno.test("disconnect_client may not wait long", async () => {
  using test = await TestHost.open(`function disconnect_client() proxy.sleep(3600) end`);
  const script = test.connect();
  await script.connectServer();
  const start = performance.now();
  await script.disconnectClient();
  assertEquals(performance.now() - start < 5000, true);
  assertEquals(test.host.connections, 0);
});

Deno.test("a hook that cannot wait where it is gets an error", async () => {
  using test = await TestHost.open(`
    function read_query() table.sort({ 2, 1 }, function() proxy.sleep(0) end) end`);
  assertEquals(await test.connect().readQuery(comQuery("")), Verdict.NONE);
  assertStringIncludes(test.world.records[0] ?? "", "cannot wait here");
});

Deno.test("proxy.response cannot wait", async () => {
  using test = await TestHost.open(`
    function read_query()
      proxy.response = setmetatable({}, { __index = function() proxy.sleep(0) end })
      return 2
    end`);
  const script = test.connect();
  await script.readQuery(comQuery(""));
  assertStringIncludes(latin1(script.response())[0] ?? "", "handling proxy.response failed");
});
