--[[
  tutorial-counter: counts commands. Counters are the same in all event threads, and no count gets lost.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-counter --event-threads=4

  Try, through the proxy:
    SHOW COUNTERS          -- name, value
]]

local connections = proxy.counter("connections")
local open_connections = proxy.counter("open connections")
local statements = proxy.counter("statements")
local errors = proxy.counter("errors")

local is_open = false

function read_auth_result(auth)
  if auth.packet:byte() ~= proxy.MYSQLD_PACKET_OK then return end
  connections:add()
  open_connections:add(1)
  is_open = true
end

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  if packet:sub(2):upper() == "SHOW COUNTERS" then
    proxy.response = {
      type = proxy.MYSQLD_PACKET_OK,
      resultset = {
        fields = {
          { name = "name", type = proxy.MYSQL_TYPE_STRING },
          { name = "value", type = proxy.MYSQL_TYPE_LONGLONG },
        },
        rows = {
          { "connections", connections:get() },
          { "open connections", open_connections:get() },
          { "statements", statements:get() },
          { "errors", errors:get() },
        },
      },
    }
    return proxy.PROXY_SEND_RESULT
  end
  statements:add()
  proxy.queries:append(1, packet)
  return proxy.PROXY_SEND_QUERY
end

function read_query_result(inj)
  if inj.resultset.query_status == proxy.MYSQLD_PACKET_ERR then errors:add() end
end

function disconnect_client()
  if is_open then open_connections:add(-1) end
end
