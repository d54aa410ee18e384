--[[
  tutorial-resultset: answers statements itself, with rows and with an error.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-resultset

  Try, through the proxy:
    SHOW QUERYCOUNTER      -- how many statements all clients have run, and this one
    SHOW MYERROR
]]

-- A counter is the same for the clients of all event threads; a local variable belongs to one client.
local global_query_counter = proxy.counter("tutorial-resultset.queries")
local query_counter = 0

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local query = packet:sub(2):lower()
  query_counter = query_counter + 1
  global_query_counter:add(1)

  if query == "show querycounter" then
    proxy.response = {
      type = proxy.MYSQLD_PACKET_OK,
      resultset = {
        fields = {
          { name = "global_query_counter", type = proxy.MYSQL_TYPE_LONG },
          { name = "query_counter", type = proxy.MYSQL_TYPE_LONG },
        },
        rows = {
          { global_query_counter:get(), query_counter },
        },
      },
    }
    return proxy.PROXY_SEND_RESULT
  elseif query == "show myerror" then
    proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = "my first error" }
    return proxy.PROXY_SEND_RESULT
  end
end
