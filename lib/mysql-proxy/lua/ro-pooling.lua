--[[
  ro-pooling: many clients share few connections to the servers. All statements go to the first read/write backend that has
  an idle connection; to a read-only one if there is no other.

  Start it with:
    mysql-proxy --proxy-lua-script=ro-pooling --proxy-backend-addresses=primary:3306

  Options: the constants below.

  When a client keeps its connection, and what goes with it from one to the next: see proxy/pooled-session.lua.
]]

local balance = require("proxy.balance")
local commands = require("proxy.commands")
local pooled_session = require("proxy.pooled-session")

-- Log-ins open new connections to a backend while fewer than so many are idle.
local min_idle_connections = 4
-- Connections beyond that are closed as clients leave.
local max_idle_connections = 8
-- How many seconds a statement waits while all connections of its user are taken.
local wait_seconds = 10
-- Prints what happens.
local is_debug = false

local session = pooled_session.define({
  name = "ro-pooling",
  wait_seconds = function() return wait_seconds end,
  choose = function()
    return proxy.connection.server ~= nil or
      pooled_session.attach(balance.idle_failsafe_rw()) or
      pooled_session.attach(balance.idle_ro())
  end,
})

--- Opens a connection to each backend, then more where fewest are idle; shares those of a backend that has enough.
function connect_server()
  local chosen, fewest = 0, nil
  for ndx = 1, #proxy.global.backends do
    local backend = proxy.global.backends[ndx]
    if backend.state ~= proxy.BACKEND_STATE_DOWN then
      local idle = backend.pool.users[""].cur_idle_connections
      if fewest == nil or idle < fewest then chosen, fewest = ndx, idle end
      if idle == 0 then break end
    end
  end
  if is_debug then print("[ro-pooling] connect_server: backend " .. chosen) end
  if chosen == 0 then return end
  proxy.connection.backend_ndx = chosen
  if proxy.connection.server then
    -- One of them is attached now.
    local left = proxy.global.backends[chosen].pool.users[""].cur_idle_connections
    if left >= min_idle_connections then return session():share() end
  end
end

function read_auth_result(auth)
  session():log_in(auth)
end

function read_query(packet)
  if is_debug then print("[ro-pooling] " .. commands.pretty_print(commands.parse(packet))) end
  return session():run(packet)
end

function read_query_result(inj)
  return session():finish(inj)
end

function disconnect_client()
  session():leave(max_idle_connections)
end
