--[[
  tutorial-keepalive: keeps connections to the servers, and shares them among the clients. Each step is printed.

  It shows the hooks, and how they work together. Variables, prepared statements and temporary tables do not follow their client
  from one connection to the next: ro-pooling sees to that.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-keepalive

  Try: connect with several clients at once, leave, connect again, and look at SHOW PROCESSLIST.
]]

local commands = require("proxy.commands")

-- So many idle connections are opened before clients share them; more than so many are closed when clients leave.
local min_idle_connections, max_idle_connections = 4, 8

local CLIENTS, DATABASE = 1, 2

local function debug_print(...)
  print("[keepalive] " .. string.format(...))
end

-- Before the log-in the client's user is not known.
local is_logged_in = false

--- How many connections of the client's user are idle.
local function idle_connections(backend)
  return backend.pool.users[proxy.connection.client.username].cur_idle_connections
end

--- Connects to the backend with the fewest idle connections, or takes an idle one.
function connect_server()
  local chosen, fewest = 0, nil
  for ndx = 1, #proxy.global.backends do
    local backend = proxy.global.backends[ndx]
    if backend.state ~= proxy.BACKEND_STATE_DOWN then
      local idle = backend.pool.users[""].cur_idle_connections
      debug_print("backend %d: %s, %d idle", ndx, backend.dst.name, idle)
      if fewest == nil or idle < fewest then chosen, fewest = ndx, idle end
    end
  end
  if chosen == 0 then return end
  -- This takes an idle connection, if there is one.
  proxy.connection.backend_ndx = chosen
  if proxy.connection.server and fewest > min_idle_connections then
    debug_print("using a connection of backend %d", chosen)
    return proxy.PROXY_IGNORE_RESULT
  end
  debug_print("opening a connection to backend %d", chosen)
end

--- Gives the connection to the pool as soon as its client has logged in.
function read_auth_result(auth)
  if auth.packet:byte() ~= proxy.MYSQLD_PACKET_OK then return end
  is_logged_in = true
  debug_print("'%s' has logged in", proxy.connection.client.username)
  proxy.connection.backend_ndx = 0
end

--- Takes a connection for each command.
function read_query(packet)
  local command = commands.parse(packet)
  debug_print("%s", commands.pretty_print(command))
  if command.type == proxy.COM_QUIT then
    -- The client leaves, and its connection stays.
    proxy.response = { type = proxy.MYSQLD_PACKET_OK }
    return proxy.PROXY_SEND_RESULT
  end

  if not proxy.connection.server then
    for ndx = 1, #proxy.global.backends do
      local backend = proxy.global.backends[ndx]
      if backend.type == proxy.BACKEND_TYPE_RW and idle_connections(backend) > 0 then
        proxy.connection.backend_ndx = ndx
        break
      end
    end
  end
  local server = proxy.connection.server
  -- Where the user has no connection of their own, the pool gives another user's.
  if not server or server.username ~= proxy.connection.client.username then
    if server then proxy.connection.backend_ndx = 0 end
    proxy.response = {
      type = proxy.MYSQLD_PACKET_ERR,
      errmsg = "all connections are taken",
      errcode = 1040,
      sqlstate = "08004",
    }
    return proxy.PROXY_SEND_RESULT
  end
  debug_print("using backend %d", proxy.connection.backend_ndx)

  -- The last client may have used another database.
  local database = proxy.connection.client.default_db
  if command.type ~= proxy.COM_INIT_DB and database ~= "" and database ~= server.default_db then
    proxy.queries:append(DATABASE, string.char(proxy.COM_INIT_DB) .. database, { resultset_is_needed = true })
  end
  proxy.queries:append(CLIENTS, packet, { resultset_is_needed = true })
  return proxy.PROXY_SEND_QUERY
end

--- Gives the connection back, unless it is in a transaction.
function read_query_result(inj)
  local result = inj.resultset
  if inj.id == DATABASE then
    if result.query_status ~= proxy.MYSQLD_PACKET_ERR then return proxy.PROXY_IGNORE_RESULT end
    proxy.queries:reset()
    return
  end
  debug_print("in a transaction: %s", tostring(result.flags.in_trans))
  if not result.flags.in_trans then proxy.connection.backend_ndx = 0 end
end

--- Lets the client that leaves close a connection, where there are too many.
function disconnect_client()
  debug_print("the client leaves")
  if proxy.connection.server or not is_logged_in then return end
  for ndx = 1, #proxy.global.backends do
    if idle_connections(proxy.global.backends[ndx]) > max_idle_connections then
      proxy.connection.backend_ndx = ndx
      return
    end
  end
end
