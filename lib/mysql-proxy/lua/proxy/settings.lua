--[[
  proxy.settings: variables of a client's session that go with the client from one server connection to the next.

  A script that gives each statement a connection of its own records what the client sets, and has it set again where
  another connection differs. A connection that another client has set up otherwise is reset first (COM_RESET_CONNECTION),
  and gets back what its log-in has made of character set and SQL mode.

  Usage:
    local settings = require("proxy.settings")
    local mine = settings.new()                    -- one per client
    mine:prepare(ID)                               -- in read_query, with a connection attached: queues what it takes
    mine:learn(inj)                                -- in read_query_result, for ID
    mine:applied()                                 -- once all of it has been done
    mine:record({ key = "NAMES", query = "SET NAMES utf8" })
]]

local settings = {}

local COM_QUERY, COM_RESET_CONNECTION = 3, 31
local most = 32
-- What a log-in sets by its character set and its capabilities.
local initial_query = "SELECT @@character_set_client, @@collation_connection, @@sql_mode"

-- The server connections that are not as they were after their log-in: { signature =, initial = }. Modules are shared by
-- all connections of a thread, as pools are.
local servers = {}

-- What tells one server connection from all others. Its scramble is random.
local function connection_key()
  local server = proxy.connection.server
  return tostring(server.thread_id) .. ":" .. tostring(server.scramble_buffer)
end

local Settings = {}
Settings.__index = Settings

---
-- The settings of a client that has set nothing yet.
function settings.new()
  return setmetatable({ list = {}, signature = "" }, Settings)
end

---
-- Whether the attached server can reset a connection: MySQL 5.7.3, MariaDB 10.2.4.
function settings.can_reset()
  return (proxy.connection.server.mysqld_version or 0) >= 50703
end

---
-- A log-in has made the attached connection new, or it is about to be closed.
function settings.forget()
  servers[connection_key()] = nil
end

---
-- The attached connection has been set up in ways that nobody recorded.
function settings.mark_unknown()
  local entry = servers[connection_key()]
  if entry then entry.signature = nil end
end

local function append(id, packet)
  proxy.queries:append(id, packet, { resultset_is_needed = true })
end

---
-- Queues what gives the attached connection this client's settings.
--
-- @param id of the queued queries
-- @param changes whether the client's own statement is about to change the connection
function Settings:prepare(id, changes)
  local entry = servers[connection_key()]
  if entry == nil then
    if self.signature == "" and not changes then return end
    -- To be able to give it back.
    append(id, string.char(COM_QUERY) .. initial_query)
    entry = { signature = "" }
    servers[connection_key()] = entry
  end
  if entry.signature == self.signature then return end
  if entry.signature ~= "" then
    append(id, string.char(COM_RESET_CONNECTION))
    if entry.initial then append(id, string.char(COM_QUERY) .. entry.initial) end
  end
  entry.signature = nil
  for _, setting in ipairs(self.list) do append(id, string.char(COM_QUERY) .. setting.query) end
end

---
-- Takes in a result of what prepare() has queued.
--
-- @return false if the server has refused it
function Settings:learn(inj)
  local result = inj.resultset
  if result.query_status == proxy.MYSQLD_PACKET_ERR then return false end
  if inj.query:sub(2) == initial_query then
    for row in result.rows do
      servers[connection_key()].initial = string.format("SET NAMES %s COLLATE %s, sql_mode = '%s'", row[1], row[2], row[3])
    end
  end
  return true
end

---
-- The attached connection is as the client wants it.
function Settings:applied()
  local key = connection_key()
  local entry = servers[key]
  if entry then entry.signature = self.signature end
end

---
-- Remembers what the client has set on the attached connection.
--
-- @return false if these are too many to be set again
function Settings:record(setting)
  local list = {}
  for _, old in ipairs(self.list) do
    if old.key ~= setting.key then list[#list + 1] = old end
  end
  list[#list + 1] = setting
  self.list = list
  local queries = {}
  for i, one in ipairs(list) do queries[i] = one.query end
  self.signature = table.concat(queries, "\0")
  self:applied()
  return #list <= most
end

---
-- The client has reset its session, on the attached connection.
function Settings:clear()
  self.list = {}
  self.signature = ""
  settings.mark_unknown()
end

return settings
