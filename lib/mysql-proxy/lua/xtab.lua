--[[
  xtab: cross-tabulation as a command.

  Start it with:
    mysql-proxy --proxy-lua-script=xtab --proxy-backend-addresses=127.0.0.1:3306

  Try, through the proxy:
    XTAB employees department gender COUNT id            -- rows are departments, columns are genders
    XTAB employees department gender SUM salary summary  -- with a last row "Grand Total"
    XTAB HELP
    XTAB VERSION
    XTAB QUERY         -- from now on the SQL is shown instead of run, until XTAB NOQUERY

  SELECT XTAB ... is the same, for clients that know no other word. The environment variables DEBUG and VERBOSE, above 0, make it
  print what it does.
]]

assert(proxy.PROXY_VERSION >= 0x00600, "xtab needs MySQL Proxy 0.6.0")

local tokenizer = require("proxy.tokenizer")

local version = "0.1.3"
local operators = { COUNT = true, SUM = true, AVG = true, MIN = true, MAX = true }
local SET_LENGTH, COLUMNS, CROSSTAB = 1, 2, 3

local verbosity = math.max(tonumber(os.getenv("DEBUG")) or 0, tonumber(os.getenv("VERBOSE")) or 0)
local shows_query = false

local function trace(text)
  if verbosity > 0 then print("[xtab] " .. text) end
end

local help = {
  { "XTAB table row_field col_field operation value_field [summary]" },
  { "  table, row_field, col_field, value_field: names" },
  { "  operation: COUNT, SUM, AVG, MIN or MAX" },
  { "  summary: adds a row with the totals of all" },
  { "XTAB HELP: this text" },
  { "XTAB VERSION: the version of this script" },
  { "XTAB QUERY: shows the SQL of a cross-tabulation instead of running it" },
  { "XTAB NOQUERY: runs it again" },
}

local function dataset(header, rows)
  proxy.response = {
    type = proxy.MYSQLD_PACKET_OK,
    resultset = { fields = { { name = header, type = proxy.MYSQL_TYPE_STRING } }, rows = rows },
  }
  return proxy.PROXY_SEND_RESULT
end

local function fail(text)
  return dataset("XTAB ERROR", { { text }, { "try XTAB HELP" } })
end

-- The statement as words; names with dots are one word, written so that they are safe in SQL.
local function words_of(sql)
  local words, joins = {}, false
  local tokens = tokenizer.tokenize(sql)
  for i = 1, #tokens do
    local token = tokens[i]
    local name = token.token_name
    if name == "TK_DOT" then
      joins = true
    elseif name ~= "TK_COMMENT" and name ~= "TK_SEMICOLON" then
      local quoted = "`" .. token.text:gsub("`", "``") .. "`"
      local last = words[#words]
      if joins and last then
        last.name, last.upper = last.name .. "." .. quoted, ""
      else
        words[#words + 1] = {
          name = quoted,
          upper = name == "TK_STRING" and "" or token.text:upper(),
          text = token.text,
          is_name = name == "TK_LITERAL",
        }
      end
      joins = false
    end
  end
  return words
end

-- The request that is on its way.
local request

local function append(id, sql)
  trace(sql)
  proxy.queries:append(id, string.char(proxy.COM_QUERY) .. sql, { resultset_is_needed = true })
end

-- One expression for each value of the column, each with a comma in front.
local function columns_query()
  local column = request.column
  local value = "REPLACE(IFNULL(" .. column .. ", 'NULL'), '`', '``')"
  local label = request.column_label:gsub("'", "''"):gsub("`", "``")
  return "SELECT GROUP_CONCAT(DISTINCT CONCAT(', " .. request.operator .. "(IF(" .. column:gsub("'", "''") ..
    " <=> ', QUOTE(" .. column .. "), ', " .. request.value:gsub("'", "''") .. ", NULL)) AS `" .. label .. "_', " .. value ..
    ", '`') ORDER BY " .. column .. " SEPARATOR '') FROM " .. request.tbl
end

local function crosstab_query(columns)
  return "SELECT " .. request.row .. columns .. ", " .. request.operator .. "(" .. request.value .. ") AS total FROM " ..
    request.tbl .. " GROUP BY " .. request.row .. (request.summary and " WITH ROLLUP" or "")
end

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local sql = packet:sub(2)
  if not sql:upper():find("XTAB", 1, true) then return end
  local words = words_of(sql)
  if words[1] and words[1].upper == "SELECT" then
    table.remove(words, 1)
    -- SELECT xtab FROM t is about a column.
    if not words[2] or not words[2].is_name then return end
  end
  if not words[1] or words[1].upper ~= "XTAB" then return end

  local option = words[2] and words[2].upper
  if #words <= 2 then
    if option == nil or option == "HELP" then return dataset("XTAB help", help) end
    if option == "VERSION" then return dataset("XTAB version", { { version } }) end
    if option == "QUERY" or option == "NOQUERY" then
      shows_query = option == "QUERY"
      return dataset("XTAB info", { { shows_query and "XTAB QUERY: the SQL is shown" or "XTAB NOQUERY: the SQL is run" } })
    end
    return fail("unknown option " .. words[2].text)
  end
  if #words < 6 or #words > 7 then return fail("expected 5 or 6 words behind XTAB, got " .. #words - 1) end
  if not operators[words[5].upper] then return fail("unknown operator " .. words[5].text) end
  if words[7] and words[7].upper ~= "SUMMARY" then return fail("unknown option " .. words[7].text) end

  request = {
    tbl = words[2].name,
    row = words[3].name,
    column = words[4].name,
    column_label = words[4].text,
    operator = words[5].upper,
    value = words[6].name,
    summary = words[7] ~= nil,
  }
  append(SET_LENGTH, "SET group_concat_max_len = 1024 * 1024")
  append(COLUMNS, columns_query())
  return proxy.PROXY_SEND_QUERY
end

-- The result with "Grand Total" in its last row, which WITH ROLLUP has added.
local function with_grand_total(result)
  local fields, rows = {}, {}
  for i = 1, #result.fields do
    fields[i] = { name = result.fields[i].name, type = result.fields[i].type }
  end
  for row in result.rows do rows[#rows + 1] = row end
  if #rows > 0 then rows[#rows][1] = "Grand Total" end
  fields[1].type = proxy.MYSQL_TYPE_STRING
  proxy.response = { type = proxy.MYSQLD_PACKET_OK, resultset = { fields = fields, rows = rows } }
  return proxy.PROXY_SEND_RESULT
end

function read_query_result(inj)
  local result = inj.resultset
  if result.query_status == proxy.MYSQLD_PACKET_ERR then
    -- The client gets the server's message.
    proxy.queries:reset()
    return
  end
  if inj.id == COLUMNS then
    local columns
    for row in result.rows do columns = row[1] end
    local sql = crosstab_query(columns or "")
    if shows_query then return dataset("XTAB query", { { sql } }) end
    append(CROSSTAB, sql)
  elseif inj.id == CROSSTAB then
    if request.summary then return with_grand_total(result) end
    return
  end
  return proxy.PROXY_IGNORE_RESULT
end
