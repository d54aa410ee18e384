/**
 * Probes of what scripts can do: a proxy with a few lines of Lua in front of a real server, and real clients.
 *
 * @module
 */

import { type Kind, KINDS } from "../servers/installation.ts";
import { until } from "../servers/port.ts";
import type { Proxy } from "../servers/proxy.ts";
import type { ServerInfo } from "../servers/server.ts";
import { sharedServer, whyMissing } from "../servers/servers.ts";
import { type Client, withScript } from "../scripts/script_proxy.ts";
import { query } from "../servers/sql.ts";

/** Where a probe runs. */
export interface Stage {
  readonly proxy: Proxy;
  readonly server: ServerInfo;
  /** An empty database. */
  readonly database: string;
  /** Waits until the proxy has written something that fits. */
  written(what: string | RegExp): Promise<void>;
}

/** How a probe runs. */
export interface ProbeOptions {
  readonly servers?: readonly Kind[];
  readonly threads?: number;
  readonly args?: readonly string[];
}

/**
 * What probes begin with: `note(...)` remembers values, and the statement `notes` asks for what this connection has noted.
 * A table `commands` has functions by the statement's text, to act in place of `read_query`; `results` by the id of a query.
 */
const HEADER = String.raw`
notes, commands, results = {}, {}, {}
local function shown(v)
  if type(v) ~= "string" then return tostring(v) end
  return (v:gsub("[^\32-\126]", function(c) return ("\\x%02x"):format(c:byte()) end))
end
function note(...)
  local t = {}
  for i = 1, select("#", ...) do t[i] = shown((select(i, ...))) end
  notes[#notes + 1] = table.concat(t, " ")
end
function answer(fields, rows)
  proxy.response = { type = proxy.MYSQLD_PACKET_OK, resultset = { fields = {}, rows = rows } }
  for i, name in ipairs(fields) do
    proxy.response.resultset.fields[i] = { name = name, type = proxy.MYSQL_TYPE_VAR_STRING }
  end
  return proxy.PROXY_SEND_RESULT
end
function refuse(message, code, state)
  proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = message, errcode = code, sqlstate = state }
  return proxy.PROXY_SEND_RESULT
end
function read_query(packet)
  if packet == "\3notes" then
    local rows = {}
    for i, text in ipairs(notes) do rows[i] = { text } end
    notes = {}
    return answer({ "note" }, rows)
  end
  local command = packet:byte() == proxy.COM_QUERY and commands[packet:sub(2)] or commands[packet:byte()]
  if command then return command(packet) end
  if commands.default then return commands.default(packet) end
end
function read_query_result(inj)
  local result = results[inj.id]
  if result then return result(inj) end
end
`;

/** Registers a probe with a script that begins with the header above, on both kinds of server unless it says which. */
export function probe(
  name: string,
  lua: string,
  body: (stage: Stage) => Promise<void>,
  { servers = KINDS, threads = 1, args = [] }: ProbeOptions = {},
): void {
  for (const kind of servers) {
    // Run alone, the first test starts the server that the others use.
    const own = { sanitizeOps: false, sanitizeResources: false };
    Deno.test({ name: `${kind}: ${name}`, ignore: whyMissing(kind) !== undefined, ...own }, async () => {
      const shared = await sharedServer(kind);
      if ("missing" in shared) throw new Error(shared.missing);
      const { server } = shared;
      const database = `probe_${Deno.pid}`;
      await query(server, `DROP DATABASE IF EXISTS ${database}`, `CREATE DATABASE ${database}`);
      try {
        await withScript({ script: { lua: HEADER + lua }, backends: [server], threads, args }, (proxy) => {
          const written = (what: string | RegExp) =>
            until(5_000, `the proxy to write ${what}`, () => {
              return Promise.resolve(typeof what === "string" ? proxy.log.includes(what) : what.test(proxy.log));
            });
          return body({ proxy, server, database, written });
        });
      } finally {
        await query(server, `DROP DATABASE ${database}`);
      }
    });
  }
}

/** What a client has made the script note since it last asked. */
export async function notes(client: Client): Promise<string[]> {
  return (await client.rows("notes")).map(([text]) => String(text));
}
