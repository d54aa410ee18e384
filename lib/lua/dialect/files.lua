-- The functions of `io` and `os` that Lua 5.4 is stricter about.
local dialect = ...

local io, os, type, pairs = io, os, type, pairs
local find, format, gsub, sub = string.find, string.format, string.gsub, string.sub
local name_native, expect, tonumber = dialect.name_native, dialect.expect, tonumber

local native_open = name_native("open", io.open)

-- fopen() looks at the first letter and for a "+", and takes whatever else is in the mode.
function io.open(path, mode)
  if type(mode) == "string" and not find(mode, "^[rwa]%+?b?$") and find(mode, "^[rwa]") then
    mode = sub(mode, 1, 1) .. (find(mode, "+", 1, true) and "+" or "") .. (find(mode, "b", 1, true) and "b" or "")
  end
  return native_open(path, mode)
end

local native_time, native_date = name_native("time", os.time), name_native("date", os.date)

-- Lua 5.4 puts the fields of the table right.
function os.time(t)
  if type(t) ~= "table" then return native_time(t) end
  local copy = {}
  for key, value in pairs(t) do
    copy[key] = value
  end
  return native_time(copy)
end

-- Conversions of the GNU C library, and those that nobody knows, which stay as they are.
local function convert(time)
  return function(prefix, char)
    if prefix == "" then
      if char == "s" then return format("%d", time) end
      if char == "k" then return (gsub(native_date("%H", time), "^0", " ")) end
      if char == "l" then return (gsub(native_date("%I", time), "^0", " ")) end
      if char == "P" then return native_date("%p", time):lower() end
    end
    if not find(char, "[%%aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ]") then return "%%" .. prefix .. char end
  end
end

function os.date(text, time)
  if type(text) == "string" and find(text, "%%[EO]?[^%%aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZEO]") then
    text = gsub(text, "%%([EO]?)(.)", convert(time or native_time()))
  end
  return native_date(text, time)
end

function os.difftime(to, from)
  expect(tonumber(to), 1, "difftime", "number")
  return to - (from or 0.0)
end
