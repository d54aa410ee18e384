--[[
  tutorial-basic: the first hook. read_query() sees each command before the server does.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-basic

  Try: run any statement through the proxy, and look at what the proxy prints.
]]

function read_query(packet)
  -- The first byte says which command it is. What follows is, of a COM_QUERY, the SQL.
  if packet:byte() == proxy.COM_QUERY then
    print("we got a normal query: " .. packet:sub(2))
  end
  -- No return value: the command goes to the server as it is.
end
