-- `proxy.global.backends`: live, through the host.
local raw, objects = ...
local setmetatable, tostring, error, type, rawset = setmetatable, tostring, error, type, rawset
local backend_count, backend_field, set_backend_field, pool_field, set_pool_field, pool_idle =
  raw.backend_count, raw.backend_field, raw.set_backend_field, raw.pool_field, raw.set_pool_field, raw.pool_idle

-- users[name]: field 1 is the backend's index, field 2 the name.
local user_meta = {
  __index = function(self, key)
    if key == "cur_idle_connections" then return pool_idle(self[1], self[2]) end
  end,
  __newindex = function(_, key)
    error("proxy.global.backends[...].pool.users[...]." .. tostring(key) .. " is not writable", 2)
  end,
  __metatable = false,
}

local users_meta = {
  __index = function(self, name)
    if type(name) ~= "string" and type(name) ~= "number" then
      error("proxy.global.backends[...].pool.users is indexed by a user's name, got a " .. type(name), 2)
    end
    local user = setmetatable({ self.ndx, tostring(name) }, user_meta)
    rawset(self, name, user)
    return user
  end,
  -- Names come from clients: those that nobody uses are forgotten.
  __mode = "v",
  __metatable = false,
}

local POOL = { max_idle_connections = 1, min_idle_connections = 2 }

local pool_meta = {
  __index = function(self, key)
    local code = POOL[key]
    if code then return pool_field(self.ndx, code) end
  end,
  __newindex = function(self, key, value)
    local code = POOL[key]
    if not code then error("proxy.global.backends[...].pool." .. tostring(key) .. " is not writable", 2) end
    if type(value) ~= "number" then
      error("proxy.global.backends[...].pool." .. key .. " has to be a number, is a " .. type(value), 2)
    end
    set_pool_field(self.ndx, code, value)
  end,
  __metatable = false,
}

local BACKEND = { state = 1, type = 2, connected_clients = 3, uuid = 4 }

local backend_meta = {
  __index = function(self, key)
    local code = BACKEND[key]
    if code then return backend_field(self.ndx, code) end
  end,
  __newindex = function(self, key, value)
    if key == "state" then
      if type(value) ~= "number" then
        error("proxy.global.backends[...].state has to be a number, is a " .. type(value), 2)
      end
      set_backend_field(self.ndx, 1, value)
    elseif key == "uuid" then
      if value ~= nil and type(value) ~= "string" then
        error("proxy.global.backends[...].uuid has to be a string, is a " .. type(value), 2)
      end
      set_backend_field(self.ndx, 4, value)
    else
      error("proxy.global.backends[...]." .. tostring(key) .. " is not writable", 2)
    end
  end,
  __metatable = false,
}

proxy.global.config = proxy.global.config or {}

local function following(backends, ndx)
  local backend = backends[ndx + 1]
  if backend then return ndx + 1, backend end
end

proxy.global.backends = setmetatable({}, {
  -- For ipairs() and pairs() of Lua 5.1, which would go by what the table has already.
  __host = true,
  __pairs = function(backends) return following, backends, 0 end,
  __index = function(self, ndx)
    if type(ndx) ~= "number" then
      error("proxy.global.backends is indexed by a number, got a " .. type(ndx), 2)
    end
    if ndx < 1 or ndx > backend_count() or ndx % 1 ~= 0 then return nil end
    local users = setmetatable({ ndx = ndx }, users_meta)
    local pool = setmetatable({ ndx = ndx, users = users }, pool_meta)
    local backend = setmetatable({ ndx = ndx, pool = pool, dst = raw.backend_address(ndx) }, backend_meta)
    rawset(self, ndx, backend)
    return backend
  end,
  __len = function() return backend_count() end,
  __newindex = function()
    error("proxy.global.backends is not writable", 2)
  end,
  __metatable = false,
})
