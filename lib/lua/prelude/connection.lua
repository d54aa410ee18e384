-- `proxy.connection` and its socket objects.
local raw, objects = ...
local setmetatable, tostring, error, type, rawget, rawset = setmetatable, tostring, error, type, rawget, rawset
local change_metatable = debug.setmetatable
local backend_ndx, set_backend_ndx, close_after_response, has_server, socket_snapshot =
  raw.backend_ndx, raw.set_backend_ndx, raw.close_after_response, raw.has_server, raw.socket_snapshot

-- A socket: field 1 is the connection's number, field 2 tells the side.
local CLIENT, SERVER = 0, 1

local function not_writable(socket, key)
  local side = rawget(socket, 2) == CLIENT and "client" or "server"
  error("proxy.connection." .. side .. "." .. tostring(key) .. " is not writable", 2)
end

local socket_meta = { __index = raw.socket_field, __newindex = not_writable, __metatable = false }

-- A socket that is not attached any more: field 3 has what it showed last, in the order of socket_snapshot().
local SCALARS = {
  default_db = 1, username = 2, scrambled_password = 3, auth_plugin_name = 4, mysqld_version = 5, thread_id = 6,
  scramble_buffer = 7,
}
local ADDRESSES = { src = 8, dst = 12 }

local detached_meta = {
  __index = function(socket, key)
    local snapshot = rawget(socket, 3)
    local at = SCALARS[key]
    if at then return snapshot[at] end
    at = ADDRESSES[key]
    if not at then return nil end
    local address = {
      name = snapshot[at], address = snapshot[at + 1], port = snapshot[at + 2], type = snapshot[at + 3],
    }
    rawset(socket, key, address)
    return address
  end,
  __newindex = not_writable,
  __metatable = false,
}

-- Leaves in a socket what it shows now.
local function freeze(socket)
  rawset(socket, 3, { socket_snapshot(rawget(socket, 1), rawget(socket, 2)) })
  change_metatable(socket, detached_meta)
end

local MOVED = { default_db = true, thread_id = true, mysqld_version = true }

-- Field 1 is the connection's number, 2 and 3 are the sockets of the client and the server, once the script has seen them.
local connection_meta = {
  __index = function(self, key)
    if key == "backend_ndx" then return backend_ndx(self[1]) end
    if key == "client" then
      local socket = rawget(self, 2)
      if not socket then
        socket = setmetatable({ self[1], CLIENT }, socket_meta)
        rawset(self, 2, socket)
      end
      return socket
    end
    if key == "server" then
      if not has_server(self[1]) then return nil end
      local socket = rawget(self, 3)
      if not socket then
        socket = setmetatable({ self[1], SERVER }, socket_meta)
        rawset(self, 3, socket)
      end
      return socket
    end
    if MOVED[key] then
      error("proxy.connection." .. key .. " is deprecated, use proxy.connection.client." .. key
        .. " or proxy.connection.server." .. key .. " instead", 2)
    end
    return nil
  end,
  __newindex = function(self, key, value)
    if key == "backend_ndx" then
      if type(value) ~= "number" then
        error("proxy.connection.backend_ndx has to be a number, is a " .. type(value), 2)
      end
      local server = rawget(self, 3)
      if server then
        -- Whatever is attached from now on gets an object of its own.
        freeze(server)
        rawset(self, 3, nil)
      end
      set_backend_ndx(self[1], value)
    elseif key == "connection_close" then
      if type(value) ~= "boolean" then
        error("proxy.connection.connection_close has to be a boolean, is a " .. type(value), 2)
      end
      close_after_response(self[1], value)
    else
      error("proxy.connection." .. tostring(key) .. " is not writable", 2)
    end
  end,
  __metatable = false,
}

function objects.connection(id)
  return setmetatable({ id }, connection_meta)
end

-- The connection is closed: the sockets go on to show what they last did.
function objects.freeze(connection)
  local client, server = rawget(connection, 2), rawget(connection, 3)
  if client then freeze(client) end
  if server then freeze(server) end
end
