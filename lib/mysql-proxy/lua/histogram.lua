--[[
  histogram: counts statements and what they do to tables. Statements that differ in values, case, spaces and comments only
  are one; so are long ones, such as INSERTs of many rows, that begin with the same 2000 characters.

  Start it with:
    mysql-proxy --proxy-lua-script=histogram --proxy-backend-addresses=127.0.0.1:3306

  Try, through the proxy:
    SELECT * FROM histogram.queries      -- query, count, max_query_time, avg_query_time (microseconds)
    SELECT * FROM histogram.tables       -- table, reads, writes
    DELETE FROM histogram.queries        -- begins again; so does DELETE FROM histogram.tables

  Options, changed with PROXY SET GLOBAL histogram.<option> = <value>:
    collect_queries  true     counts statements
    collect_tables   true     counts reads and writes of tables

  All event threads count together: the numbers are counters, and proxy.global.histogram knows what they are about. When there
  is no room for more counters, what is new is counted as "(others)".
]]

local tokenizer = require("proxy.tokenizer")
local parser = require("proxy.parser")
local md5 = require("glib2").md5
require("proxy.auto-config")

local global = proxy.global
if not global.config.histogram then
  global.config.histogram = { collect_queries = true, collect_tables = true }
end
if not global.histogram then
  -- From what is counted to the name of its counters, which has to be short.
  global.histogram = { queries = {}, tables = {}, resets = 0 }
end
local config = global.config.histogram
local histogram = global.histogram
local others = "(others)"
local utf8mb4 = 45

-- Counters ----------------------------------------------------------------------------------------------------------

-- What this thread has looked up before. A global of the thread: everything else here is made for each connection.
local is_first = not _G.histogram_cache
if is_first then _G.histogram_cache = { statements = {}, size = 0, is_full = false } end
local cache = _G.histogram_cache
local max_cached = 10000
local longest = 2000

local parts = { queries = { "count", "time", "max" }, tables = { "read", "write" } }

local function open_row(kind, key)
  if cache.is_full and not global.histogram[kind][key] then key = others end
  local name = "histogram." .. md5(kind .. key)
  local row = {}
  for _, part in ipairs(parts[kind]) do
    local has_room, counter = pcall(proxy.counter, name .. "." .. part)
    if not has_room then
      if key == others then return nil end
      cache.is_full = true
      return open_row(kind, others)
    end
    row[part] = counter
  end
  if not global.histogram[kind][key] then global.histogram[kind][key] = name end
  return row
end

-- While there is room.
if is_first then
  open_row("queries", others)
  open_row("tables", others)
end

-- What is known of a statement: its row, and where its tables are counted.
local function look_up(query)
  if cache.size >= max_cached then cache.statements, cache.size = {}, 0 end
  local statement = {
    row = open_row("queries", query),
    tables = {},
    changes_database = query:find("^USE ") ~= nil,
    is_cut = #query > longest,
    longest = 0,
  }
  cache.statements[query] = statement
  cache.size = cache.size + 1
  return statement
end

local function counters_of_tables(query_sql)
  local counters = {}
  for name, access in pairs(parser.get_tables(tokenizer.tokenize(query_sql))) do
    local row = open_row("tables", name)
    if row then counters[#counters + 1] = row[access] end
  end
  return counters
end

-- Commands ----------------------------------------------------------------------------------------------------------

local function each_row(kind, visit)
  local keys = {}
  for key in pairs(global.histogram[kind]) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do visit(key, open_row(kind, key)) end
end

local function resultset(fields, rows)
  proxy.response = { type = proxy.MYSQLD_PACKET_OK, resultset = { fields = fields, rows = rows } }
  return proxy.PROXY_SEND_RESULT
end

local function show_queries()
  local rows = {}
  each_row("queries", function(query, row)
    local count = row.count:get()
    if count > 0 then
      rows[#rows + 1] = { query, count, row.max:get(), string.format("%.2f", row.time:get() / count) }
    end
  end)
  return resultset({
    { name = "query", type = proxy.MYSQL_TYPE_STRING, charset = utf8mb4 },
    { name = "count", type = proxy.MYSQL_TYPE_LONGLONG },
    { name = "max_query_time", type = proxy.MYSQL_TYPE_LONGLONG },
    { name = "avg_query_time", type = proxy.MYSQL_TYPE_NEWDECIMAL },
  }, rows)
end

local function show_tables()
  local rows = {}
  each_row("tables", function(name, row)
    local reads, writes = row.read:get(), row.write:get()
    if reads + writes > 0 then rows[#rows + 1] = { name, reads, writes } end
  end)
  return resultset({
    { name = "table", type = proxy.MYSQL_TYPE_STRING, charset = utf8mb4 },
    { name = "reads", type = proxy.MYSQL_TYPE_LONGLONG },
    { name = "writes", type = proxy.MYSQL_TYPE_LONGLONG },
  }, rows)
end

local function reset(kind)
  each_row(kind, function(_, row)
    for _, counter in pairs(row) do counter:set(0) end
  end)
  global.histogram.resets = global.histogram.resets + 1
  proxy.response = { type = proxy.MYSQLD_PACKET_OK }
  return proxy.PROXY_SEND_RESULT
end

local commands = {
  ["SELECT * FROM `histogram` . `queries` "] = show_queries,
  ["SELECT * FROM `histogram` . `tables` "] = show_tables,
  ["DELETE FROM `histogram` . `queries` "] = function() return reset("queries") end,
  ["DELETE FROM `histogram` . `tables` "] = function() return reset("tables") end,
}

-- Hooks -------------------------------------------------------------------------------------------------------------

local COM_QUERY = proxy.COM_QUERY
-- The statement that is on its way.
local current, current_sql
-- The default database, which decides what a table's name means; nil if it may have changed.
local database

function read_query(packet)
  if packet:byte() ~= COM_QUERY then
    database = nil
    return
  end
  local sql = packet:sub(2)
  local query = tokenizer.normalize(sql)
  if #query > longest then query = query:sub(1, longest) .. "..." end
  local statement = cache.statements[query]
  if not statement then
    local command = commands[query] or commands[query:gsub("; $", "")]
    if command then return command() end
    local answer = global.config:handle({ type = COM_QUERY, query = sql })
    if answer then return answer end
    statement = look_up(query)
  end
  current, current_sql = statement, sql
  proxy.queries:append(1, packet)
  return proxy.PROXY_SEND_QUERY
end

function read_query_result(inj)
  local row = current.row
  if row and config.collect_queries then
    local time = inj.query_time
    row.count:add(1)
    row.time:add(time)
    -- This thread's longest saves asking for that of all threads.
    local resets = histogram.resets
    if time > current.longest or resets ~= current.resets then
      current.longest, current.resets = time, resets
      if time > row.max:get() then row.max:set(time) end
    end
  end
  if config.collect_tables then
    if not database then database = proxy.connection.client.default_db end
    local counters = current.tables[database]
    if not counters then
      counters = counters_of_tables(current_sql)
      -- Of what has been cut, others may use other tables.
      if not current.is_cut then
        current.tables[database] = counters
        cache.size = cache.size + 1
      end
    end
    for i = 1, #counters do counters[i]:add(1) end
  end
  if current.changes_database then database = nil end
end
