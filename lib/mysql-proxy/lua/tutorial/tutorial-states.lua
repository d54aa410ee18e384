--[[
  tutorial-states: the life of a connection. Each hook prints what it is about; two of them refuse clients.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-states

  Try: connect from this machine and from another one, and as the user "evil".
]]

local function refuse(message)
  proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errcode = 1045, sqlstate = "28000", errmsg = message }
  return proxy.PROXY_SEND_RESULT
end

--- 1. A client has come; no backend is chosen yet.
function connect_server()
  print("connect_server: a client from " .. proxy.connection.client.src.name)
  if proxy.connection.client.src.address ~= "127.0.0.1" then
    return refuse("clients have to come from 127.0.0.1")
  end
end

--- 2. The server has introduced itself.
function read_handshake()
  local server = proxy.connection.server
  print("read_handshake: server " .. server.dst.name .. ", version " .. server.mysqld_version)
  print("  thread " .. server.thread_id .. ", scramble of " .. #server.scramble_buffer .. " bytes")
end

--- 3. The client has said who it is.
function read_auth()
  local client = proxy.connection.client
  print("read_auth: user " .. client.username .. ", database " .. client.default_db)
  if client.username == "evil" then return refuse("evil users may not log in") end
end

--- 4. The server has said what it thinks of it.
function read_auth_result(auth)
  local first = auth.packet:byte()
  if first == proxy.MYSQLD_PACKET_OK then
    print("read_auth_result: ok")
  elseif first == proxy.MYSQLD_PACKET_ERR then
    print("read_auth_result: error")
  else
    print("read_auth_result: packet " .. first .. ", the login goes on")
  end
end

--- 5. Each command of the client.
function read_query(packet)
  print("read_query: command " .. packet:byte() .. ", " .. #packet .. " bytes")
  if packet:byte() ~= proxy.COM_QUERY then return end
  proxy.queries:append(1, packet)
  return proxy.PROXY_SEND_QUERY
end

--- 6. Each result of a query in the queue.
function read_query_result(inj)
  print("read_query_result: query " .. inj.id .. ", " .. inj.resultset.row_count .. " rows")
end

--- 7. The client is gone.
function disconnect_client()
  print("disconnect_client: " .. proxy.connection.client.src.name)
end
