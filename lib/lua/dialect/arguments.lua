-- What the other files of the dialect share, in the table `dialect`: errors as C functions raise them, and whose table is whose.
--
-- All of them are loaded without debug information. So Lua gives their functions no lines, as if they were C's, and
-- the position of their own errors is that of the script.
local dialect = ...

local error, rawget, type = error, rawget, type
local getmetatable = debug.getmetatable

-- The tables and objects of the host say so in their metatable; those of scripts are read as Lua 5.1 does, without metamethods.
function dialect.is_hosts(value)
  local metatable = getmetatable(value)
  return metatable ~= nil and rawget(metatable, "__host") ~= nil
end

-- The following are called directly by the function that the script has called, and not as its last act.

function dialect.bad_argument(index, name, message)
  error("bad argument #" .. index .. " to '" .. name .. "' (" .. message .. ")", 3)
end

local function wrong_type(value, index, name, expected)
  local got = value == nil and "nil" or type(value)
  error("bad argument #" .. index .. " to '" .. name .. "' (" .. expected .. " expected, got " .. got .. ")", 4)
end

function dialect.expect(value, index, name, expected)
  if type(value) ~= expected then wrong_type(value, index, name, expected) end
end

-- A table, or what the host passes off as one.
function dialect.expect_table(value, index, name)
  if type(value) ~= "table" and not dialect.is_hosts(value) then wrong_type(value, index, name, "table") end
end
