--[[
  tutorial-multi-results: looks at all results of one command: several statements in one, or a procedure.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-multi-results

  Try, with a client that may send several statements at once:
    SELECT 1; DO 2; SELECT 3, 4
]]

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  proxy.queries:append(1, packet, { resultset_is_needed = true })
  return proxy.PROXY_SEND_QUERY
end

function read_query_result(inj)
  -- inj.resultset is the first of them.
  print(#inj.resultsets .. " results")
  for n = 1, #inj.resultsets do
    local result = inj.resultsets[n]
    if result.rows then
      local count = 0
      for _ in result.rows do count = count + 1 end
      print(string.format("  %d: %d columns, %d rows", n, #result.fields, count))
    else
      print(string.format("  %d: no rows", n))
    end
  end
end
