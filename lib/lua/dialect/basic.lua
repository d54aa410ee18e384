-- The basic functions, as in section 5.1 of the manual of Lua 5.1, except those about environments and loading.
local dialect = ...

local G, error, next, rawget, select, type, unpack = _G, error, next, rawget, select, type, table.unpack
local getmetatable = debug.getmetatable
local bad_argument = dialect.bad_argument

_VERSION = "Lua 5.1"
G.unpack = unpack

-- The step of ipairs() without metamethods.
function dialect.read_raw(t, i)
  i = i + 1
  local value = rawget(t, i)
  if value ~= nil then return i, value end
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
      error("'tostring' must return a string to 'print'", 2)
    end
  end
  return native_print(unpack(values, 1, count))
end

local collectgarbage, floor = collectgarbage, math.floor

function gcinfo()
  return floor(collectgarbage("count"))
end

local userdata, debug = dialect.userdata, debug
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
  -- Not the one of now: it has finalizers.
  return debug.setmetatable(proxy, metatable)
end

-- Lua itself asks the registry which coroutines belong to hooks: to a script they are its main program.
local native_running, registry = coroutine.running, debug.getregistry()
local of_script = G.setmetatable({}, { __mode = "k" })

local function is_anchored(thread)
  for _, value in next, registry do
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

function os.difftime(to, from)
  dialect.expect(to, 1, "difftime", "number")
  return to - (from or 0.0)
end
