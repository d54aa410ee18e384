-- `proxy.connection` and its socket objects.
local raw, objects = ...
local setmetatable, tostring, error, type, rawget, rawset = setmetatable, tostring, error, type, rawget, rawset
local backend_ndx, set_backend_ndx, close_after_response, has_server, socket_peek =
  raw.backend_ndx, raw.set_backend_ndx, raw.close_after_response, raw.has_server, raw.socket_peek

-- A socket: field 1 is the connection's number, field 2 tells the side: 0 the client, 1 the server, -1 a server that is not
-- attached any more.
local CLIENT, SERVER, DETACHED = 0, 1, -1

local socket_meta = {
  __index = raw.socket_field,
  __newindex = function(socket, key)
    local side = rawget(socket, 2) == CLIENT and "client" or "server"
    error("proxy.connection." .. side .. "." .. tostring(key) .. " is not writable", 2)
  end,
  __metatable = false,
}

local FIELDS = {
  "src", "dst", "default_db", "username", "scrambled_password", "auth_plugin_name", "mysqld_version", "thread_id",
  "scramble_buffer",
}

-- Leaves in a socket what it shows now.
local function freeze(socket)
  local id, side = rawget(socket, 1), rawget(socket, 2)
  for i = 1, #FIELDS do
    local field = FIELDS[i]
    if rawget(socket, field) == nil then
      local value = socket_peek(id, side, field)
      rawset(socket, field, value)
    end
  end
  rawset(socket, 2, DETACHED)
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
