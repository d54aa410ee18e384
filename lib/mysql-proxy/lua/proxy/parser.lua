--[[
  proxy.parser: which tables a statement reads and writes.

  Usage:
    local parser = require("proxy.parser")
    local tables = parser.get_tables(tokenizer.tokenize("INSERT INTO t SELECT * FROM other.u"))
    -- { ["db.t"] = "write", ["other.u"] = "read" }, where db is the client's default database

  Sub-queries in parentheses are not looked into.
]]

module("proxy.parser", package.seeall)

---
-- A table's name with its database.
--
-- @param tbl the table's name
-- @param db its database; the client's default database if left out
function tablename_expand(tbl, db)
  return (db or proxy.connection.client.default_db or "") .. "." .. tbl
end

-- A statement as words. A word has text, and key: what it is as a keyword, in upper case, or what it is as a sign. A
-- name in the tokens has no key; a keyword before a bracket is a TK_FUNCTION there. What stands in brackets is one word
-- with key "()", which keeps the words in it.
local function words_of(tokens)
  local top = {}
  local stack = { top }
  for i = 1, #tokens do
    local token = tokens[i]
    local name = token and token.token_name
    local list = stack[#stack]
    if name == "TK_OBRACE" then
      local group = { key = "()", words = {} }
      list[#list + 1] = group
      stack[#stack + 1] = group.words
    elseif name == "TK_CBRACE" then
      if #stack > 1 then stack[#stack] = nil end
    elseif name == "TK_FUNCTION" then
      list[#list + 1] = { key = token.text:upper(), text = token.text, name = true }
    elseif name == "TK_LITERAL" then
      list[#list + 1] = { text = token.text, name = true }
    elseif name == "TK_STRING" then
      list[#list + 1] = { text = token.text }
    elseif token and name ~= "TK_COMMENT" and name ~= "TK_COMMENT_MYSQL" then
      list[#list + 1] = { key = token.text:upper(), text = token.text }
    end
  end
  return top
end

-- What a word is, be it a keyword to the tokenizer or not.
local function means(word, text)
  return word ~= nil and (word.key == text or (word.key == nil and word.name and word.text:upper() == text))
end

local function set(...)
  local members = {}
  for _, member in ipairs({ ... }) do members[member] = true end
  return members
end

local clause_ends = set("WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "PROCEDURE", "INTO", "FOR", "LOCK", "UNION", "SET",
  "SELECT", "VALUES", ";")
local joins = set("JOIN", "STRAIGHT_JOIN", ",")
local join_words = set("INNER", "CROSS", "LEFT", "RIGHT", "OUTER", "NATURAL", "ON", "USING", "USE", "FORCE", "IGNORE", "AS")

-- Reads a table's name at words[i]; returns it and the index behind it, or nil.
local function table_name(words, i)
  local first = words[i]
  if first == nil or not first.name then return nil end
  local dot, second = words[i + 1], words[i + 2]
  if dot and dot.key == "." and second and second.text then
    -- DELETE t.* FROM t
    if second.key == "*" then return tablename_expand(first.text), i + 3 end
    i = i + 2
    local name = tablename_expand(second.text, first.text)
    if words[i + 1] and words[i + 1].key == "." and words[i + 2] and words[i + 2].key == "*" then i = i + 2 end
    return name, i + 1
  end
  return tablename_expand(first.text), i + 1
end

local function mark(result, name, access)
  if result.tables[name] ~= "write" then result.tables[name] = access end
end

-- Reads table references from words[i] on: t1 AS a JOIN (t2, t3) ON ..., t4. Returns the index of the word that ends them.
local function references(result, words, i, access)
  local expected = true
  while words[i] do
    local word = words[i]
    if word.key and not (expected and word.name) and clause_ends[word.key] then return i end
    if expected and word.key ~= "()" and word.name and not result.skip[word.text] then
      expected = false
      local name, after = table_name(words, i)
      local is_call = words[after] and words[after].key == "()"
      if joins[word.key] then
        expected, after = true, i + 1
      elseif clause_ends[word.key] then
        return i
      elseif not (access == "read" and is_call and after == i + 1 and word.key) and not means(word, "LATERAL") then
        mark(result, name, access)
        local alias = words[after]
        if means(alias, "AS") then alias = words[after + 1] end
        if alias and alias.name and not join_words[alias.key] and not joins[alias.key] and
          not clause_ends[alias.key] then
          result.aliases[alias.text] = name
        end
      end
      i = after
    else
      if word.key == "()" then
        local first = word.words[1]
        -- Brackets around a join, and not around a query.
        if expected and first and not means(first, "SELECT") and not means(first, "WITH") then
          references(result, word.words, 1, access)
        end
        expected = false
      elseif joins[word.key] then
        expected = true
      else
        expected = false
      end
      i = i + 1
    end
  end
  return i
end

-- Reads the tables of every query from words[i] on, those of a UNION too.
local function queries(result, words, i)
  while words[i] do
    local word = words[i]
    i = i + 1
    if means(word, "FROM") then
      i = references(result, words, i, "read")
    elseif word.key == "()" and means(word.words[1], "SELECT") and
      (i == 2 or means(words[i - 2], "UNION") or means(words[i - 2], "ALL") or means(words[i - 2], "DISTINCT")) then
      -- (SELECT ...) UNION (SELECT ...)
      queries(result, word.words, 1)
    end
  end
end

-- Skips the words before a table's name.
local function skip(words, i, these)
  while words[i] and (these[words[i].key] or means(words[i], "QUICK") and words[i].key == nil) do i = i + 1 end
  return i
end

local function name_list(result, words, i)
  repeat
    local name, after = table_name(words, i)
    if name == nil then return i end
    mark(result, name, "write")
    i = after
    local comma = words[i] and words[i].key == ","
    if comma then i = i + 1 end
  until not comma
  return i
end

local modifiers = set("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO")
local conditions = set("IF", "NOT", "EXISTS")

-- Where the table's name is in CREATE OR REPLACE TEMPORARY TABLE IF NOT EXISTS t; nil if it is about something else.
local function after_table(words, i)
  for k = i + 1, i + 4 do
    if means(words[k], "TABLE") or means(words[k], "TABLES") then return skip(words, k + 1, conditions) end
  end
  return nil
end

local statements = {}

function statements.SELECT(result, words, i)
  queries(result, words, i)
end
statements["()"] = statements.SELECT

function statements.INSERT(result, words, i)
  i = skip(words, i + 1, modifiers)
  local name, after = table_name(words, i)
  if name == nil then return end
  mark(result, name, "write")
  queries(result, words, after)
end
statements.REPLACE = statements.INSERT

function statements.UPDATE(result, words, i)
  references(result, words, skip(words, i + 1, modifiers), "write")
end

function statements.DELETE(result, words, i)
  i = skip(words, i + 1, modifiers)
  local before_from = not means(words[i], "FROM")
  if not before_from then i = i + 1 end
  local first = i
  -- DELETE FROM t names tables; DELETE a FROM t AS a and DELETE FROM a USING t AS a may name their aliases.
  local last = first
  while words[last] and not (means(words[last], "FROM") or means(words[last], "USING") or
    (words[last].key and clause_ends[words[last].key])) do
    last = last + 1
  end
  local sources = words[last]
  if means(sources, "FROM") or means(sources, "USING") then
    references(result, words, last + 1, "read")
  end
  while first < last do
    local word = words[first]
    local name, after = table_name(words, first)
    if name == nil then return end
    if result.aliases[word.text] and not (words[first + 1] and words[first + 1].key == "." and after > first + 3) then
      name = result.aliases[word.text]
    end
    mark(result, name, "write")
    while after < last and words[after].key ~= "," do after = after + 1 end
    first = after + 1
  end
end

function statements.CREATE(result, words, i)
  local name, after = table_name(words, after_table(words, i) or #words + 1)
  if name == nil then return end
  mark(result, name, "write")
  if means(words[after], "LIKE") then
    local template = table_name(words, after + 1)
    if template then mark(result, template, "read") end
  end
  queries(result, words, after)
end

function statements.DROP(result, words, i)
  i = after_table(words, i)
  if i then name_list(result, words, i) end
end

function statements.ALTER(result, words, i)
  i = after_table(words, i)
  if i == nil then return end
  i = name_list(result, words, i)
  while words[i] do
    if means(words[i], "RENAME") and not means(words[i + 1], "COLUMN") and not means(words[i + 1], "INDEX") and
      not means(words[i + 1], "KEY") then
      i = name_list(result, words, skip(words, i + 1, { TO = true, AS = true })) - 1
    end
    i = i + 1
  end
end

function statements.RENAME(result, words, i)
  i = after_table(words, i)
  if i == nil then return end
  while words[i] do
    local name, after = table_name(words, i)
    if name then mark(result, name, "write") end
    i = after or i + 1
  end
end

function statements.TRUNCATE(result, words, i)
  name_list(result, words, after_table(words, i) or i + 1)
end

function statements.LOAD(result, words, i)
  while words[i] do
    if means(words[i], "TABLE") and means(words[i - 1], "INTO") then return name_list(result, words, i + 1) end
    i = i + 1
  end
end

---
-- The tables that a statement uses.
--
-- @param tokens what proxy.tokenizer.tokenize() returned
-- @return a map from "db.tbl" to "read" or "write"; empty for a statement that is about no table
function get_tables(tokens)
  local words = words_of(tokens)
  local result = { tables = {}, aliases = {}, skip = {} }
  local i = 1
  if means(words[1], "WITH") then
    -- WITH a AS (SELECT ...), b AS (SELECT ...) SELECT ... FROM a
    while words[i] and not (words[i].key and statements[words[i].key] and words[i].key ~= "()") do
      if words[i].name and words[i].text and not means(words[i], "RECURSIVE") then
        result.skip[words[i].text] = true
      end
      i = i + 1
    end
  end
  local word = words[i]
  local statement = word and (statements[word.key] or (word.key == nil and word.text and statements[word.text:upper()]))
  if statement then statement(result, words, i) end
  return result.tables
end
