-- The lists and tokens of mysql.tokenizer.
--
-- Both are read-only views: a token may be in many lists, and a list that nobody has touched is known to be its SQL's.

local module, native, names = ...

local error, getmetatable, rawget, setmetatable, tostring, type =
  error, getmetatable, rawget, setmetatable, tostring, type
local move = table.move
local cut, cut_more, normalize = native.cut, native.cut_more, native.normalize

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

local function remove(list, i, value)
  if value ~= nil then
    error("a list of tokens can only lose tokens: nil expected, got " .. type(value), 2)
  end
  local meta = getmetatable(list)
  meta.tokens[i] = nil
  meta.sql = nil
end

local function length(list)
  return getmetatable(list).count
end

function module.tokenize(sql)
  local tokens = { cut(sql) }
  local count = #tokens
  if count == native.piece then
    repeat
      local more = { cut_more(sql, count) }
      move(more, 1, #more, count + 1, tokens)
      count = count + #more
    until #more == 0
  end
  return setmetatable({}, {
    __index = tokens,
    __newindex = remove,
    __len = length,
    tokens = tokens,
    count = count,
    -- A number becomes the string that it was cut as.
    sql = sql .. "",
  })
end

-- The normal form of a list that nobody has changed, nil for other lists.
function module._normalize(list)
  local meta = getmetatable(list)
  local sql = type(meta) == "table" and rawget(meta, "__newindex") == remove and meta.sql
  if sql then return normalize(sql) end
  return nil
end
