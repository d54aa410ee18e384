-- The functions of `string` that match and format.
local dialect = ...

local string, error, next, pcall, select, type = string, error, next, pcall, select, type
local byte, find, gsub, sub = string.byte, string.find, string.gsub, string.sub
local concat, pack, unpack = table.concat, table.pack, table.unpack
local name_native = dialect.name_native
local native_format = name_native("format", string.format)
local native_gmatch = name_native("gmatch", string.gmatch)
local native_gsub = name_native("gsub", gsub)

-- The table `arg` of vararg functions: translated source calls this as a method of a string, whatever its environment is.
setmetatable(string, {
  __index = {
    __arg = function(_, ...)
      return { n = select("#", ...), ... }
    end,
  },
})

-- What is found out about a format, pattern or replacement is remembered, for a limited number of them.
local function remember(find_out)
  local known, count = {}, 0
  return known, function(key)
    if count >= 500 then
      for old in next, known do
        known[old] = nil
      end
      count = 0
    end
    local found = find_out(key)
    known[key] = found
    count = count + 1
    return found
  end
end

-- format() ------------------------------------------------------------------------------------------------------------

-- "%q": what has to be escaped for Lua 5.1 to read it back.
local quoted = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\\n", ["\r"] = "\\r", ["\0"] = "\\000" }

local function quote(value)
  return '"' .. gsub(value, '["\\\n\r%z]', quoted) .. '"'
end

-- The flags that Lua 5.4 refuses, as they mean nothing for these conversions.
local meaningless = { d = "#", i = "#", u = "[+ #]", o = "[+ ]", x = "[+ ]", X = "[+ ]", c = "[+ #0]", s = "[+ #0]", q = "." }

-- A format that Lua 5.4 takes is true. Others are cut into pieces of one conversion each.
local formats, read_format = remember(function(format)
  local pieces, from, same = {}, 1, true
  while true do
    local start, stop, flags, width, kind = find(format, "%%([-+ #0]*)([%d.]*)(.)", from)
    local literal = sub(format, from, (start or 0) - 1)
    if start == nil then
      pieces[#pieces + 1] = { text = literal }
      break
    end
    if kind == "%" then
      pieces[#pieces + 1] = { text = literal .. "%" }
    else
      local kept = meaningless[kind] and gsub(flags, meaningless[kind], "") or flags
      if kept ~= flags or kind == "q" then same = false end
      pieces[#pieces + 1] = { text = literal }
      pieces[#pieces + 1] = { conversion = "%" .. kept .. width .. kind, quotes = kind == "q" }
    end
    from = stop + 1
  end
  return same or pieces
end)

local function format_pieces(pieces, ...)
  local result, taken = {}, 0
  for i = 1, #pieces do
    local piece = pieces[i]
    if piece.conversion then
      taken = taken + 1
      local value = (select(taken, ...))
      local is_text = type(value) == "string" or type(value) == "number"
      if taken > select("#", ...) or piece.quotes and not is_text then
        local got = taken > select("#", ...) and "no value" or type(value)
        error("bad argument #" .. taken + 1 .. " to 'format' (string expected, got " .. got .. ")", 3)
      end
      result[i] = piece.quotes and quote(value) or native_format(piece.conversion, value)
    else
      result[i] = piece.text
    end
  end
  return concat(result)
end

function string.format(format, ...)
  local known = formats[format]
  if known == nil and type(format) == "string" then known = read_format(format) end
  if known == true or known == nil then return native_format(format, ...) end
  local result = format_pieces(known, ...)
  return result
end

-- gsub(), gmatch() ----------------------------------------------------------------------------------------------------

-- Behind a match Lua 5.1 takes an empty match, Lua 5.4 does not. So patterns that can match nothing take another way.
local can_be_empty, find_out_emptiness = remember(function(pattern)
  if byte(pattern) == 94 then return false end
  local is_pattern, found = pcall(find, "", pattern)
  return is_pattern and (found ~= nil or find(pattern, "%f", 1, true) ~= nil)
end)

-- In a replacement Lua 5.1 takes "%" before any character.
local replacements, read_replacement = remember(function(replacement)
  local text = gsub(replacement, "%%(.?)", function(char)
    if char == "" then return "\0" end
    if not find(char, "[%d%%]") then return char end
  end)
  return text
end)

-- The replacement for a match at `first` to `last` with these captures.
local function replace(s, first, last, replacement, ...)
  local whole = sub(s, first, last)
  local value
  if type(replacement) == "string" then
    local captures = { ... }
    captures["%"], captures["0"] = "%", whole
    if captures[1] == nil then captures[1] = whole end
    local text = gsub(replacement, "%%(.)", function(char)
      return captures[char] or captures[char + 0] or error("invalid capture index", 6)
    end)
    return text
  elseif type(replacement) == "function" then
    if select("#", ...) == 0 then value = replacement(whole) else value = replacement(...) end
  else
    value = replacement[(... or whole)]
  end
  if not value then return whole end
  if type(value) ~= "string" and type(value) ~= "number" then
    error("invalid replacement value (a " .. type(value) .. ")", 4)
  end
  return value
end

local function gsub_with_empty(s, pattern, replacement, most)
  local parts, n, from, count = {}, 0, 1, 0
  while count < most do
    local match = pack(find(s, pattern, from))
    local first, last = match[1], match[2]
    if first == nil then break end
    count = count + 1
    parts[n + 1] = sub(s, from, first - 1)
    parts[n + 2] = replace(s, first, last, replacement, unpack(match, 3, match.n))
    n = n + 2
    if last >= first then
      from = last + 1
    else
      from = first
      if first > #s then break end
      n = n + 1
      parts[n] = sub(s, first, first)
      from = first + 1
    end
  end
  parts[n + 1] = sub(s, from)
  return concat(parts), count
end

function string.gsub(s, pattern, replacement, most)
  local text = replacements[replacement]
  if text == nil and type(replacement) == "string" then
    if #replacement > 100 and not find(replacement, "%", 1, true) then
      text = replacement
    else
      text = read_replacement(replacement)
    end
  end
  local empty = can_be_empty[pattern]
  if empty == nil and type(pattern) == "string" then empty = find_out_emptiness(pattern) end
  if not empty then return native_gsub(s, pattern, text or replacement, most) end
  local kind = type(replacement)
  if type(s) ~= "string" or kind ~= "string" and kind ~= "function" and kind ~= "table" then
    return native_gsub(s, pattern, replacement, most)
  end
  local result, count = gsub_with_empty(s, pattern, text or replacement, most or #s + 1)
  return result, count
end

local function gmatch_with_empty(s, pattern)
  local from = 1
  local function take(first, last, ...)
    if first == nil then
      from = #s + 2
      return nil
    end
    from = last >= first and last + 1 or first + 1
    if select("#", ...) == 0 then return sub(s, first, last) end
    return ...
  end
  return function()
    if from > #s + 1 then return nil end
    return take(find(s, pattern, from))
  end
end

function string.gmatch(s, pattern)
  local empty = can_be_empty[pattern]
  if empty == nil and type(pattern) == "string" then empty = find_out_emptiness(pattern) end
  if not empty or type(s) ~= "string" then return native_gmatch(s, pattern) end
  return gmatch_with_empty(s, pattern)
end

string.gfind = string.gmatch
