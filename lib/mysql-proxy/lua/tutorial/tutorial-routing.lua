--[[
  tutorial-routing: prints who talks to whom, and then refuses the client, with an error of its own.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-routing

  Try: connect.
]]

--- Before a backend is chosen and connected to.
function connect_server()
  local client = proxy.connection.client
  print("--> client address: " .. client.src.name .. ", it has connected to " .. client.dst.name)
end

--- The server has sent its first packet.
function read_handshake()
  local server = proxy.connection.server
  print("<-- server address: " .. server.dst.name .. ", reached from " .. server.src.name)
  print("    server version: " .. server.mysqld_version .. ", thread: " .. server.thread_id)
  proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = "done" }
  return proxy.PROXY_SEND_RESULT
end
