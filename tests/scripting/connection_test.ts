import { assert, assertEquals, assertRejects } from "@std/assert";
import { Client, withClient, withScript } from "../scripts/script_proxy.ts";
import { holdTempDir, removeTempDir } from "../servers/leash.ts";
import { freePort, until } from "../servers/port.ts";
import { Proxy } from "../servers/proxy.ts";
import { sharedServer, whyMissing } from "../servers/servers.ts";
import { query } from "../servers/sql.ts";
import { ACCOUNTS, APP } from "../servers/users.ts";
import { notes, probe } from "./script_stage.ts";

probe(
  "proxy.connection shows both sides, and takes no other fields",
  String.raw`
  local c = proxy.connection
  local function tried(...)
    local ok, message = pcall(...)
    note(ok, (tostring(message):gsub("^.-:%d+: ", "")))
  end
  commands["show"] = function()
    for _, side in ipairs { "client", "server" } do
      local s = c[side]
      note(side, s.src.address, s.src.type, s.dst.address, s.dst.type, s.src.name == s.src.address .. ":" .. s.src.port,
        s.dst.name, s.dst.port, s.default_db, s.username, s.mysqld_version, s.thread_id)
    end
    note(c.client.scramble_buffer == c.server.scramble_buffer, c.nothing, c.connection_close, c.backend_ndx)
    note(c.client.nothing, c.client.src.nothing)
    return answer({ "shown" }, {})
  end
  commands["wrong"] = function()
    tried(function() return c.default_db end)
    tried(function() return c.thread_id end)
    tried(function() return c.mysqld_version end)
    tried(function() return c.client.address end)
    tried(function() c.backend_ndx = "x" end)
    tried(function() c.backend_ndx = nil end)
    tried(function() c.connection_close = 1 end)
    tried(function() c.client = {} end)
    tried(function() c.x = 1 end)
    tried(function() c.client.default_db = "x" end)
    tried(function() return proxy.global.backends.x end)
    tried(function() proxy.global.backends[1].type = 1 end)
    tried(function() proxy.global.backends[1].uuid = 5 end)
    tried(function() proxy.global.backends[1].pool.x = 5 end)
    return answer({ "wrong" }, {})
  end
  commands["backends"] = function()
    local bs = proxy.global.backends
    local b = bs[1]
    note(#bs, bs[0], bs[2], b.dst.name == c.server.dst.name, b.state, b.type, b.uuid, b.connected_clients, b.nothing)
    b.uuid = "u-u"
    note(b.uuid, bs[1].uuid)
    b.uuid = nil
    note(b.uuid, b.pool.max_idle_connections, b.pool.min_idle_connections, b.pool.users["x"].cur_idle_connections,
      b.pool.users[""].cur_idle_connections)
    b.pool.max_idle_connections = 7
    note(b.pool.max_idle_connections)
    b.pool.max_idle_connections = 0
    b.state = proxy.BACKEND_STATE_DOWN
    note(b.state)
    b.state = proxy.BACKEND_STATE_UP
    return answer({ "backends" }, {})
  end
  commands["close"] = function()
    c.connection_close = true
    return answer({ "closing" }, { { "bye" } })
  end
  commands["close after result"] = function()
    proxy.queries:append(1, "\3SELECT 'last'", { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  results[1] = function() c.connection_close = true end
  commands["version"] = function()
    return answer({ "v" }, { { ("%d.%d.%d"):format(math.floor(proxy.PROXY_VERSION / 65536),
      math.floor(proxy.PROXY_VERSION / 256) % 256, proxy.PROXY_VERSION % 256) } })
  end`,
  async ({ proxy, server, database, written }) => {
    await withClient(proxy, async (client) => {
      await client.rows("show");
      const [clientSide, serverSide, ...rest] = await notes(client);
      const [[id, version] = []] = await client.rows("SELECT CONNECTION_ID(), VERSION()");
      const [major, minor, patch] = String(version).split(/[.-]/).map(Number);
      const number = major! * 10000 + minor! * 100 + patch!;
      const both = `${database} ${APP.user} ${number} ${id}`;
      assertEquals(clientSide, `client 127.0.0.1 2 127.0.0.1 2 true 127.0.0.1:${proxy.port} ${proxy.port} ${both}`);
      assertEquals(serverSide, `server 127.0.0.1 2 127.0.0.1 2 true 127.0.0.1:${server.port} ${server.port} ${both}`);
      assertEquals(rest, ["true nil nil 1", "nil nil"]);
      await written(/\(critical\).*client\.nothing/);
      await client.rows("wrong");
      const wrong = await notes(client);
      assertEquals(wrong.filter((line) => !line.startsWith("false ")), []);
      assert(wrong[0]?.includes("client.default_db"), wrong[0]);
      assertEquals(wrong[8], "false proxy.connection.x is not writable");
      await client.rows("backends");
      assertEquals(await notes(client), [
        "1 nil nil true 1 1 nil 1 nil",
        "u-u u-u",
        "nil 0 0 0 0",
        "7",
        "2",
      ]);
      // The default database is tracked.
      const databases = async () => {
        await client.rows("show");
        return (await notes(client)).slice(0, 2).map((line) => line.split(" ").at(-4));
      };
      await client.connection.changeUser({ database: "mysql" });
      assertEquals(await databases(), ["mysql", "mysql"]);
      await client.rows(`USE ${database}`);
      assertEquals(await databases(), [database, database]);
      await client.rows("use not_there").catch(() => {});
      assertEquals(await databases(), [database, database]);
      assertEquals(await client.value("version"), "0.9.0");
    }, { database });
    for (const sql of ["close", "close after result"]) {
      const client = await Client.open(proxy);
      client.connection.on("error", () => {});
      assertEquals(await client.value(sql), sql === "close" ? "bye" : "last");
      await assertRejects(() => client.rows("SELECT 1"));
      client.destroy();
    }
  },
);

/** Parks after each statement, and takes an idle connection of the user for the next. */
const PARKING = String.raw`
  local c = proxy.connection
  function read_auth_result(auth)
    if auth.packet:byte() == proxy.MYSQLD_PACKET_OK then c.backend_ndx = 0 end
  end
  local function idle(user) return proxy.global.backends[1].pool.users[user].cur_idle_connections end
  commands["idle"] = function()
    note(c.backend_ndx, c.server, idle(c.client.username), c.client.username,
      proxy.global.backends[1].connected_clients)
    return answer({ "idle" }, {})
  end
  commands.default = function(packet)
    if packet:byte() == proxy.COM_QUIT then
      if c.backend_ndx ~= 0 then return end
      proxy.response = { type = proxy.MYSQLD_PACKET_OK }
      return proxy.PROXY_SEND_RESULT
    end
    if c.backend_ndx == 0 then c.backend_ndx = 1 end
    proxy.queries:append(1, packet, { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  results[1] = function(inj)
    if not inj.resultset.flags.in_trans then c.backend_ndx = 0 end
  end
  function disconnect_client() c.backend_ndx = 0 end
`;

probe("connections are parked and taken by the user who is logged in", PARKING, async ({ proxy, server }) => {
  const account = ACCOUNTS[server.kind].find(({ password }) => password !== "")!;
  await using one = await Client.open(proxy);
  await using two = await Client.open(proxy, { user: account.user, password: account.password });
  await one.rows("idle");
  assertEquals(await notes(one), [`0 nil 1 ${APP.user} 0`]);
  assertEquals(await one.value("SELECT CURRENT_USER()"), `${APP.user}@%`);
  assertEquals(await two.value("SELECT CURRENT_USER()"), `${account.user}@%`);
  // A change of user moves the client to the other queue, and its connection too.
  await using three = await Client.open(proxy);
  assertEquals(await three.value("SELECT CURRENT_USER()"), `${APP.user}@%`);
  await three.rows("BEGIN");
  await three.connection.changeUser({ user: account.user, password: account.password });
  for (let i = 0; i < 3; i++) assertEquals(await three.value("SELECT CURRENT_USER()"), `${account.user}@%`);
  await three.rows("idle");
  const [said] = await notes(three);
  assertEquals(said?.split(" ")[3], account.user);
  for (let i = 0; i < 3; i++) {
    assertEquals(await one.value("SELECT CURRENT_USER()"), `${APP.user}@%`);
    assertEquals(await two.value("SELECT CURRENT_USER()"), `${account.user}@%`);
    assertEquals(await three.value("SELECT CURRENT_USER()"), `${account.user}@%`);
  }
});

probe(
  "a connection in a transaction is not parked, and another one takes its place at once",
  String.raw`
  local c = proxy.connection
  function read_auth_result(auth)
    if c.client.username == "app" and proxy.global.park and auth.packet:byte() == 0 then c.backend_ndx = 0 end
  end
  commands["park the next"] = function() proxy.global.park = true return answer({ "ok" }, {}) end
  commands["keep the next"] = function() proxy.global.park = false return answer({ "ok" }, {}) end
  local function swap(first)
    return function()
      if first then c.backend_ndx = 0 end
      c.backend_ndx = 1
      proxy.queries:append(1, "\3SELECT CONNECTION_ID()")
      return proxy.PROXY_SEND_QUERY
    end
  end
  commands["swap"] = swap(false)
  commands["drop and swap"] = swap(true)`,
  async ({ proxy }) => {
    await using holder = await Client.open(proxy);
    for (const statement of ["swap", "drop and swap"]) {
      await holder.rows("park the next");
      const parked = await Client.open(proxy);
      await holder.rows("keep the next");
      await using client = await Client.open(proxy);
      const id = await client.value("SELECT CONNECTION_ID()");
      await client.rows("BEGIN");
      const other = await client.value(statement);
      assert(other !== id, statement);
      // The end of the first connection is not that of the second.
      for (let i = 0; i < 5; i++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        assertEquals(await client.value("SELECT CONNECTION_ID()"), other);
      }
      parked.destroy();
    }
  },
  { servers: ["mariadb"] },
);

probe(
  "a pooled connection is given to a client who logs in",
  String.raw`
  local c = proxy.connection
  function connect_server()
    c.backend_ndx = 1
    if c.server then return proxy.PROXY_IGNORE_RESULT end
  end
  function read_auth()
    note("auth", c.client.username, c.client.default_db, c.server.username)
    if c.client.username == "denied" then return refuse("denied", 1045, "28000") end
  end
  function read_auth_result(auth) note("result", auth.packet:byte()) end
  function disconnect_client() if c.client.username ~= "denied" then c.backend_ndx = 0 end end`,
  async ({ proxy, server, database }) => {
    const account = ACCOUNTS[server.kind].find(({ password }) => password !== "")!;
    const first = await Client.open(proxy);
    const id = await first.value("SELECT CONNECTION_ID()");
    await notes(first);
    // Without COM_QUIT, which would reach the server.
    first.destroy();
    let second: Client | undefined;
    await until(5000, "the connection to be used again", async () => {
      second = await Client.open(proxy, { user: account.user, password: account.password, database });
      if (await second.value("SELECT CONNECTION_ID()") === id) return true;
      await second.end();
      return false;
    });
    assertEquals(await second!.rows("SELECT CURRENT_USER(), DATABASE()"), [[`${account.user}@%`, database]]);
    const said = await notes(second!);
    assertEquals(said[0]?.split(" ").slice(0, 3), ["auth", account.user, database]);
    assertEquals(said.at(-1), "result 0");
    second!.destroy();
    await assertRejects(() => Client.open(proxy, { user: "denied" }), Error, "denied");
  },
);

Deno.test({
  name: "addresses of Unix sockets and IPv6",
  ignore: whyMissing("mariadb") !== undefined,
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  const shared = await sharedServer("mariadb");
  if ("missing" in shared) throw new Error(shared.missing);
  const lua = String.raw`
    function read_query(packet)
      local rows = {}
      for _, side in ipairs { "client", "server" } do
        for _, e in ipairs { "src", "dst" } do
          local a = proxy.connection[side][e]
          rows[#rows + 1] = { side .. " " .. e, a.name, a.address, tostring(a.port), a.type }
        end
      end
      if packet == "\3PARK" then
        local s = proxy.connection.server
        proxy.connection.backend_ndx = 0
        rows[#rows + 1] = { "parked src", s.src.name, s.src.address, tostring(s.src.port), s.src.type }
      end
      local b = proxy.global.backends[1].dst
      rows[#rows + 1] = { "backend", b.name, b.address, tostring(b.port), b.type }
      proxy.response = { type = 0, resultset = { fields = {}, rows = rows } }
      for i = 1, 5 do proxy.response.resultset.fields[i] = { name = "c" .. i, type = proxy.MYSQL_TYPE_STRING } end
      return 2
    end`;
  const folder = await holdTempDir("addresses");
  try {
    await Deno.writeTextFile(`${folder}/script.lua`, lua);
    const args = [`--proxy-lua-script=${folder}/script.lua`, "--event-threads=1"];
    for (
      const [address, backend] of [
        [`${folder}/proxy.sock`, shared.server.socket],
        [`[::1]:${freePort()}`, `127.0.0.1:${shared.server.port}`],
      ] as const
    ) {
      const proxy = await Proxy.start({ backends: [backend], address, args });
      try {
        const where = address.startsWith("/") ? { socketPath: address } : { host: "::1" };
        await withClient(proxy, async (client) => {
          const rows = await client.rows("PARK");
          const shown = new Map(rows.map(([name, ...rest]) => [name, rest]));
          if (address.startsWith("/")) {
            assertEquals(shown.get("client dst"), [address, address, "nil", "1"]);
            assertEquals(shown.get("server dst"), [backend, backend, "nil", "1"]);
            // The ends that connect have no name.
            for (const end of ["client src", "server src", "parked src"]) {
              assertEquals(shown.get(end), ["", "", "nil", "1"], end);
            }
            assertEquals(shown.get("backend"), [backend, backend, "nil", "1"]);
          } else {
            assertEquals(shown.get("client dst"), [address, "::1", `${proxy.port}`, "10"]);
            assertEquals(shown.get("client src")?.[1], "::1");
            assertEquals(shown.get("backend"), [backend, "127.0.0.1", `${shared.server.port}`, "2"]);
          }
        }, where);
        await proxy.stop();
      } finally {
        if (proxy.isRunning) await proxy.kill();
      }
    }
  } finally {
    await removeTempDir(folder);
  }
});

Deno.test({
  name: "two backends: a script chooses, and goes to the next when one is down",
  ignore: whyMissing("mariadb") !== undefined || whyMissing("mysql") !== undefined,
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  const [maria, mysql] = [await sharedServer("mariadb"), await sharedServer("mysql")];
  if ("missing" in maria || "missing" in mysql) throw new Error("A server is missing");
  const nobody = { port: freePort() };
  const lua = String.raw`
    local calls = 0
    function connect_server()
      calls = calls + 1
      local b = proxy.global.backends
      if proxy.global.choice then proxy.connection.backend_ndx = proxy.global.choice return end
      for i = 1, #b do
        if b[i].state ~= proxy.BACKEND_STATE_DOWN then proxy.connection.backend_ndx = i return end
      end
    end
    function read_query(packet)
      local n = packet:match("^\3choose (%d+)$")
      if n then
        proxy.global.choice = tonumber(n)
        if n == "0" then proxy.global.choice = nil end
        proxy.response = { type = proxy.MYSQLD_PACKET_OK }
        return proxy.PROXY_SEND_RESULT
      end
      if packet == "\3state" then
        local b = proxy.global.backends
        proxy.response = { type = 0, resultset = { fields = { { name = "s", type = proxy.MYSQL_TYPE_STRING } }, rows = {
          { table.concat({ calls, proxy.connection.backend_ndx, b[1].state, b[2].state, b[3].state, b[3].type }, " ") } } } }
        return proxy.PROXY_SEND_RESULT
      end
    end`;
  await withScript({ script: { lua }, backends: [nobody, maria.server], readOnly: [mysql.server] }, async (proxy) => {
    await using first = await Client.open(proxy);
    assertEquals(await first.value("state"), "2 2 2 1 0 2");
    assertEquals(await first.value("SELECT @@port"), maria.server.port);
    await first.rows("choose 3");
    await withClient(proxy, async (client) => {
      assertEquals(await client.value("SELECT @@port"), mysql.server.port);
      assertEquals(await client.value("state"), "1 3 2 1 1 2");
    });
    // Nobody there, and no such backend.
    await first.rows("choose 9");
    await assertRejects(() => Client.open(proxy), Error, "there is no backend");
    await first.rows("choose 1");
    await withClient(proxy, async (client) => assertEquals(await client.value("SELECT @@port"), maria.server.port));
  });
  assert((await query(maria.server, "SELECT 1")).length === 1);
});
