--[[
  tutorial-query-time: prints how long statements take.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-query-time

  Try: SELECT SLEEP(0.5)
]]

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  -- Times are known of queries that went through the queue.
  proxy.queries:append(1, packet)
  return proxy.PROXY_SEND_QUERY
end

function read_query_result(inj)
  -- In microseconds: until the first packet of the response came, and until the last one.
  print("query-time: " .. inj.query_time / 1000 .. "ms")
  print("response-time: " .. inj.response_time / 1000 .. "ms")
end
