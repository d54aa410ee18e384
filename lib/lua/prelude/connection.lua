-- `proxy.connection` and its socket objects.
local raw, objects = ...
local setmetatable, tostring, error, type, rawget, rawset, ipairs, next =
  setmetatable, tostring, error, type, rawget, rawset, ipairs, next
local backend_ndx, set_backend_ndx, close_after_response, server_number, socket_peek =
  raw.backend_ndx, raw.set_backend_ndx, raw.close_after_response, raw.server_number, raw.socket_peek

-- A socket: field 1 is the connection's number, field 2 the socket's: 0 for the client.
local socket_meta = {
  __index = raw.socket_field,
  __newindex = function(_, key)
    error("proxy.connection.client." .. tostring(key) .. " is not writable", 2)
  end,
  __metatable = false,
}

local FIELDS = {
  "src", "dst", "default_db", "username", "scrambled_password", "auth_plugin_name", "mysqld_version", "thread_id",
  "scramble_buffer",
}

local MOVED = { default_db = true, thread_id = true, mysqld_version = true }

-- Field 1 is the connection's number, field 2 a table of the sockets that the script has seen.
local connection_meta = {
  __index = function(self, key)
    if key == "backend_ndx" then return backend_ndx(self[1]) end
    local number
    if key == "client" then
      number = 0
    elseif key == "server" then
      number = server_number(self[1])
      if not number then return nil end
    elseif MOVED[key] then
      error("proxy.connection." .. key .. " is deprecated, use proxy.connection.client." .. key
        .. " or proxy.connection.server." .. key .. " instead", 2)
    else
      return nil
    end
    local sockets = self[2]
    local socket = sockets[number]
    if not socket then
      socket = setmetatable({ self[1], number }, socket_meta)
      sockets[number] = socket
    end
    return socket
  end,
  __newindex = function(self, key, value)
    if key == "backend_ndx" then
      if type(value) ~= "number" then
        error("proxy.connection.backend_ndx has to be a number, is a " .. type(value), 2)
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
  return setmetatable({ id, {} }, connection_meta)
end

-- Leaves in the sockets that exist what they show now.
function objects.freeze(connection)
  for _, socket in next, connection[2] do
    for _, field in ipairs(FIELDS) do
      if rawget(socket, field) == nil then rawset(socket, field, socket_peek(socket[1], socket[2], field)) end
    end
  end
end
