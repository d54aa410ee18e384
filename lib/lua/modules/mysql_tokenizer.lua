-- The lists and tokens of mysql.tokenizer.
--
-- Both are read-only views: a token may be in many lists, and a list that nobody has touched is known to be its SQL's. A list
-- is empty until somebody looks at its tokens: many only want the normal form.

local module, native, names = ...

local error, getmetatable, rawget, setmetatable, tostring, type =
  error, getmetatable, rawget, setmetatable, tostring, type
local move = table.move
local check, cut, cut_more, normalize = native.tokenize, native.cut, native.cut_more, native.normalize

local function unknown_field(_, key)
  error("a token has no field '" .. tostring(key) .. "', but text, token_id and token_name", 2)
end

local function read_only()
  error("a token cannot be changed", 2)
end

local Token = { __index = unknown_field, __newindex = read_only }

local function token(id, text)
  return setmetatable({ text = text, token_id = id, token_name = names[id] }, Token)
end

local function shared_token(id, text)
  return setmetatable({}, { __index = token(id, text), __newindex = read_only })
end

native.makers(token, shared_token)

-- Cuts the SQL of a list when somebody looks at its tokens.
local function fill(meta)
  local sql = meta.source
  local tokens = { cut(sql) }
  local count = #tokens
  if count == native.piece then
    repeat
      local more = { cut_more(sql, count) }
      move(more, 1, #more, count + 1, tokens)
      count = count + #more
    until #more == 0
  end
  meta.tokens, meta.count, meta.__index = tokens, count, tokens
end

local function first_token(list, i)
  local meta = getmetatable(list)
  if not meta.count then fill(meta) end
  return meta.tokens[i]
end

local function remove(list, i, value)
  if value ~= nil then
    error("a list of tokens can only lose tokens: nil expected, got " .. type(value), 2)
  end
  local meta = getmetatable(list)
  if not meta.count then fill(meta) end
  meta.tokens[i] = nil
  meta.sql = nil
end

local function length(list)
  local meta = getmetatable(list)
  if not meta.count then fill(meta) end
  return meta.count
end

function module.tokenize(sql)
  if type(sql) ~= "string" then
    check(sql)
    -- A number becomes the string that it is cut as.
    sql = sql .. ""
  end
  return setmetatable({}, {
    __index = first_token,
    __newindex = remove,
    __len = length,
    __host = true, -- for ipairs()
    sql = sql,
    source = sql,
  })
end

-- The normal form of SQL, or of a list that nobody has changed; nil for other lists.
function module._normalize(list)
  if type(list) == "string" then return normalize(list, true) end
  local meta = getmetatable(list)
  local sql = type(meta) == "table" and rawget(meta, "__newindex") == remove and meta.sql
  -- What has not been cut for this list may be another text, at the place of one that is gone.
  if sql then return normalize(sql, not meta.count) end
  return nil
end
