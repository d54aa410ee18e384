--[[
  proxy.pooled-session: a client whose statements run on whatever connection is idle, as long as it does not notice.

  After the log-in the server's connection goes to the pool. Each command takes one from there, which gets the client's
  default database and variables first, and goes back after the result. The client stays on one connection
    - in a transaction, and while autocommit is off
    - while it has prepared statements, and between LOCK TABLES and UNLOCK TABLES
    - for good once it has used GET_LOCK(), a temporary table, a variable of its own (@x), HANDLER, PREPARE, XA,
      COM_CHANGE_USER, or read the binary log; such a connection is reset when the client has gone
    - after an INSERT with an AUTO_INCREMENT, SQL_CALC_FOUND_ROWS, a warning or an error, until a statement that does not
      ask for it, if other connections are idle
  What procedures and functions do is not seen; ROW_COUNT() is not kept.

  Usage, see rw-splitting.lua:
    local session = require("proxy.pooled-session").define({
      name = "my-script",
      choose = function(reads) return attach(ndx) end,   -- attaches an idle connection; false if there is none
      wait_seconds = function() return 10 end,           -- how long a command waits for one
    })
    function connect_server() if proxy.connection.server then return session():share() end end
    function read_auth_result(auth) session():log_in(auth) end
    function read_query(packet) return session():run(packet) end
    function read_query_result(inj) return session():finish(inj) end
    function disconnect_client() session():leave(8) end
]]

local commands = require("proxy.commands")
local statement = require("proxy.statement")
local settings = require("proxy.settings")

local pooled_session = {}

-- What the queries of the queue are for.
local CLIENT, DATABASE, SETTINGS, INSERT_ID = 1, 2, 3, 4
local wait_step = 0.01

-- Commands that take the connection for themselves.
local exclusive = {
  COM_CHANGE_USER = true,
  COM_BINLOG_DUMP = true,
  COM_BINLOG_DUMP_GTID = true,
  COM_REGISTER_SLAVE = true,
  COM_TABLE_DUMP = true,
}

local Session = {}
Session.__index = Session

local function new(options)
  return setmetatable({
    options = options,
    is_logged_in = false,
    in_transaction = false,
    holds = {}, -- why it stays on its connection
    statements = {}, -- the ids of its prepared statements
    insert_id = 0,
    is_running = false, -- a command's result is not there yet
    settings = settings.new(),
  }, Session)
end

---
-- @param options name, choose and wait_seconds: see above
-- @return a function that returns the session of the client at hand. It is not the script that keeps the session: required
--   by another script, it is shared by all clients.
function pooled_session.define(options)
  return function()
    local session = proxy.pooled_session
    if session == nil then
      session = new(options)
      proxy.pooled_session = session
    end
    return session
  end
end

-- What tells one server connection from all others.
local function attached()
  local server = proxy.connection.server
  return server and server.dst.name .. "/" .. tostring(server.thread_id)
end

---
-- Attaches an idle connection of the client's user; the one at hand goes back to its pool.
--
-- @param ndx the backend's index
-- @return whether there was one; it must have been logged in on the same terms as the client
function pooled_session.attach(ndx)
  if ndx == 0 then return false end
  local username = proxy.connection.client.username
  if proxy.global.backends[ndx].pool.users[username].cur_idle_connections == 0 then return false end
  local before = attached()
  proxy.connection.backend_ndx = ndx
  local after = attached()
  if after == nil or after == before then return false end
  if proxy.connection.server.username == username then return true end
  -- Another user's.
  proxy.connection.backend_ndx = 0
  return false
end

local function park()
  if proxy.connection.server then proxy.connection.backend_ndx = 0 end
end

local function refuse(message, code, state)
  proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = message, errcode = code, sqlstate = state }
  return proxy.PROXY_SEND_RESULT
end

---
-- Whether the client's later commands need the connection at hand.
function Session:is_held()
  return self.in_transaction or next(self.holds) ~= nil or next(self.statements) ~= nil
end

---
-- For read_auth_result(): the connection belongs to all clients of this user as soon as the log-in is over.
function Session:log_in(auth)
  if auth.packet:byte() ~= proxy.MYSQLD_PACKET_OK or self:is_held() then return end
  self.is_logged_in = true
  if proxy.connection.server then
    settings.forget()
    if self.is_shared and not pooled_session.attach(proxy.connection.backend_ndx) then
      -- The client differs from those who have made the idle connections: it would not get this one back.
      self.holds.terms = true
      return
    end
    park()
  end
end

---
-- For connect_server(), if a connection of the pool is attached: the client logs in there.
--
-- @return what connect_server() is to return
function Session:share()
  self.is_shared = true
  return proxy.PROXY_IGNORE_RESULT
end

-- Attaches a connection that can run the statement. Waits while all are taken.
function Session:attach(reads, needs_previous)
  if proxy.connection.server and (self:is_held() or needs_previous) then return true end
  local waited = 0
  while not self.options.choose(reads) do
    if waited >= self.options.wait_seconds() then return false end
    proxy.sleep(wait_step)
    waited = waited + wait_step
  end
  return true
end

---
-- For read_query(): finds a connection for the command, and makes it fit.
--
-- @return what read_query() is to return
function Session:run(packet)
  local command = commands.parse(packet)
  self.is_logged_in = true
  self.is_running = false
  if command.type == proxy.COM_QUIT then
    -- The client leaves; the server's connection need not.
    if not self:is_held() then park() end
    proxy.response = { type = proxy.MYSQLD_PACKET_OK }
    return proxy.PROXY_SEND_RESULT
  end

  local traits = command.query and statement.traits(command.query) or {}
  self.command, self.traits = command, traits

  local was_attached = proxy.connection.server ~= nil
  if not self:attach(command.type == proxy.COM_QUERY and traits.is_read or false, traits.needs_previous) then
    local name = proxy.connection.client.username
    return refuse(string.format("(%s) all connections of '%s' are taken", self.options.name, name), 1040, "08004")
  end

  local name = command.type_name
  if name == "COM_STMT_CLOSE" or name == "COM_STMT_SEND_LONG_DATA" then
    -- There will be no result.
    if name == "COM_STMT_CLOSE" then self.statements[command.stmt_handler_id] = nil end
    return nil
  end
  self.is_running = true
  if exclusive[name] then
    self.holds.session = true
    return nil
  end
  if traits.setting and not settings.can_reset() then traits.holds, traits.setting = "session", nil end
  if not self.holds.session then
    self:prepare(traits.setting ~= nil or name == "COM_RESET_CONNECTION")
    if traits.needs_previous and not was_attached and self.insert_id > 0 then
      self:append(INSERT_ID, string.format("\003SET last_insert_id = %.0f", self.insert_id))
    end
  end
  if traits.holds then self.holds[traits.holds] = true end
  proxy.queries:append(CLIENT, packet, { resultset_is_needed = name == "COM_STMT_PREPARE" })
  return proxy.PROXY_SEND_QUERY
end

function Session:append(id, packet)
  proxy.queries:append(id, packet, { resultset_is_needed = true })
end

-- Queues what gives the connection at hand the client's variables and default database.
function Session:prepare(changes)
  self.settings:prepare(SETTINGS, changes)
  local database = proxy.connection.client.default_db
  if self.command.type ~= proxy.COM_INIT_DB and database ~= "" and database ~= proxy.connection.server.default_db then
    self:append(DATABASE, string.char(proxy.COM_INIT_DB) .. database)
  end
end

-- The queue is given up: the client's command will not be sent.
function Session:fail(message)
  proxy.queries:reset()
  self.is_running = false
  settings.mark_unknown()
  if not self:is_held() then park() end
  return refuse(message)
end

-- What a command that has been successful leaves behind.
function Session:note(result)
  local name, traits = self.command.type_name, self.traits
  if name == "COM_STMT_PREPARE" then
    local a, b, c, d = result.raw:byte(2, 5)
    self.statements[a + b * 256 + c * 65536 + d * 16777216] = true
  elseif name == "COM_RESET_CONNECTION" then
    self.in_transaction, self.holds, self.statements, self.insert_id = false, { terms = self.holds.terms }, {}, 0
    self.settings:clear()
  elseif name == "COM_QUERY" or name == "COM_STMT_EXECUTE" then
    self.in_transaction = result.flags.in_trans or not result.flags.auto_commit
    if (result.insert_id or 0) > 0 then self.insert_id = result.insert_id end
    self.found_rows = traits.calc_found_rows
    if traits.releases then self.holds[traits.releases] = nil end
    if traits.next_transaction then
      self.holds.transaction = true
    elseif not self.in_transaction then
      self.holds.transaction = nil
    end
    if traits.setting and not self.settings:record(traits.setting) then self.holds.session = true end
  end
end

-- Whether the next statement may ask this connection for something, while others can do without it.
function Session:is_worth_keeping(result)
  local is_asked_for = self.found_rows or (result.insert_id or 0) > 0 or (result.warning_count or 0) > 0 or
    result.query_status == proxy.MYSQLD_PACKET_ERR
  if not is_asked_for then return false end
  local backend = proxy.global.backends[proxy.connection.backend_ndx]
  return backend ~= nil and backend.pool.users[proxy.connection.client.username].cur_idle_connections > 1
end

---
-- For read_query_result(): learns what the command has left behind, and gives the connection back.
--
-- @return what read_query_result() is to return
function Session:finish(inj)
  local result = inj.resultset
  local has_failed = result.query_status == proxy.MYSQLD_PACKET_ERR
  if inj.id == SETTINGS then
    if not self.settings:learn(inj) then return self:fail("can't restore the variables of the session") end
    return proxy.PROXY_IGNORE_RESULT
  elseif inj.id == DATABASE then
    if has_failed then return self:fail("can't change DB to " .. inj.query:sub(2)) end
    return proxy.PROXY_IGNORE_RESULT
  elseif inj.id ~= CLIENT then
    return proxy.PROXY_IGNORE_RESULT
  end

  -- The server asks for a file, which the client is about to send.
  if result.query_status == nil and self.command.type == proxy.COM_QUERY then return nil end
  self.is_running = false
  self.settings:applied()
  if not has_failed then self:note(result) end
  if not self:is_held() and not self:is_worth_keeping(result) then park() end
  return nil
end

---
-- For disconnect_client(): gives back what the client has held, as others may wait for it; the proxy resets it, and closes
-- one that the client has left in the middle of something. Closes a connection that is too many.
--
-- @param most how many idle connections a backend is to have of this user
function Session:leave(most)
  if proxy.connection.server then
    -- Closed or reset, it is as after its log-in.
    if self.is_logged_in or self.is_shared then settings.forget() end
    local backend = proxy.global.backends[proxy.connection.backend_ndx]
    local username = proxy.connection.server.username
    if self.is_logged_in and username and backend.pool.users[username].cur_idle_connections < most then park() end
    return
  end
  if not self.is_logged_in then return end
  for ndx = 1, #proxy.global.backends do
    local users = proxy.global.backends[ndx].pool.users
    if users[proxy.connection.client.username].cur_idle_connections > most then
      if pooled_session.attach(ndx) then settings.forget() end
      return
    end
  end
end

return pooled_session
