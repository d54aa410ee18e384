--[[
  tutorial-monitor: prints each statement and its result, and asks the server for the time behind it.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-monitor

  Try: run any statement through the proxy.
]]

local CLIENTS, TIME = 1, 2

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  proxy.queries:append(CLIENTS, packet, { resultset_is_needed = true })
  proxy.queries:append(TIME, string.char(proxy.COM_QUERY) .. "SELECT NOW()", { resultset_is_needed = true })
  -- Without this the queue would be thrown away.
  return proxy.PROXY_SEND_QUERY
end

local function dump(inj)
  local result = inj.resultset
  print(string.format("query: %q", inj.query:sub(2)))
  print("  query time: " .. inj.query_time .. " us, response time: " .. inj.response_time .. " us")
  if not result.rows then
    if result.query_status == proxy.MYSQLD_PACKET_ERR then
      print("  error: " .. result.raw:sub(10))
    else
      print("  affected rows: " .. tostring(result.affected_rows))
    end
    return
  end
  for row in result.rows do
    local cells = {}
    for i = 1, #result.fields do cells[i] = result.fields[i].name .. " = " .. (row[i] or "NULL") end
    print("  " .. table.concat(cells, ", "))
  end
end

function read_query_result(inj)
  dump(inj)
  if inj.id == TIME then return proxy.PROXY_IGNORE_RESULT end
end
