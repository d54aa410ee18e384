--[[
  tutorial-warnings: asks for the warnings of each statement that has some, and prints them.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-warnings

  Try: DROP TABLE IF EXISTS test.there_is_none
]]

local CLIENTS, WARNINGS = 1, 2

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  proxy.queries:append(CLIENTS, packet)
  return proxy.PROXY_SEND_QUERY
end

function read_query_result(inj)
  if inj.id == CLIENTS then
    if inj.resultset.warning_count > 0 then
      print(string.format("query had %d warnings: %s", inj.resultset.warning_count, inj.query:sub(2)))
      -- A hook that reads a result may add queries, too.
      local query = string.char(proxy.COM_QUERY) .. "SHOW WARNINGS"
      proxy.queries:append(WARNINGS, query, { resultset_is_needed = true })
    end
    return
  end
  for row in inj.resultset.rows do
    print(string.format("  %s %d: %s", row[1], row[2], row[3]))
  end
  return proxy.PROXY_IGNORE_RESULT
end
