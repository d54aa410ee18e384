--[[
  active-queries: prints what all clients are doing, whenever it changes.

  Start it with:
    mysql-proxy --proxy-lua-script=active-queries --proxy-backend-addresses=127.0.0.1:3306

  Try: SELECT SLEEP(5) in one client, and BEGIN in another.

  Options, changed with PROXY SET GLOBAL active_queries.<option> = <value>:
    show_idle_connections  false  prints those that do nothing, too

  proxy.global.active_queries has them: from the id of the server's thread to a table with username, db, cmd_type, query and
  state, which is started, idle or in_trans.
]]

local commands = require("proxy.commands")
require("proxy.auto-config")

local global = proxy.global
if not global.config.active_queries then global.config.active_queries = { show_idle_connections = false } end
if not global.active_queries then global.active_queries = {} end
if not global.max_active_trx then global.max_active_trx = 0 end

---
-- Counts.
--
-- @return a table with num_conns, active_conns (those that run a statement or are in a transaction), and max_active_trx
function collect_stats()
  local stats = { num_conns = 0, active_conns = 0, max_active_trx = 0 }
  for _, entry in pairs(global.active_queries) do
    stats.num_conns = stats.num_conns + 1
    if entry.state ~= "idle" then stats.active_conns = stats.active_conns + 1 end
  end
  if stats.active_conns > global.max_active_trx then global.max_active_trx = stats.active_conns end
  stats.max_active_trx = global.max_active_trx
  return stats
end

---
-- Prints the block.
--
-- @param stats of collect_stats()
function print_stats(stats)
  local lines = {
    os.date("%Y-%m-%d %H:%M:%S"),
    string.format("  #connections: %d, #active trx: %d, max(active trx): %d", stats.num_conns, stats.active_conns,
      stats.max_active_trx),
  }
  local keys = {}
  for key in pairs(global.active_queries) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    local entry = global.active_queries[key]
    if entry.state ~= "idle" or global.config.active_queries.show_idle_connections then
      lines[#lines + 1] = string.format("  [%s] (%s@%s) (%s) %q (state=%s)", tostring(key), entry.username, entry.db,
        entry.cmd_type, entry.query, entry.state)
    end
  end
  print(table.concat(lines, "\n"))
end

-- Ids of threads are unique on one server only.
local function connection_key()
  local server = proxy.connection.server
  if #global.backends == 1 then return server.thread_id end
  return server.dst.name .. "/" .. server.thread_id
end

-- This connection's key: it outlives the server's connection.
local key

local function note(entry)
  if not key then
    if not proxy.connection.server then return end
    key = connection_key()
  end
  entry.username = proxy.connection.client.username or ""
  entry.db = proxy.connection.client.default_db
  global.active_queries[key] = entry
  print_stats(collect_stats())
end

function read_auth_result(auth)
  if auth.packet:byte() ~= proxy.MYSQLD_PACKET_OK then return end
  note({ cmd_type = "COM_CONNECT", query = "", state = "idle" })
end

local without_result = {
  [proxy.COM_QUIT] = true,
  [proxy.COM_STMT_CLOSE] = true,
  [proxy.COM_STMT_SEND_LONG_DATA] = true,
}
local current
-- Of a longer statement only the beginning is kept and printed.
local longest = 10000

function read_query(packet)
  local command = commands.parse(packet)
  local answer = global.config:handle(command)
  if answer then return answer end
  if without_result[command.type] then return end
  current = {
    cmd_type = command.type_name or tostring(command.type),
    query = (command.query or command.schema or ""):sub(1, longest),
  }
  note({ cmd_type = current.cmd_type, query = current.query, state = "started" })
  proxy.queries:append(1, packet)
  return proxy.PROXY_SEND_QUERY
end

function read_query_result(inj)
  local state = inj.resultset.flags.in_trans and "in_trans" or "idle"
  note({ cmd_type = current.cmd_type, query = current.query, state = state })
end

function disconnect_client()
  if not key then return end
  global.active_queries[key] = nil
  print_stats(collect_stats())
end
