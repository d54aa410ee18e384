--[[
  tutorial-server: a server in Lua. There is no backend behind the proxy: the script logs clients in, and answers what they
  ask. That is how to test a program against answers that no real server gives.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-server

  Try: log in with any name and password, and run SELECT 1, SELECT USER(), SELECT SLOWLY, anything else.
]]

local proto = require("mysql.proto")

--- Introduces itself to the client as a server does.
function connect_server()
  proxy.response = {
    type = proxy.MYSQLD_PACKET_RAW,
    packets = { proto.to_challenge_packet({ server_version = 50199 }) },
  }
  return proxy.PROXY_SEND_RESULT
end

--- Whatever the password is.
function read_auth()
  proxy.response = { type = proxy.MYSQLD_PACKET_OK }
  return proxy.PROXY_SEND_RESULT
end

local function one_value(name, value)
  return {
    type = proxy.MYSQLD_PACKET_OK,
    resultset = { fields = { { name = name, type = proxy.MYSQL_TYPE_STRING } }, rows = { { value } } },
  }
end

local answers = {
  ["SELECT 1"] = function() return one_value("1", 1) end,
  ["SELECT USER()"] = function() return one_value("USER()", proxy.connection.client.username) end,
  ["SELECT @@VERSION_COMMENT LIMIT 1"] = function() return one_value("@@version_comment", "a server in Lua") end,
  ["SELECT SLOWLY"] = function()
    proxy.sleep(0.2)
    return one_value("slowly", "at last")
  end,
}

function read_query(packet)
  local command = packet:byte()
  if command == proxy.COM_QUERY then
    local answer = answers[packet:sub(2):upper()]
    proxy.response = answer and answer() or {
      type = proxy.MYSQLD_PACKET_ERR,
      errcode = 1064,
      sqlstate = "42000",
      errmsg = "this server knows no such statement",
    }
  elseif command == proxy.COM_PING or command == proxy.COM_INIT_DB or command == proxy.COM_QUIT then
    proxy.response = { type = proxy.MYSQLD_PACKET_OK }
  else
    proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errcode = 1047, sqlstate = "08S01", errmsg = "unknown command" }
  end
  return proxy.PROXY_SEND_RESULT
end
