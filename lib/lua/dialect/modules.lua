-- module() and package.seeall(): modules as tables that are globals, and the environments of their chunks.
local dialect = ...

local error, type, rawget, select, setmetatable = error, type, rawget, select, setmetatable
local getinfo, getmetatable = debug.getinfo, debug.getmetatable
local gmatch, match = string.gmatch, string.match
local loaded, set_environment = package.loaded, dialect.set_environment

-- The table that is the global `name`, with dots for fields; nil if something else is there. What is missing is made, and
-- assigned as a script would: a metatable may see it.
local function find_table(name)
  local t = dialect.globals
  for part in gmatch(name, "[^.]+") do
    local field = rawget(t, part)
    if field == nil then
      field = {}
      t[part] = field
    elseif type(field) ~= "table" then
      return nil
    end
    t = field
  end
  return t
end

-- Between module() and the script there is a function of C (see levels.ts).
function module(name, ...)
  if type(name) == "number" then name = name .. "" end
  if type(name) ~= "string" then error("bad argument #1 to 'module' (string expected, got " .. type(name) .. ")", 3) end
  local t = loaded[name]
  if type(t) ~= "table" then
    t = find_table(name)
    if t == nil then error("name conflict for module '" .. name .. "'", 3) end
    loaded[name] = t
  end
  if t._NAME == nil then
    t._M = t
    t._NAME = name
    t._PACKAGE = match(name, "^(.*%.)[^.]*$") or ""
  end
  local caller = getinfo(3, "fS")
  if caller == nil or caller.what == "C" or caller.source == "=?" then
    error("'module' not called from a Lua function", 3)
  end
  set_environment(caller.func, t)
  for i = 1, select("#", ...) do
    local option = select(i, ...)
    option(t)
  end
end

function package.seeall(t)
  dialect.expect(t, 1, "seeall", "table")
  local metatable = getmetatable(t)
  if metatable == nil then
    metatable = {}
    setmetatable(t, metatable)
  end
  metatable.__index = dialect.globals
end
