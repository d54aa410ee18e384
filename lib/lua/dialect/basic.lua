-- The basic functions, as in section 5.1 of the manual of Lua 5.1, except those about environments and loading.
local dialect = ...

local G, rawget, select, type, unpack = _G, rawget, select, type, table.unpack
local getmetatable = debug.getmetatable
local bad_argument = dialect.bad_argument

_VERSION = "Lua 5.1"
G.unpack = unpack

local native_next = dialect.name_native("next", next)

function next(t, key)
  local metatable = getmetatable(t)
  if metatable ~= nil and rawget(metatable, "__host") and metatable.__next then return metatable.__next(t, key) end
  return native_next(t, key)
end

-- Lua 5.4's ipairs() reads through __index, and never ends for a table whose missing fields have a default value.
local read = ipairs({})

local function read_raw(t, i)
  i = i + 1
  local value = rawget(t, i)
  if value ~= nil then return i, value end
end

function ipairs(t)
  local metatable = getmetatable(t)
  if metatable == nil then
    if type(t) ~= "table" then bad_argument(1, "ipairs", "table expected, got " .. type(t)) end
    return read, t, 0
  end
  if rawget(metatable, "__host") or rawget(metatable, "__index") == nil and type(t) == "table" then return read, t, 0 end
  if type(t) ~= "table" then bad_argument(1, "ipairs", "table expected, got " .. type(t)) end
  return read_raw, t, 0
end

-- Lua 5.4 takes strings only, and whole numbers only, if there is a base.
local native_tonumber = dialect.name_native("tonumber", tonumber)

function tonumber(value, base)
  if base == nil or base == 10 then return native_tonumber(value) end
  if type(value) == "number" then value = value .. "" end
  return native_tonumber(value, base)
end

-- A number is a message too.
local native_error = dialect.name_native("error", error)

function error(message, level)
  if type(message) == "number" then message = message .. "" end
  return native_error(message, level)
end

-- print() calls the global tostring().
local native_print, native_tostring = print, tostring

function print(...)
  local convert = G.tostring
  if convert == native_tostring then return native_print(...) end
  local values, count = { ... }, select("#", ...)
  for i = 1, count do
    values[i] = convert(values[i])
    if type(values[i]) ~= "string" and type(values[i]) ~= "number" then
      native_error("'tostring' must return a string to 'print'", 2)
    end
  end
  return native_print(unpack(values, 1, count))
end

local collectgarbage, floor = collectgarbage, math.floor

function gcinfo()
  return floor(collectgarbage("count"))
end

local userdata, setmetatable = dialect.userdata, debug.setmetatable
local proxies = G.setmetatable({}, { __mode = "k" })

-- newproxy(false | true | proxy): a userdata without metatable, with a new one, or with that of another proxy.
function newproxy(like)
  local proxy = userdata()
  if not like then return proxy end
  local metatable
  if like == true then
    metatable = {}
    proxies[metatable] = true
  else
    metatable = type(like) == "userdata" and getmetatable(like) or nil
    if metatable == nil or not proxies[metatable] then bad_argument(1, "newproxy", "boolean or proxy expected") end
  end
  return setmetatable(proxy, metatable)
end

-- Lua itself asks the registry which coroutines belong to hooks: to a script they are its main program.
local native_running, registry = coroutine.running, debug.getregistry()
local of_script = G.setmetatable({}, { __mode = "k" })

local function is_anchored(thread)
  for _, value in native_next, registry do
    if value == thread then return true end
  end
  return false
end

function coroutine.running()
  local thread, is_main = native_running()
  if is_main then return nil end
  if of_script[thread] == nil then of_script[thread] = not is_anchored(thread) end
  return of_script[thread] and thread or nil
end
