import { assert, assertEquals, assertMatch } from "@std/assert";
import { RawLogin } from "../../interop/raw_login.ts";
import { holdTempDir } from "../../servers/leash.ts";
import { freePort, until } from "../../servers/port.ts";
import { query } from "../../servers/sql.ts";
import { APP, ROOT } from "../../servers/users.ts";
import { ignore, shared, withLocal, withProcess } from "./scripts_stage.ts";
import { loginPacket, Peer } from "./peer.ts";
import { connect, failure, value } from "./stage.ts";

/** A query that begins with a word runs the code of that name, whose result is the answer. */
function commands(code: Readonly<Record<string, string>>): string {
  return `
local commands = {
${Object.entries(code).map(([name, body]) => `  ${name} = function(text) ${body} end,`).join("\n")}
}
function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local name, text = packet:match("^.(%w+) ?(.*)$")
  local command = commands[name]
  if not command then return end
  proxy.response = {
    type = proxy.MYSQLD_PACKET_OK,
    resultset = {
      fields = { { name = "answer", type = proxy.MYSQL_TYPE_STRING } },
      rows = { { tostring(command(text)) } },
    },
  }
  return proxy.PROXY_SEND_RESULT
end
`;
}

const login = (port: number) => RawLogin.connect({ port, user: ROOT.user, answers: [""] });
const one = async (client: RawLogin, sql: string) => (await client.query(sql))[0]?.[0];

Deno.test({
  name: "only the connection whose hook waits waits, whatever it waits for",
  ignore,
  async fn() {
    const server = await shared();
    // An answer that takes as long as the test likes.
    const gate = Promise.withResolvers<void>();
    const requests: string[] = [];
    const web = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      requests.push(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
      await gate.promise;
      return new Response("hello\0world", { status: 202, headers: { "X-Test": "yes" } });
    });
    try {
      await withLocal(
        commands({
          SLEEP: "proxy.sleep(tonumber(text)) return 'slept'",
          USLEEP: "require('glib2').usleep(tonumber(text)) return 'slept'",
          HTTP: `local r, e = proxy.http(text, { method = "POST", body = "a=1" })
            return r and ("%d %s %q"):format(r.status, r.headers["x-test"], r.body) or "failed: " .. e`,
          QUERY: "local r = assert(proxy.query(1, text)) return r.rows[1][1]",
          APP:
            `local r = assert(proxy.query(1, "SELECT USER()", { user = "${APP.user}", password = "${APP.password}" }))
            return r.rows[1][1]:match("^[^@]+")`,
          EXECUTE: "return os.execute(text)",
          POPEN: "local f = io.popen(text) local all = f:read('*a') f:close() return all",
        }),
        [server],
        async ({ proxy }) => {
          using bystander = await login(proxy.port);
          const folder = await holdTempDir("gate");
          await query(server, "DO GET_LOCK('scripts_waiting', 0)");
          const cases: [string, string | undefined, () => Promise<void>][] = [
            ["SLEEP 0.3", "slept", () => Promise.resolve()],
            ["USLEEP 300000", "slept", () => Promise.resolve()],
            [`HTTP http://127.0.0.1:${web.addr.port}/path`, `202 yes "hello\\000world"`, () => {
              gate.resolve();
              return Promise.resolve();
            }],
            ["QUERY SELECT 7 + SLEEP(0.3)", "7", () => Promise.resolve()],
            ["APP", APP.user, () => Promise.resolve()],
            [
              `EXECUTE until [ -e ${folder}/a ]; do sleep 0.02; done; exit 3`,
              `${3 * 256}`,
              () => Deno.writeTextFile(`${folder}/a`, ""),
            ],
            [
              `POPEN until [ -e ${folder}/b ]; do sleep 0.02; done; echo done`,
              "done\n",
              () => Deno.writeTextFile(`${folder}/b`, ""),
            ],
          ];
          for (const [sql, expected, open] of cases) {
            using client = await login(proxy.port);
            let over = false;
            const waiting = one(client, sql).finally(() => over = true);
            for (let i = 0; i < 3; i++) assertEquals(await one(bystander, "SELECT 42"), "42");
            if (sql !== "APP") assertEquals(over, false, sql);
            await open();
            assertEquals(await waiting, expected, sql);
            // And the connection goes on as if nothing had been.
            assertEquals(await one(client, "SELECT 1"), "1");
            await client.quit();
          }
          assertEquals(requests, ["POST /path a=1"]);
          await bystander.quit();
        },
        { "lua-allow-run": true, "proxy-query-user": ROOT.user, "proxy-query-password": "" },
      );
    } finally {
      gate.resolve();
      await web.shutdown();
    }
  },
});

Deno.test({
  name: "programs are not run, and queries not without an account, unless that is allowed",
  ignore,
  async fn() {
    await withLocal(
      commands({
        EXECUTE: "return select(2, pcall(os.execute, text)) ",
        POPEN: "return select(2, pcall(io.popen, text))",
        QUERY: "return select(2, proxy.query(1, text))",
        REFUSED: `return select(2, proxy.query(1, "SELECT 1", { user = "nobody", password = "x" }))`,
        FAR: "return select(2, pcall(proxy.query, 2, text))",
      }),
      [await shared()],
      async ({ proxy }) => {
        using client = await login(proxy.port);
        const folder = await holdTempDir("forbidden");
        assertMatch((await one(client, `EXECUTE touch ${folder}/x`))!, /--lua-allow-run/);
        assertMatch((await one(client, `POPEN touch ${folder}/x`))!, /--lua-allow-run/);
        assertEquals([...Deno.readDirSync(folder)], []);
        assertMatch((await one(client, "QUERY SELECT 1"))!, /--proxy-query-user/);
        assertMatch((await one(client, "REFUSED"))!, /Access denied|nobody/);
        assertMatch((await one(client, "FAR SELECT 1"))!, /backend 2/);
        await client.quit();
      },
    );
  },
});

Deno.test({
  name: "every hook may wait, and its decision counts afterwards",
  ignore,
  async fn() {
    const script = `
local trail = {}
local function wait(name) trail[#trail + 1] = name proxy.sleep(0.02) end
wait("main")
function connect_server() wait("connect_server") proxy.connection.backend_ndx = 1 end
function read_handshake() wait("read_handshake") end
function read_auth() wait("read_auth") end
function read_auth_result() wait("read_auth_result") end
function read_query(packet)
  wait("read_query")
  if packet:byte() == proxy.COM_QUIT then return end
  proxy.queries:append(1, packet, { resultset_is_needed = true })
  return proxy.PROXY_SEND_QUERY
end
function read_query_result(inj)
  wait("read_query_result")
  local rows = {}
  for row in inj.resultset.rows do rows[#rows + 1] = { table.concat(trail, " ") .. " " .. row[1] } end
  proxy.response = {
    type = proxy.MYSQLD_PACKET_OK,
    resultset = { fields = { { name = "x", type = proxy.MYSQL_TYPE_STRING } }, rows = rows },
  }
  return proxy.PROXY_SEND_RESULT
end
function disconnect_client() wait("disconnect_client") print("disconnected") end
`;
    await withProcess(script, [await shared()], async ({ proxy }) => {
      const clients = await Promise.all(Array.from({ length: 5 }, () => connect(proxy.port)));
      const hooks = "main connect_server read_handshake read_auth read_auth_result";
      const answers = await Promise.all(clients.map((client, i) => value(client, `SELECT ${i}`)));
      for (const [i, answer] of answers.entries()) {
        const text = `${answer}`.replace(/(read_auth_result )+/, "read_auth_result ");
        assertEquals(text, `${hooks} read_query read_query_result ${i}`);
      }
      await Promise.all(clients.map((client) => client.end()));
      await until(3000, "all to have said goodbye", () => proxy.log.split("disconnected").length === 6);
    });
  },
});

Deno.test({
  name: "200 hooks sleep at the same time",
  ignore,
  async fn() {
    await withLocal(commands({ SLEEP: "proxy.sleep(0.5) return 'slept'" }), [await shared()], async ({ proxy }) => {
      const clients = await Promise.all(Array.from({ length: 200 }, () => login(proxy.port)));
      const start = performance.now();
      const answers = await Promise.all(clients.map((client) => one(client, "SLEEP")));
      const took = performance.now() - start;
      assertEquals(new Set(answers), new Set(["slept"]));
      assert(took < 10_000, `It took ${took} ms: one after the other it would have been 100 s`);
      await Promise.all(clients.map((client) => client.quit()));
      await until(3000, "all to be gone", () => proxy.connectedClients === 0);
    });
  },
});

/** A client that lets a hook run, and does not wait for what comes of it. */
async function begin(hook: string, port: number): Promise<Disposable> {
  if (hook.startsWith("read_query")) {
    const client = await login(port);
    client.query("SELECT 1").catch(() => {});
    return client;
  }
  const peer = await Peer.connect(port);
  if (hook.startsWith("read_auth")) {
    await peer.read();
    peer.write(loginPacket(ROOT.user, "", new Uint8Array(0)));
  }
  return peer;
}

Deno.test({
  name: "a client that goes away ends what its hook waits for, wherever that is",
  ignore,
  async fn() {
    const server = await shared();
    // Says nothing, and tells how many it has.
    const port = freePort();
    const silent = new Set<Deno.Conn>();
    const listener = Deno.listen({ hostname: "127.0.0.1", port });
    const accepting = (async () => {
      for await (const connection of listener) {
        silent.add(connection);
        (async () => {
          const buffer = new Uint8Array(1024);
          try {
            while (await connection.read(buffer) !== null);
          } catch {
            // Reset.
          }
          silent.delete(connection);
          connection.close();
        })();
      }
    })().catch(() => {});
    try {
      for (const hook of ["connect_server()", "read_handshake()", "read_auth()", "read_query(packet)"]) {
        const script = `
function ${hook}
  print("waits")
  proxy.http("http://127.0.0.1:${port}/")
  print("went on")
end
function disconnect_client() print("goodbye") end
`;
        await withProcess(script, [server], async ({ proxy }) => {
          const clients = await Promise.all(Array.from({ length: 10 }, () => begin(hook, proxy.port)));
          await until(5000, "all hooks to wait", () => silent.size === 10);
          for (const client of clients) client[Symbol.dispose]();
          await until(5000, `the waits of ${hook} to be given up`, () => silent.size === 0);
          assert(!proxy.log.includes("went on"), hook);
          const count = (text: string) => proxy.log.split(text).length - 1;
          await until(5000, `the last words after ${hook}`, () => count("goodbye") >= count("waits"));
        });
      }
    } finally {
      listener.close();
      await accepting;
    }
  },
});

Deno.test({
  name: "the proxy stops in time while hooks wait",
  ignore,
  async fn() {
    const script = commands({ SLEEP: "proxy.sleep(3600)" }) + `
function disconnect_client() proxy.sleep(3600) end`;
    await withProcess(script, [await shared()], async ({ proxy }) => {
      const clients = await Promise.all(Array.from({ length: 5 }, () => connect(proxy.port)));
      const failures = clients.map((client) => {
        client.on("error", () => {});
        return failure(value(client, "SLEEP"));
      });
      const idle = await connect(proxy.port);
      idle.on("error", () => {});
      await value(idle, "SELECT 1");
      const start = performance.now();
      await proxy.stop(15_000);
      assert(performance.now() - start < 10_000);
      for (const { message } of await Promise.all(failures)) assertMatch(message, /shutting down|closed|lost/i);
      idle.destroy();
      clients.forEach((client) => client.destroy());
    }, ["--shutdown-timeout=1"]);
  },
});
