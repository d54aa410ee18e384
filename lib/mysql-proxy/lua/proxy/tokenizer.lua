--[[
  proxy.tokenizer: SQL as tokens, and back.

  Usage:
    local tokenizer = require("proxy.tokenizer")
    local tokens = tokenizer.tokenize("SELECT * FROM t WHERE id = 1")
    print(tokenizer.normalize(tokens))             -- SELECT * FROM `t` WHERE `id` = ?
    for i = 1, #tokens do print(tokens[i].token_name, tokens[i].text) end
]]

local native = assert(require("mysql.tokenizer"))
local normalize_native = native._normalize

module("proxy.tokenizer", package.seeall)

---
-- Cuts SQL into tokens.
--
-- @param packet SQL, without a command byte
-- @return a list of tokens; each has text, token_id and token_name
function tokenize(packet)
  return native.tokenize(packet)
end

-- What the tokenizer takes for names and is no name where it begins a statement.
local statement_words = { COMMIT = true, ROLLBACK = true, BEGIN = true, START = true }

local values = { TK_STRING = true, TK_INTEGER = true, TK_FLOAT = true }

-- In Lua, for lists that have been changed and for tables of tokens.
local function normalize_list(tokens)
  local pieces = {}
  local count = 0
  local first_word
  for i = 1, #tokens do
    local token = tokens[i]
    local name = token and token.token_name
    if token and name ~= "TK_COMMENT" then
      local text = token.text
      local piece
      count = count + 1
      if name == "TK_COMMENT_MYSQL" then
        piece = "/*!" .. text .. "*/ "
        count = count - 1
      elseif values[name] then
        piece = "? "
      elseif name == "TK_FUNCTION" then
        piece = text:upper()
      elseif name ~= "TK_LITERAL" then
        piece = text:upper() .. " "
      elseif text:sub(1, 1) == "@" then
        piece = text .. " "
      else
        local upper = text:upper()
        if count == 1 and statement_words[upper] then
          piece = upper .. " "
          first_word = upper
        elseif count == 2 and first_word == "START" and upper == "TRANSACTION" then
          piece = upper .. " "
        else
          piece = "`" .. text:gsub("`", "``") .. "` "
        end
      end
      pieces[#pieces + 1] = piece
    end
  end
  return table.concat(pieces)
end

---
-- SQL without what differs between calls of the same statement: values become ?, comments go, keywords are in upper
-- case, names in backticks.
--
-- @param tokens what tokenize() returned, or SQL, which is faster
function normalize(tokens)
  return normalize_native(tokens) or normalize_list(tokens)
end

---
-- The first token that is no comment.
function first_stmt_token(tokens)
  for i = 1, #tokens do
    local token = tokens[i]
    if token and token.token_name ~= "TK_COMMENT" then return token end
  end
  return nil
end

---
-- The texts of all tokens but comments.
--
-- @param quote_strings whether strings get quotes
function bare_tokens(tokens, quote_strings)
  local texts = {}
  for i = 1, #tokens do
    local token = tokens[i]
    if token and token.token_name ~= "TK_COMMENT" then
      local text = token.text
      if quote_strings and token.token_name == "TK_STRING" then text = string.format("%q", text) end
      texts[#texts + 1] = text
    end
  end
  return texts
end

---
-- The texts of all tokens but comments.
function tokens_without_comments(tokens)
  return bare_tokens(tokens)
end

-- A string's token keeps its backslashes: they escape already.
local function quote_string(text)
  local quoted = text:gsub('\\?.', function(pair)
    if pair == '"' then return '\\"' end
    return pair
  end)
  return '"' .. quoted .. '"'
end

-- Whether a name, written as it is, is a name again.
local function is_plain(text)
  local tokens = native.tokenize(text)
  return #tokens == 1 and tokens[1].token_name == "TK_LITERAL" and tokens[1].text == text
end

local function write_name(text)
  if text:sub(1, 1) == "@" or is_plain(text) then return text end
  return "`" .. text:gsub("`", "``") .. "`"
end

---
-- SQL that says what the tokens say.
--
-- @param first, last the part of the list to write; all of it if left out
function tokens_to_query(tokens, first, last)
  local pieces = {}
  for i = first or 1, last or #tokens do
    local token = tokens[i]
    local name = token and token.token_name
    if name == "TK_STRING" then
      pieces[#pieces + 1] = quote_string(token.text) .. " "
    elseif name == "TK_COMMENT_MYSQL" then
      pieces[#pieces + 1] = "/*!" .. token.text .. "*/ "
    elseif name == "TK_LITERAL" then
      pieces[#pieces + 1] = write_name(token.text) .. " "
    elseif name == "TK_FUNCTION" then
      pieces[#pieces + 1] = token.text
    elseif token and name ~= "TK_COMMENT" then
      pieces[#pieces + 1] = token.text .. " "
    end
  end
  return table.concat(pieces)
end
