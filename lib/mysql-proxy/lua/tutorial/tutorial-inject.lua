--[[
  tutorial-inject: runs a statement of its own behind each of the client's, which notices nothing.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-inject

  Try: run any statement; the proxy prints what time it is at the server.
]]

local CLIENTS, OURS = 1, 2

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  -- What is in the queue is sent one after the other. The number says in read_query_result() which one it was.
  proxy.queries:append(CLIENTS, packet)
  -- A result that the script reads, replaces or drops has to be kept for it.
  proxy.queries:append(OURS, string.char(proxy.COM_QUERY) .. "SELECT NOW()", { resultset_is_needed = true })
  return proxy.PROXY_SEND_QUERY
end

function read_query_result(inj)
  if inj.id ~= OURS then return end
  for row in inj.resultset.rows do print("injected query returned: " .. row[1]) end
  -- The client has asked for one result only.
  return proxy.PROXY_IGNORE_RESULT
end
