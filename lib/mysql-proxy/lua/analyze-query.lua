--[[
  analyze-query: learns how long each statement takes, and prints a report about those that take much longer than usual.

  Start it with:
    mysql-proxy --proxy-lua-script=analyze-query --proxy-backend-addresses=127.0.0.1:3306

  Try, through the proxy:
    SELECT * FROM histogram.queries      -- query, COUNT(*), AVG(qtime), STDDEV(qtime) (microseconds)
    DELETE FROM histogram.queries        -- forgets everything
    PROXY SET GLOBAL analyze_query.min_queries = 10, then the same statement often and once slowly: SELECT SLEEP(0) / SLEEP(1)

  Options, changed with PROXY SET GLOBAL analyze_query.<option> = <value>:
    analyze_queries     true   whether to do anything
    min_queries         1000   how often a statement must have run until it is known how long it takes
    min_query_time      1000   microseconds below which no statement is reported
    query_cutoff        160    statements are cut after so many characters
    log_slower_queries  false  reports statements that are slow compared with all others, too
    auto_processlist    false  adds SHOW FULL PROCESSLIST to the report
    auto_explain        false  adds EXPLAIN of a SELECT
    auto_status         false  adds what the statement has changed in SHOW SESSION STATUS, which is asked for before each one

  The last three run statements of their own behind the client's; warnings and ROW_COUNT() are those of the last one then.
]]

local tokenizer = require("proxy.tokenizer")
require("proxy.auto-config")

local global = proxy.global
if not global.config.analyze_query then
  global.config.analyze_query = {
    analyze_queries = true,
    min_queries = 1000,
    min_query_time = 1000,
    query_cutoff = 160,
    log_slower_queries = false,
    auto_processlist = false,
    auto_explain = false,
    auto_status = false,
  }
end
local config = global.config.analyze_query

local QUERY, STATUS_BEFORE, STATUS_AFTER, PROCESSLIST, EXPLAIN = 1, 2, 3, 4, 5
local most_statements = 10000
-- Statements are the same if they begin with so many characters that are.
local longest = 2000

-- Baselines ---------------------------------------------------------------------------------------------------------

-- Each event thread keeps numbers of its own, so that no two of them change the same; readers add them up.
if not _G.analyze_query_thread then
  _G.analyze_query_thread = proxy.counter("analyze-query.threads"):add()
end
local thread = _G.analyze_query_thread
if not global.analyze_query then global.analyze_query = {} end

local function numbers_of_thread()
  local mine = global.analyze_query[thread]
  if not mine then
    mine = { size = 0, all = { count = 0, avg = 0, m2 = 0 }, statements = {} }
    global.analyze_query[thread] = mine
  end
  return mine
end

-- Adds a value; m2 is the sum of the squared distances from the average (Welford).
local function add(baseline, value)
  local count = baseline.count + 1
  local distance = value - baseline.avg
  local avg = baseline.avg + distance / count
  baseline.m2 = baseline.m2 + distance * (value - avg)
  baseline.avg = avg
  baseline.count = count
end

-- The same for two lists of values at once (Chan).
local function merge(into, from)
  local count = into.count + from.count
  if count == 0 then return end
  local distance = from.avg - into.avg
  into.m2 = into.m2 + from.m2 + distance * distance * into.count * from.count / count
  into.avg = into.avg + distance * from.count / count
  into.count = count
end

local function stddev(baseline)
  if baseline.count < 2 then return 0 end
  return math.sqrt(baseline.m2 / baseline.count)
end

-- The baseline of all threads; of all statements if there is no key.
local function baseline_of(key)
  local sum = { count = 0, avg = 0, m2 = 0 }
  for _, numbers in pairs(global.analyze_query) do
    local baseline = numbers.all
    if key then baseline = numbers.statements[key] end
    if baseline then merge(sum, baseline) end
  end
  return sum
end

local function learn(key, query, time)
  local numbers = numbers_of_thread()
  add(numbers.all, time)
  local baseline = numbers.statements[key]
  if not baseline then
    if numbers.size >= most_statements then return end
    numbers.size = numbers.size + 1
    baseline = { count = 0, avg = 0, m2 = 0, query = query }
    numbers.statements[key] = baseline
  end
  add(baseline, time)
end

local function is_outlier(baseline, time)
  return baseline.count >= config.min_queries and time >= config.min_query_time and
    time > baseline.avg + 5 * stddev(baseline)
end

-- Commands ----------------------------------------------------------------------------------------------------------

local function cut(query)
  if #query <= config.query_cutoff then return query end
  return query:sub(1, config.query_cutoff) .. "..."
end

local function show_queries()
  local queries, keys = {}, {}
  for _, numbers in pairs(global.analyze_query) do
    for key, baseline in pairs(numbers.statements) do
      if not queries[key] then keys[#keys + 1] = key end
      queries[key] = baseline.query
    end
  end
  table.sort(keys)
  local rows = {}
  for _, key in ipairs(keys) do
    local baseline = baseline_of(key)
    rows[#rows + 1] = {
      cut(queries[key]),
      baseline.count,
      string.format("%.2f", baseline.avg),
      string.format("%.2f", stddev(baseline)),
    }
  end
  proxy.response = {
    type = proxy.MYSQLD_PACKET_OK,
    resultset = {
      fields = {
        { name = "query", type = proxy.MYSQL_TYPE_STRING, charset = 45 },
        { name = "COUNT(*)", type = proxy.MYSQL_TYPE_LONGLONG },
        { name = "AVG(qtime)", type = proxy.MYSQL_TYPE_NEWDECIMAL },
        { name = "STDDEV(qtime)", type = proxy.MYSQL_TYPE_NEWDECIMAL },
      },
      rows = rows,
    },
  }
  return proxy.PROXY_SEND_RESULT
end

local function forget()
  global.analyze_query = {}
  proxy.response = { type = proxy.MYSQLD_PACKET_OK }
  return proxy.PROXY_SEND_RESULT
end

local commands = {
  ["SELECT * FROM `histogram` . `queries` "] = show_queries,
  ["DELETE FROM `histogram` . `queries` "] = forget,
}

-- The report --------------------------------------------------------------------------------------------------------

local report

local function line(format, ...)
  report[#report + 1] = string.format(format, ...)
end

local function baseline_line(label, baseline)
  line("  %s: %d, average %.2f us, standard deviation %.2f us", label, baseline.count, baseline.avg, stddev(baseline))
end

local function write_rows(title, result)
  line("  %s:", title)
  if result.query_status ~= proxy.MYSQLD_PACKET_OK or not result.rows then
    line("    (failed)")
    return
  end
  local fields = result.fields
  for row in result.rows do
    local cells = {}
    for i = 1, #fields do cells[i] = fields[i].name .. "=" .. cut(tostring(row[i] or "NULL")) end
    line("    %s", table.concat(cells, ", "))
  end
end

local function finish_report()
  if not report or proxy.queries:len() > 0 then return end
  print(table.concat(report, "\n"))
  report = nil
end

local function status_of(result)
  local status = {}
  if result.query_status ~= proxy.MYSQLD_PACKET_OK or not result.rows then return status end
  for row in result.rows do status[row[1]] = tonumber(row[2]) end
  return status
end

local function write_status_changes(before, after)
  line("  SHOW SESSION STATUS, changes:")
  local names = {}
  for name, value in pairs(after) do
    if before[name] and before[name] ~= value then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do line("    %s: %s -> %s", name, before[name], after[name]) end
end

-- Hooks -------------------------------------------------------------------------------------------------------------

-- The statement that is on its way.
local current, status_before

local function append(id, sql)
  proxy.queries:append(id, string.char(proxy.COM_QUERY) .. sql, { resultset_is_needed = true })
end

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local sql = packet:sub(2)
  local query = tokenizer.normalize(tokenizer.tokenize(sql))
  local command = commands[query] or commands[query:gsub("; $", "")]
  if command then return command() end
  local answer = global.config:handle({ type = proxy.COM_QUERY, query = sql })
  if answer then return answer end
  if not config.analyze_queries then return end
  current, status_before = { sql = sql, query = query:sub(1, longest) }, nil
  if config.auto_status then append(STATUS_BEFORE, "SHOW SESSION STATUS") end
  proxy.queries:append(QUERY, packet)
  return proxy.PROXY_SEND_QUERY
end

local function query_done(inj)
  local result = inj.resultset
  local server, client = proxy.connection.server, proxy.connection.client
  local time = inj.query_time
  local key = server.dst.name .. "." .. client.default_db .. "." .. current.query
  local baseline, all = baseline_of(key), baseline_of()
  local is_slow = is_outlier(baseline, time)
  local is_slower = config.log_slower_queries and is_outlier(all, time)
  learn(key, current.query, time)
  if not (is_slow or is_slower) then return end

  report = {}
  line("[analyze-query] %s a statement took %d us, much longer than %s", os.date("%Y-%m-%d %H:%M:%S"), time,
    is_slow and "usual" or "others")
  line("  query: %s", cut(current.sql))
  line("  normalized: %s", cut(current.query))
  line("  connection: [%s] (%s@%s) to %s", tostring(server.thread_id), client.username or "", client.default_db,
    server.dst.name)
  line("  rows: %d, bytes: %d, complete after %d us", result.row_count, result.bytes, inj.response_time)
  if result.flags.no_index_used then line("  the server says: no index used") end
  if result.flags.no_good_index_used then line("  the server says: no good index used") end
  baseline_line("this statement", baseline)
  baseline_line("all statements", all)
  if status_before then append(STATUS_AFTER, "SHOW SESSION STATUS") end
  if config.auto_processlist then append(PROCESSLIST, "SHOW FULL PROCESSLIST") end
  if config.auto_explain and current.query:find("^SELECT ") then append(EXPLAIN, "EXPLAIN " .. current.sql) end
end

function read_query_result(inj)
  if inj.id == QUERY then
    -- Without a status it is a request for a file.
    if inj.resultset.query_status ~= nil then query_done(inj) end
    finish_report()
    return
  end
  if inj.id == STATUS_BEFORE then
    status_before = status_of(inj.resultset)
  elseif inj.id == STATUS_AFTER then
    write_status_changes(status_before, status_of(inj.resultset))
  elseif inj.id == PROCESSLIST then
    write_rows("SHOW FULL PROCESSLIST", inj.resultset)
  elseif inj.id == EXPLAIN then
    write_rows("EXPLAIN", inj.resultset)
  end
  finish_report()
  return proxy.PROXY_IGNORE_RESULT
end
