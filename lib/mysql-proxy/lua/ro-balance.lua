--[[
  ro-balance: gives each client the read-only backend that is least behind its primary. A client is told when its backend
  has stopped to replicate or is too far behind; when it connects again, it gets another one.

  Start it with:
    mysql-proxy --proxy-lua-script=ro-balance --proxy-backend-addresses=primary:3306 \
      --proxy-read-only-backend-addresses=replica1:3306 --proxy-read-only-backend-addresses=replica2:3306

  Options, changed with PROXY SET GLOBAL ro_balance.<option> = <value>:
    max_seconds_lag  10     a backend further behind gets no clients
    max_bytes_lag    10240  the same, in bytes of the primary's binary log that have been read and not been run
    check_timeout    2      how many seconds what is known of a backend holds
    is_debug         true   prints what is found out

  Clients' users need the right to run SHOW SLAVE STATUS (REPLICATION CLIENT or REPLICA MONITOR); without it a backend
  counts as one of unknown state, which takes clients.

  What is known is in proxy.global.lag[<address of the backend>]:
    state            unchecked, unknown, master, noslave, noiothread, nosqlthread, lagging, running
    check_ts         when it was asked, in seconds since 1970
    slave_bytes_lag  nil if it runs another of the primary's log files than it reads
    seconds_lag      nil if it does not know
]]

local commands = require("proxy.commands")
require("proxy.auto-config")

if not proxy.global.config.ro_balance then
  proxy.global.config.ro_balance = {
    max_seconds_lag = 10,
    max_bytes_lag = 10240,
    check_timeout = 2,
    is_debug = true,
  }
end
if not proxy.global.lag then proxy.global.lag = {} end

local config = proxy.global.config.ro_balance

-- What the queries of the queue are for.
local CLIENT, STATUS, REPLICA_STATUS = 1, 2, 3

local UNKNOWN_STATEMENT = 1064

-- States in which a backend takes statements.
local usable = { master = true, running = true, unknown = true, unchecked = true }

local function debug_print(...)
  if config.is_debug then print("[ro-balance] " .. string.format(...)) end
end

local function lag_of(name)
  return proxy.global.lag[name] or { state = "unchecked", check_ts = 0 }
end

--- Prefers a read-only backend that nobody has asked yet, then the one that is least behind, then the read/write one.
function connect_server()
  local unchecked, slave, master = 0, 0, 0
  local fewest_bytes
  for ndx = 1, #proxy.global.backends do
    local backend = proxy.global.backends[ndx]
    if backend.state ~= proxy.BACKEND_STATE_DOWN then
      if backend.type == proxy.BACKEND_TYPE_RW then
        master = ndx
      else
        local lag = lag_of(backend.dst.name)
        -- What kept it from taking clients may be over: one of them is to find out.
        local is_stale = not usable[lag.state] and os.time() - lag.check_ts > 10 * config.check_timeout
        if lag.state == "unchecked" or is_stale then
          if unchecked == 0 then unchecked = ndx end
        elseif lag.state == "running" or lag.state == "unknown" then
          local bytes = lag.slave_bytes_lag or config.max_bytes_lag
          if fewest_bytes == nil or bytes < fewest_bytes then slave, fewest_bytes = ndx, bytes end
        end
      end
    end
  end
  local chosen = unchecked > 0 and unchecked or slave > 0 and slave or master
  debug_print("connect_server: unchecked %d, slave %d, master %d: backend %d", unchecked, slave, master, chosen)
  if chosen > 0 then proxy.connection.backend_ndx = chosen end
end

local function refuse(state)
  proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = "slave-state is " .. state, sqlstate = "08S01" }
  proxy.connection.connection_close = true
  return proxy.PROXY_SEND_RESULT
end

--- Asks the backend how far it is, if that is not known.
function read_query(packet)
  local answer = proxy.global.config:handle(commands.parse(packet))
  if answer then return answer end
  if packet:byte() == proxy.COM_QUIT or proxy.connection.server == nil then return end

  local name = proxy.connection.server.dst.name
  local lag = lag_of(name)
  if os.time() - lag.check_ts > config.check_timeout and packet:byte() == proxy.COM_QUERY then
    local backend = proxy.global.backends[proxy.connection.backend_ndx]
    if backend and backend.type == proxy.BACKEND_TYPE_RW then
      proxy.global.lag[name] = { state = "master", check_ts = os.time() }
      return
    end
    proxy.queries:append(STATUS, string.char(proxy.COM_QUERY) .. "SHOW SLAVE STATUS", { resultset_is_needed = true })
    proxy.queries:append(CLIENT, packet, { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  if not usable[lag.state] then return refuse(lag.state) end
end

-- The first row of a result as a table by the names of its columns, as servers before MySQL 8.0.22 call them.
local function status_row(result)
  for row in result.rows or function() end do
    local values = {}
    for i = 1, #result.fields do
      local name = result.fields[i].name:gsub("Source", "Master"):gsub("^Replica_", "Slave_")
      values[name] = row[i]
    end
    return values
  end
  return nil
end

local function judge(status)
  if status == nil or (status.Master_Host or "") == "" then return { state = "noslave" } end
  local lag = { state = "running", seconds_lag = tonumber(status.Seconds_Behind_Master) }
  if status.Master_Log_File == status.Relay_Master_Log_File then
    lag.slave_bytes_lag = (tonumber(status.Read_Master_Log_Pos) or 0) - (tonumber(status.Exec_Master_Log_Pos) or 0)
  end
  if status.Slave_IO_Running == "No" then
    lag.state = "noiothread"
  elseif status.Slave_SQL_Running == "No" then
    lag.state = "nosqlthread"
  elseif (lag.seconds_lag or 0) > config.max_seconds_lag or (lag.slave_bytes_lag or 0) > config.max_bytes_lag then
    lag.state = "lagging"
  end
  return lag
end

--- Judges by the backend's answer whether the client's statement can go there.
function read_query_result(inj)
  if inj.id == CLIENT then return end
  local result = inj.resultset
  local name = proxy.connection.server.dst.name
  local lag
  if result.query_status == proxy.MYSQLD_PACKET_ERR then
    local a, b = result.raw:byte(2, 3)
    if a + b * 256 == UNKNOWN_STATEMENT and inj.id == STATUS then
      -- MySQL 8.4 knows it by its new name only.
      proxy.queries:prepend(REPLICA_STATUS, string.char(proxy.COM_QUERY) .. "SHOW REPLICA STATUS",
        { resultset_is_needed = true })
      return proxy.PROXY_IGNORE_RESULT
    end
    lag = { state = "unknown" }
  else
    lag = judge(status_row(result))
  end
  lag.check_ts = os.time()
  proxy.global.lag[name] = lag
  debug_print("%s: %s, %s s and %s bytes behind", name, lag.state, tostring(lag.seconds_lag), tostring(lag.slave_bytes_lag))
  if usable[lag.state] then return proxy.PROXY_IGNORE_RESULT end
  proxy.queries:reset()
  return refuse(lag.state)
end
