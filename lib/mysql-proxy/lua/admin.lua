--[[
  admin: SQL for the administrator of the proxy.

  Start it with:
    mysql-proxy --proxy-address=127.0.0.1:4041 --proxy-lua-script=admin

  Statements, in any case:
    SELECT * FROM backends     the backends and their state
    SELECT * FROM help         this list
]]

local state_names = {
  [proxy.BACKEND_STATE_UNKNOWN] = "unknown",
  [proxy.BACKEND_STATE_UP] = "up",
  [proxy.BACKEND_STATE_DOWN] = "down",
}

local type_names = {
  [proxy.BACKEND_TYPE_UNKNOWN] = "unknown",
  [proxy.BACKEND_TYPE_RW] = "rw",
  [proxy.BACKEND_TYPE_RO] = "ro",
}

local function refuse(message)
  proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = message }
  return proxy.PROXY_SEND_RESULT
end

local function answer(fields, rows)
  proxy.response = { type = proxy.MYSQLD_PACKET_OK, resultset = { fields = fields, rows = rows } }
  return proxy.PROXY_SEND_RESULT
end

local function backends()
  local rows = {}
  for ndx = 1, #proxy.global.backends do
    local backend = proxy.global.backends[ndx]
    -- An array with a gap has no certain length; each cell is set by itself.
    local row = {}
    row[1] = ndx
    row[2] = backend.dst.name
    row[3] = state_names[backend.state]
    row[4] = type_names[backend.type]
    row[5] = backend.uuid
    row[6] = backend.connected_clients
    rows[ndx] = row
  end
  return answer({
    { name = "backend_ndx", type = proxy.MYSQL_TYPE_LONG },
    { name = "address", type = proxy.MYSQL_TYPE_STRING },
    { name = "state", type = proxy.MYSQL_TYPE_STRING },
    { name = "type", type = proxy.MYSQL_TYPE_STRING },
    { name = "uuid", type = proxy.MYSQL_TYPE_STRING },
    { name = "connected_clients", type = proxy.MYSQL_TYPE_LONG },
  }, rows)
end

local function help()
  return answer({
    { name = "command", type = proxy.MYSQL_TYPE_STRING },
    { name = "description", type = proxy.MYSQL_TYPE_STRING },
  }, {
    { "SELECT * FROM help", "shows this help" },
    { "SELECT * FROM backends", "lists the backends and their state" },
  })
end

local statements = {
  ["select * from backends"] = backends,
  ["select * from help"] = help,
}

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then
    return refuse("[admin] we only handle text-based queries (COM_QUERY)")
  end
  local statement = statements[packet:sub(2):lower()]
  if statement then return statement() end
  return refuse("use 'SELECT * FROM help' to see the supported commands")
end
