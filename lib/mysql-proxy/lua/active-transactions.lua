--[[
  active-transactions: remembers the statements of all open transactions, and prints them when one of them fails with a lock
  wait timeout (1205) or a deadlock (1213).

  Start it with:
    mysql-proxy --proxy-lua-script=active-transactions --proxy-backend-addresses=127.0.0.1:3306

  Try: two clients that update the same two rows in opposite order.

  proxy.global.active_transactions has them: from the id of the server's thread to the list of statements.
]]

local commands = require("proxy.commands")
local proto = require("mysql.proto")

if not proxy.global.active_transactions then proxy.global.active_transactions = {} end
local transactions = proxy.global.active_transactions

local LOCK_WAIT_TIMEOUT, DEADLOCK = 1205, 1213
-- A longer transaction loses its first statements.
local most_statements = 1000
-- Of a longer statement only the beginning is kept and printed.
local longest = 10000

-- The key of this connection. Ids of threads are unique on one server only.
local function connection_key()
  local server = proxy.connection.server
  if #proxy.global.backends == 1 then return server.thread_id end
  return server.dst.name .. "/" .. server.thread_id
end

local key

local function sorted_keys(tbl)
  local keys = {}
  for name in pairs(tbl) do keys[#keys + 1] = name end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function report(err)
  local lines = {}
  lines[1] = string.format("%s [%s] received a %d: %s", os.date("%Y-%m-%d %H:%M:%S"), tostring(key), err.errcode,
    err.errmsg or "")
  for _, thread in ipairs(sorted_keys(transactions)) do
    for n, sql in ipairs(transactions[thread]) do
      lines[#lines + 1] = string.format("  [%s].%d: %s", tostring(thread), n, sql)
    end
  end
  print(table.concat(lines, "\n"))
end

local statement

function read_query(packet)
  local command = commands.parse(packet)
  if command.type == proxy.COM_QUERY then
    statement = command.query:sub(1, longest)
  elseif command.type == proxy.COM_STMT_EXECUTE then
    statement = commands.pretty_print(command)
  else
    return
  end
  proxy.queries:append(1, packet, { resultset_is_needed = true })
  return proxy.PROXY_SEND_QUERY
end

function read_query_result(inj)
  local result = inj.resultset
  key = key or connection_key()
  if result.query_status == proxy.MYSQLD_PACKET_ERR then
    local err = proto.from_err_packet(result.raw)
    if err.errcode == LOCK_WAIT_TIMEOUT or err.errcode == DEADLOCK then
      local mine = transactions[key] or {}
      mine[#mine + 1] = statement
      transactions[key] = mine
      report(err)
      -- The server has rolled all of it back, or the last statement only.
      if err.errcode == DEADLOCK then
        transactions[key] = nil
      else
        mine[#mine] = nil
      end
    end
    -- An ERR packet does not say whether the transaction goes on; the next result does.
    return
  end
  if not result.flags.in_trans then
    transactions[key] = nil
    return
  end
  local mine = transactions[key]
  if not mine then
    transactions[key] = { statement }
  else
    if #mine >= most_statements then table.remove(mine, 1) end
    mine[#mine + 1] = statement
  end
end

function disconnect_client()
  if key then transactions[key] = nil end
end
