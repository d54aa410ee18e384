--[[
  rw-splitting: sends statements that only read to read-only backends and all others to a read/write backend, and lets many
  clients share few connections to the servers.

  Start it with:
    mysql-proxy --proxy-lua-script=rw-splitting \
      --proxy-backend-addresses=primary:3306 --proxy-read-only-backend-addresses=replica:3306

  Options, changed with PROXY SET GLOBAL rwsplit.<option> = <value>:
    min_idle_connections  4      log-ins open new connections to a backend until more than so many are idle
    max_idle_connections  8      connections beyond that are closed as clients leave
    wait_seconds          10     how long a statement waits while all connections of its user are taken
    is_debug              false  prints where statements go

  When a client keeps its connection, and what goes with it from one to the next: see proxy/pooled-session.lua.
]]

local commands = require("proxy.commands")
local balance = require("proxy.balance")
local pooled_session = require("proxy.pooled-session")
require("proxy.auto-config")

if not proxy.global.config.rwsplit then
  proxy.global.config.rwsplit = {
    min_idle_connections = 4,
    max_idle_connections = 8,
    wait_seconds = 10,
    is_debug = false,
  }
end

local config = proxy.global.config.rwsplit

local function debug_print(...)
  if config.is_debug then print("[rw-splitting] " .. string.format(...)) end
end

local function is_attached_to_rw()
  local backend = proxy.global.backends[proxy.connection.backend_ndx]
  return proxy.connection.server ~= nil and backend ~= nil and backend.type == proxy.BACKEND_TYPE_RW
end

local session = pooled_session.define({
  name = "rw-splitting",
  wait_seconds = function() return config.wait_seconds or 10 end,
  choose = function(reads)
    return reads and pooled_session.attach(balance.idle_ro()) or
      reads and proxy.connection.server ~= nil or
      is_attached_to_rw() or
      pooled_session.attach(balance.idle_failsafe_rw())
  end,
})

--- Fills the pools, backend by backend; after that log-ins share what is there.
function connect_server()
  local chosen, failsafe = 0, 0
  for ndx = 1, #proxy.global.backends do
    local backend = proxy.global.backends[ndx]
    local pool = backend.pool
    local idle = pool.users[""].cur_idle_connections
    pool.min_idle_connections = config.min_idle_connections
    pool.max_idle_connections = config.max_idle_connections
    if backend.state ~= proxy.BACKEND_STATE_DOWN then
      if idle < config.min_idle_connections then
        chosen = ndx
        break
      end
      if failsafe == 0 and backend.type == proxy.BACKEND_TYPE_RW then failsafe = ndx end
    end
  end
  if chosen == 0 then chosen = failsafe end
  debug_print("connect_server: backend %d", chosen)
  -- 0 is the proxy's own choice.
  if chosen > 0 then proxy.connection.backend_ndx = chosen end
  if proxy.connection.server then return session():share() end
end

function read_auth_result(auth)
  session():log_in(auth)
end

function read_query(packet)
  local command = commands.parse(packet)
  local answer = proxy.global.config:handle(command)
  if answer then return answer end
  local decision = session():run(packet)
  if config.is_debug then
    local server = proxy.connection.server
    debug_print("%s: %s", server and server.dst.name or "no backend", commands.pretty_print(command))
  end
  return decision
end

function read_query_result(inj)
  return session():finish(inj)
end

function disconnect_client()
  session():leave(config.max_idle_connections)
end
