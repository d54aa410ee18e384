import { assert, assertEquals } from "@std/assert";
import { dirname } from "node:path";
import { CONSTANTS } from "../lib/lua/constants.ts";
import { LuaEngine } from "../lib/lua/engine.ts";
import { LuaHost } from "../lib/lua/host.ts";
import { HOOK_NAMES } from "../lib/lua/script_room.ts";
import { examplesOf, exampleTests, optionsOf, taskCommands } from "./documented_scripts.ts";
import { scriptWorld } from "./lua/_script_world.ts";
import { withClient, withScript } from "./scripts/script_proxy.ts";
import { freePort } from "./servers/port.ts";
import { sharedServer, whyMissing } from "./servers/servers.ts";

const PAGE = new URL("../lib/mysql-proxy/scripting.md", import.meta.url);
const page = await Deno.readTextFile(PAGE);
const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));
/** How a test with a server runs: the client's sockets close a moment after its goodbye. */
const served = { ignore: whyMissing("mariadb") !== undefined, sanitizeOps: false, sanitizeResources: false };

/** The first table below a heading, as cells. */
function table(heading: string): string[][] {
  const text = page.slice(page.indexOf(`\n${heading}\n`)).slice(heading.length + 2).split(/^#+ /m)[0] ?? "";
  const rows = text.split("\n").filter((line) => line.startsWith("|")).slice(2);
  assert(page.includes(`\n${heading}\n`) && rows.length > 0, `There is no table below "${heading}"`);
  return rows.map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

/** The names in code in the first column of a table. */
function names(heading: string): string[] {
  return table(heading).flatMap(([first = ""]) => [...first.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
}

/** The column of names as a Lua table. */
function luaList(list: readonly string[]): string {
  return `{ ${list.map((name) => JSON.stringify(name)).join(", ")} }`;
}

/** Runs statements through a proxy with a script that answers one of them with a list. */
async function listed(lua: string, sql: readonly string[]): Promise<string[]> {
  const shared = await sharedServer("mariadb");
  if ("missing" in shared) throw new Error(shared.missing);
  let rows: unknown[][] = [];
  await withScript({ script: { lua }, backends: [shared.server] }, async (proxy) => {
    await withClient(proxy, async (client) => {
      for (const statement of sql) await client.rows(statement).catch(() => {});
      rows = await client.rows("LIST");
    });
  });
  return rows.map(([name]) => String(name)).sort();
}

/** Lua that answers `LIST` with the keys of the table `found`. */
const LIST = `
local found = {}
local function answer()
  local rows = { { "." } }
  for name in pairs(found) do rows[#rows + 1] = { name } end
  proxy.response = { type = proxy.MYSQLD_PACKET_OK, resultset = { fields = { { name = "name", type = 253 } }, rows = rows } }
  return proxy.PROXY_SEND_RESULT
end
`;

exampleTests(page, "scripting.md");

Deno.test("scripting.md names the hooks that there are", () => {
  assertEquals(names("## Hooks").filter((name) => name.endsWith(")")).map((name) => name.replace(/\(.*/, "")), [
    ...HOOK_NAMES,
  ]);
});

Deno.test("scripting.md has the constants that there are, with their values", () => {
  const section = page.slice(page.indexOf("\n## Constants\n"), page.indexOf("\n## Modules\n"));
  const told = [...section.matchAll(/`([A-Z0-9_]+)`\s+(\d+)/g)].map(([, name = "", value]) => [name, Number(value)]);
  assertEquals(Object.fromEntries(told), { ...CONSTANTS });
  for (const text of [page, readme]) {
    for (
      const [, name = ""] of text.matchAll(/\b((?:PROXY|MYSQLD_PACKET|BACKEND|COM|MYSQL_TYPE)_[A-Z0-9_]*[A-Z0-9])\b/g)
    ) {
      assert(name in CONSTANTS || name === "COM_MULTI", `There is no proxy.${name}`);
    }
  }
});

Deno.test({ name: "scripting.md names fields that exist", ...served }, async () => {
  const missing = await listed(
    `${LIST}
    local function look(what, object, list)
      for _, name in ipairs(list) do
        if object[name] == nil then found[what .. "." .. name] = (found[what .. "." .. name] or 0) + 1 end
      end
    end
    local seen = {}
    function read_query(packet)
      local c = proxy.connection
      look("connection", c, ${luaList(names("## proxy.connection").filter((name) => name !== "connection_close"))})
      for _, side in ipairs({ "client", "server" }) do
        look(side, c[side], ${luaList(names("### Sockets"))})
        for _, address in ipairs({ "src", "dst" }) do
          look(side .. "." .. address, c[side][address], { "name", "address", "port", "type" })
        end
      end
      local backend = proxy.global.backends[1]
      backend.uuid = "one"
      look("backend", backend, ${luaList(names("### proxy.global.backends"))})
      look("pool", backend.pool, { "users", "max_idle_connections", "min_idle_connections" })
      look("pool.users", backend.pool.users.app, { "cur_idle_connections" })
      if packet == "\\3LIST" then
        for name in pairs(seen) do found[name] = nil end
        return answer()
      end
      proxy.queries:append(1, packet, { resultset_is_needed = true })
      return proxy.PROXY_SEND_QUERY
    end
    function read_query_result(inj)
      look("inj", inj, ${luaList(names("### inj"))})
      local function all(what, set)
        look(what, set, ${luaList(names("### inj.resultset"))})
        for _, name in ipairs(${luaList(names("### inj.resultset"))}) do
          if set[name] ~= nil then seen[what .. "." .. name] = true end
        end
        look("flags", set.flags, { "in_trans", "auto_commit", "no_good_index_used", "no_index_used" })
        for i = 1, #set.fields do look("field", set.fields[i], ${luaList(names("### inj.resultset.fields"))}) end
      end
      all("resultset", inj.resultset)
      for i = 1, #inj.resultsets do all("resultsets", inj.resultsets[i]) end
    end`,
    // Rows and an OK: a field that only one of them has is found.
    ["SELECT user FROM mysql.user", "DO 1"],
  );
  assertEquals(missing, ["."]);
});

Deno.test({ name: "scripting.md names the fields of proxy.response that there are", ...served }, async () => {
  const asked = await listed(
    `${LIST}
    local values = {
      ok = { type = 0 }, rows = { type = 0 }, err = { type = 255, errmsg = "no" }, raw = { type = 250 },
    }
    local function watched(prefix, fields)
      return setmetatable({}, { __index = function(_, name)
        if type(name) == "string" then found[prefix .. name] = true end
        return fields[name]
      end })
    end
    values.rows.resultset = watched("", { fields = { watched("fields.", { name = "a", type = 253 }) }, rows = { { 1 } } })
    values.raw.packets = { "\\0\\0\\0\\2\\0\\0\\0" }
    function read_query(packet)
      if packet == "\\3LIST" then return answer() end
      local fields = values[packet:sub(2)]
      if not fields then return end
      proxy.response = watched("", fields)
      return proxy.PROXY_SEND_RESULT
    end`,
    ["ok", "rows", "err", "raw"],
  );
  const section = page.slice(page.indexOf("\n## proxy.response\n"), page.indexOf("\n## proxy.queries\n"));
  const ofFields = /`fields` is an array of tables\.([\s\S]*?)may be[.;]/.exec(section)?.[1] ?? "";
  const told = [
    ".",
    "fields",
    "rows",
    ...names("## proxy.response"),
    ...[...ofFields.matchAll(/`(\w+)`/g)].map(([, name]) => `fields.${name}`),
  ];
  assertEquals(asked, told.sort());
});

Deno.test({ name: "scripting.md lists the modules' functions", ...served }, async () => {
  const modules = table("## Modules").map(([name = "", functions = ""]) => ({
    name: name.replaceAll("`", ""),
    functions: [...functions.matchAll(/`([^`]+)`/g)].map(([, one = ""]) => one),
  }));
  const there = await listed(
    `${LIST}
    function read_query(packet)
      if packet ~= "\\3LIST" then return end
      for _, name in ipairs(${luaList(modules.map(({ name }) => name))}) do
        for key, value in pairs(require(name)) do
          local is_part = type(value) == "function" or type(value) == "table"
          if is_part and key:sub(1, 1) ~= "_" then found[name .. ": " .. key] = true end
        end
      end
      return answer()
    end`,
    [],
  );
  assertEquals(
    there,
    [".", ...modules.flatMap(({ name, functions }) => functions.map((one) => `${name}: ${one}`))].sort(),
  );
  const lua = [...Deno.readDirSync(new URL("./lua/proxy/", PAGE))].map(({ name }) =>
    `proxy.${name.replace(".lua", "")}`
  );
  for (const name of lua) assert(modules.some((module) => module.name === name), `${name} is not listed`);
});

Deno.test({ name: "scripting.md names functions of proxy that there are", ...served }, async () => {
  const called = [...page.matchAll(/\b(proxy\.[a-z]+(?::[a-z]+)?)\(/g)].map(([, name = ""]) => name)
    .filter((name) => !name.startsWith("proxy.global"));
  const functions = [...new Set(called)].sort();
  const there = await listed(
    `${LIST}
    function read_query(packet)
      if packet ~= "\\3LIST" then return end
      for _, name in ipairs(${luaList(functions)}) do
        local f = assert(loadstring("return " .. name:gsub(":", ".")))()
        if type(f) == "function" then found[name] = true end
      end
      for name, value in pairs(proxy) do
        if type(value) == "function" then found["proxy." .. name] = true end
      end
      return answer()
    end`,
    [],
  );
  assertEquals(there, [".", ...functions].sort());
  assert(functions.length >= 8, `${functions}`);
});

Deno.test("scripting.md lists every shipped script, and each starts by its name", async () => {
  const module = await LuaEngine.compile();
  for (const [heading, folder] of [["## Shipped scripts", "lua"], ["## Tutorial", "lua/tutorial"]] as const) {
    const told = table(heading).map(([first = ""]) => /^\[([\w-]+)\]\((.*)\)$/.exec(first)?.slice(1) ?? []);
    const there = [...Deno.readDirSync(new URL(`${folder}/`, PAGE))].filter(({ isFile }) => isFile)
      .map(({ name }) => name.replace(/\.lua$/, "")).sort();
    assertEquals(told.map(([name]) => name), there);
    for (const [name = "", link] of told) {
      assertEquals(link, `${folder}/${name}.lua`);
      await LuaHost.open({
        module,
        script: name,
        luaPath: "",
        allowRun: false,
        timeLimitMs: 1000,
        memoryLimit: 64 << 20,
        threadIndex: 0,
      }, scriptWorld());
    }
  }
});

Deno.test({ name: "scripting.md and README.md start the proxy with commands that work", ...served }, async () => {
  const shared = await sharedServer("mariadb");
  if ("missing" in shared) throw new Error(shared.missing);
  const { server } = shared;
  const files = new Map(examplesOf(page + readme).map(({ name, lua }) => [name, lua]));
  const commands = [...taskCommands(page, "start"), ...taskCommands(readme, "start")]
    .filter((words) => words.some((word) => word.startsWith("--proxy-lua-script=")));
  assert(commands.length > 5);
  for (const words of commands) {
    const name = words.find((word) => word.startsWith("--proxy-lua-script="))?.split("=")[1] ?? "";
    const lua = files.get(name);
    assert(lua !== undefined || !name.endsWith(".lua"), `No page shows ${name}`);
    const script = lua === undefined ? { name } : { lua };
    const args = optionsOf(words).filter((word) => !word.startsWith("--proxy-lua-script="));
    // The same server under another address.
    const readOnly = words.filter((word) => word.startsWith("--proxy-read-only-")).slice(0, 1)
      .map((word) => word.replace(/=.*/, `=${server.socket}`));
    await withScript({ script, backends: [server], args: [...args, ...readOnly] }, async (proxy) => {
      await withClient(proxy, async (client) => assertEquals(await client.value("SELECT 4711"), 4711, words.join(" ")));
    });
  }
});

Deno.test(
  { name: "scripting.md: reports.lua sends the clients of one port to the read-only backend", ...served },
  async () => {
    const shared = await sharedServer("mariadb");
    if ("missing" in shared) throw new Error(shared.missing);
    const { server } = shared;
    const port = freePort();
    const lua = examplesOf(page).find(({ name }) => name === "reports.lua")?.lua.replaceAll("4041", String(port)) ?? "";
    // The server tells who has come through its socket.
    const args = [`--proxy-address=127.0.0.1:${port}`, `--proxy-read-only-backend-addresses=${server.socket}`];
    await withScript({ script: { lua }, backends: [server], args }, async (proxy) => {
      for (const [at, host] of [[proxy, "127.0.0.1"], [{ port }, "localhost"]] as const) {
        await withClient(at, async (client) => assertEquals(await client.value("SELECT USER()"), `app@${host}`));
      }
    });
  },
);

Deno.test("scripting.md links to what there is", async () => {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) =>
    text.toLowerCase().replaceAll(/[^\w -]/g, "").replaceAll(" ", "-")
  );
  const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
  assert(links.length > 30);
  for (const link of links) {
    if (link.startsWith("#")) assert(headings.includes(link.slice(1)), `There is no heading for "${link}"`);
    else await Deno.stat(new URL(link, `file://${dirname(PAGE.pathname)}/`));
  }
});
