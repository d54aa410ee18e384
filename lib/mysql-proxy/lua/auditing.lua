--[[
  auditing: prints who connects from where, who logs in with what outcome, and which statements they run. It changes nothing.

  Start it with:
    mysql-proxy --proxy-lua-script=auditing --proxy-backend-addresses=127.0.0.1:3306

  Try: log in through the proxy, also with a wrong password, and run statements.
]]

local user = ""

-- One line, whatever a client puts into it.
local function audit(text)
  print("[auditing] " .. text:gsub("%c", " "))
end

function read_handshake()
  local connection = proxy.connection
  audit("client " .. connection.client.src.name .. " connects to server " .. connection.server.dst.name)
end

function read_auth()
  user = proxy.connection.client.username or ""
  audit("client " .. proxy.connection.client.src.name .. " logs in as '" .. user .. "'")
end

function read_auth_result(auth)
  local first = auth.packet:byte()
  if first == proxy.MYSQLD_PACKET_OK then
    audit("user '" .. user .. "': log-in ok")
  elseif first == proxy.MYSQLD_PACKET_ERR then
    audit("user '" .. user .. "': log-in failed")
  end
end

function read_query(packet)
  if packet:byte() == proxy.COM_QUERY then audit("user '" .. user .. "': " .. packet:sub(2)) end
end
