--[[
  proxy.balance: finds a backend with an idle connection for the client at hand.

  Usage:
    local lb = require("proxy.balance")
    local ndx = lb.idle_ro()                       -- or lb.idle_failsafe_rw()
    if ndx > 0 then proxy.connection.backend_ndx = ndx end
]]

module("proxy.balance", package.seeall)

local function idle_connections(backend)
  return backend.pool.users[proxy.connection.client.username].cur_idle_connections
end

---
-- The first read/write backend that is not down and has an idle connection for the client's user.
--
-- @return its index, or 0
function idle_failsafe_rw()
  for ndx = 1, #proxy.global.backends do
    local backend = proxy.global.backends[ndx]
    if backend.type == proxy.BACKEND_TYPE_RW and backend.state ~= proxy.BACKEND_STATE_DOWN and
      idle_connections(backend) > 0 then
      return ndx
    end
  end
  return 0
end

---
-- Among the read-only backends that are not down and have an idle connection for the client's user, the one with
-- the fewest clients.
--
-- @return its index, or 0
function idle_ro()
  local best, fewest = 0, nil
  for ndx = 1, #proxy.global.backends do
    local backend = proxy.global.backends[ndx]
    if backend.type == proxy.BACKEND_TYPE_RO and backend.state ~= proxy.BACKEND_STATE_DOWN and
      idle_connections(backend) > 0 then
      local clients = backend.connected_clients
      if fewest == nil or clients < fewest then best, fewest = ndx, clients end
    end
  end
  return best
end
