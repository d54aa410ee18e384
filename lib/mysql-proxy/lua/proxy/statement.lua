--[[
  proxy.statement: what a statement wants of the connection that runs it. Scripts that give each statement a connection
  of its own (rw-splitting, ro-pooling) ask here.

  Usage:
    local statement = require("proxy.statement")
    local traits = statement.traits("SELECT LAST_INSERT_ID()")

  The traits, each of them nil if it does not apply:
    is_read            a SELECT that changes nothing and locks nothing: any server can run it
    needs_previous     it asks for what an earlier statement has left in its connection
    holds              "session" or "tables": it leaves something that the client's later statements need
    releases           "tables": what it gives back
    calc_found_rows    FOUND_ROWS() may follow
    next_transaction   it is about the next transaction only
    setting            it changes variables of the session: { key = what it changes, query = the statement }

  What procedures and functions do is not known here.
]]

local tokenizer = require("mysql.tokenizer")

local statement = {}

local function set(...)
  local members = {}
  for _, member in ipairs({ ... }) do members[member] = true end
  return members
end

local previous_functions = set("LAST_INSERT_ID", "FOUND_ROWS", "ROW_COUNT", "LASTVAL", "RELEASE_LOCK", "RELEASE_ALL_LOCKS")
local previous_variables = set("INSERT_ID", "LAST_INSERT_ID", "IDENTITY", "WARNING_COUNT", "ERROR_COUNT")
local holding_functions = set("GET_LOCK")
local writing_functions = set("NEXTVAL", "SETVAL")
local writing_words = set("INTO", "UPDATE", "DELETE", "INSERT", "REPLACE")
local previous_statements = set("EXECUTE", "DEALLOCATE", "GET")
local holding_statements = set("HANDLER", "PREPARE", "XA")
-- SHOW ...
local previous_shows = set("WARNINGS", "ERRORS", "COUNT", "PROFILE", "PROFILES")
-- Variables that are used up by the next statement, or that cannot be set again by the same statement.
local passing_variables = set("INSERT_ID", "LAST_INSERT_ID", "IDENTITY", "TIMESTAMP", "RAND_SEED1", "RAND_SEED2", "GTID_NEXT",
  "PSEUDO_THREAD_ID")
local global_words = set("GLOBAL", "PERSIST", "PERSIST_ONLY", "PASSWORD", "DEFAULT", "RESOURCE")
local session_words = set("SESSION", "LOCAL", "@@SESSION", "@@LOCAL")
local longest_setting = 4096

-- What MySQL runs of a comment; nil if it is only a comment.
local function executable(name, text)
  if name == "TK_COMMENT_MYSQL" then return (text:gsub("^%d+", "")) end
  if name == "TK_COMMENT" and text:sub(1, 2) == "M!" then return (text:gsub("^M!%d*", "")) end
  return nil
end

local function set_statement(traits, words, query)
  local first = words[2]
  if first == nil then return end
  if first == "TRANSACTION" then
    traits.next_transaction = true
    return
  end
  if global_words[first] or first == "@@GLOBAL" or first:sub(1, 9) == "@@PERSIST" then return end
  local assignments, depth, key, autocommit = 1, 0, nil, false
  for i = 2, #words do
    local word = words[i]
    if word == "(" then depth = depth + 1 end
    if word == ")" then depth = depth - 1 end
    if word == "," and depth == 0 then assignments = assignments + 1 end
    local name = word:gsub("^@@", "")
    if passing_variables[name] then traits.holds = "session" end
    if name == "AUTOCOMMIT" then autocommit = true end
    if word == "GLOBAL" or word == "@@GLOBAL" then traits.holds = "session" end
    if key == nil and not session_words[word] and word ~= "." then key = name end
  end
  if autocommit then
    -- The server tells of it with every result.
    if assignments > 1 then traits.holds = "session" end
  elseif #query > longest_setting then
    traits.holds = "session"
  elseif traits.holds == nil then
    traits.setting = { key = assignments == 1 and key or query, query = query }
  end
end

local function find(words, wanted, last)
  for i = 2, math.min(last or #words, #words) do
    if words[i] == wanted then return i end
  end
  return nil
end

---
-- @param query SQL, without a command byte
function statement.traits(query)
  local traits = {}
  local tokens = tokenizer.tokenize(query)
  local words = {}
  local first
  local ended, several, reads = false, false, true
  local locks = false
  for i = 1, #tokens do
    local token = tokens[i]
    local name, text = token.token_name, token.text
    local inside = executable(name, text)
    if inside then
      local inner = statement.traits(inside)
      local sets = inner.setting or inside:find("^%s*[Uu][Ss][Ee]%s")
      traits.holds = traits.holds or inner.holds or sets and "session" or nil
      traits.needs_previous = traits.needs_previous or inner.needs_previous
      traits.calc_found_rows = traits.calc_found_rows or inner.calc_found_rows
      reads = false
    elseif name == "TK_SEMICOLON" then
      ended = true
    elseif name ~= "TK_COMMENT" then
      if ended then several = true end
      local upper = name == "TK_STRING" and "" or text:upper()
      if first == nil and upper ~= "(" then first = upper end
      if name == "TK_FUNCTION" then
        if previous_functions[upper] then traits.needs_previous = true end
        if holding_functions[upper] then traits.holds = "session" end
        if writing_functions[upper] then reads = false end
      elseif name == "TK_LITERAL" then
        local variable = upper:match("^@@(.*)") or (words[#words] == "." and (session_words[words[#words - 1]]) and upper)
        if variable then
          if previous_variables[variable] then traits.needs_previous = true end
        elseif upper:sub(1, 1) == "@" then
          traits.holds = "session"
        end
      elseif name ~= "TK_STRING" then
        if upper == "SQL_CALC_FOUND_ROWS" then traits.calc_found_rows = true end
        if writing_words[upper] then reads = false end
        if upper == "LOCK" then locks = true end
      end
      if upper == "SHARE" and words[#words] == "FOR" then locks = true end
      words[#words + 1] = upper
    end
  end
  if several then
    -- Any of them may do anything.
    local seen = {}
    for i = 1, #words do seen[words[i]] = true end
    if seen.SET or seen.USE or seen.TEMPORARY or seen.LOCK or seen.PREPARE or seen.XA or seen.HANDLER then
      traits.holds = "session"
    end
    return traits
  end
  if first == "SELECT" or first == "WITH" then
    traits.is_read = reads and not locks and not traits.holds or nil
  elseif first == "SET" then
    set_statement(traits, words, query)
  elseif first == "USE" then
    -- The proxy knows the default database after a USE without a comment in it.
    if not query:find("^%s*%a+%s+[^%s;`]+%s*;?%s*$") and not query:find("^%s*%a+%s*`[^`]+`%s*;?%s*$") then
      traits.holds = "session"
    end
  elseif first == "CREATE" then
    if find(words, "TEMPORARY", 4) then traits.holds = "session" end
  elseif first == "LOCK" then
    traits.holds = "tables"
  elseif first == "UNLOCK" then
    traits.releases = "tables"
  elseif first == "FLUSH" then
    if find(words, "LOCK") or find(words, "EXPORT") then traits.holds = "tables" end
  elseif first == "SHOW" then
    if previous_shows[words[2]] then traits.needs_previous = true end
  elseif holding_statements[first] then
    traits.holds = "session"
  elseif previous_statements[first] then
    traits.needs_previous = true
  end
  return traits
end

return statement
