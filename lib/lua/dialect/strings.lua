-- The functions of `string`, for formats and patterns that those of Lua 5.4 treat otherwise; and string.gfind.
--
-- lenient_functions.ts decides who is called: between the functions here and the script there is one of C.
local dialect = ...

local string, error, next, pcall, select, type = string, error, next, pcall, select, type
local byte, find, gsub, sub = string.byte, string.find, string.gsub, string.sub
local concat, pack, unpack = table.concat, table.pack, table.unpack
local native_format = string.format

-- The table `arg` of vararg functions: translated source calls this as a method of a string, whatever its environment is.
setmetatable(string, {
  __index = {
    __arg = function(_, ...)
      return { n = select("#", ...), ... }
    end,
  },
})

-- format() ------------------------------------------------------------------------------------------------------------

-- "%q": what has to be escaped for Lua 5.1 to read it back.
local quoted = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\\n", ["\r"] = "\\r", ["\0"] = "\\000" }

local function quote(value)
  return '"' .. gsub(value, '["\\\n\r%z]', quoted) .. '"'
end

-- The flags that Lua 5.4 refuses, as they mean nothing for these conversions.
local meaningless = { d = "#", i = "#", u = "[+ #]", o = "[+ ]", x = "[+ ]", X = "[+ ]", c = "[+ #0]", s = "[+ #0]" }

function dialect.format(format, ...)
  local result, from, taken = {}, 1, 0
  while true do
    local start, stop, flags, width, kind = find(format, "%%([-+ #0]*)([%d.]*)(.)", from)
    result[#result + 1] = sub(format, from, (start or 0) - 1)
    if start == nil then return concat(result) end
    if kind == "%" then
      result[#result + 1] = "%"
    else
      taken = taken + 1
      local value = (select(taken, ...))
      local is_text = type(value) == "string" or type(value) == "number"
      if taken > select("#", ...) or kind == "q" and not is_text then
        local got = taken > select("#", ...) and "no value" or type(value)
        error("bad argument #" .. taken + 1 .. " to 'format' (string expected, got " .. got .. ")", 3)
      end
      if kind == "q" then
        result[#result + 1] = quote(value)
      else
        if meaningless[kind] then flags = gsub(flags, meaningless[kind], "") end
        result[#result + 1] = native_format("%" .. flags .. width .. kind, value)
      end
    end
    from = stop + 1
  end
end

-- gsub(), gmatch() ----------------------------------------------------------------------------------------------------

-- Whether a pattern can match nothing, so that Lua 5.1 and 5.4 differ: the former takes an empty match behind another one.
function dialect.can_be_empty(pattern)
  if byte(pattern) == 94 then return false end
  local is_pattern, found = pcall(find, "", pattern)
  return is_pattern and (found ~= nil or find(pattern, "%f", 1, true) ~= nil)
end

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

function dialect.gsub(s, pattern, replacement, most)
  most = most or #s + 1
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

function dialect.gmatch(s, pattern)
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
