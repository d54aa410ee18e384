-- Environments of functions: in Lua 5.4 that is the upvalue _ENV of those that use a global.
--
-- setfenv() gives the function an upvalue of its own. Closures that it makes from then on share it and those made before do
-- not, which is Lua 5.1's rule.
local dialect = ...

local debug, error, tonumber, type = debug, error, tonumber, type
local getinfo, getupvalue, upvaluejoin = debug.getinfo, debug.getupvalue, debug.upvaluejoin

-- What setfenv(0, t) sets: the globals of chunks that are loaded from then on.
dialect.globals = _G

-- Environments of functions that use no global.
local unused = setmetatable({}, { __mode = "k" })

local function find_environment(f)
  local i = 1
  while true do
    local name = getupvalue(f, i)
    if name == nil then return nil end
    if name == "_ENV" then return i end
    i = i + 1
  end
end

local function is_c_function(f)
  local info = getinfo(f, "S")
  return info.what == "C" or info.source == "=?"
end

local function get(f)
  if is_c_function(f) then return dialect.globals end
  local i = find_environment(f)
  if i == nil then return unused[f] or dialect.globals end
  local _, environment = getupvalue(f, i)
  return environment
end

function dialect.set_environment(f, environment)
  local i = find_environment(f)
  if i == nil then
    unused[f] = environment
  else
    upvaluejoin(f, i, function() return environment end, 1)
  end
end

-- Between the following functions and the script there is one of C (see levels.ts).

-- The function that `f` or the level `f` means; levels count from the script.
local function find_function(f, name)
  if type(f) == "function" then return f end
  local level = tonumber(f)
  if level == nil then
    error("bad argument #1 to '" .. name .. "' (number expected, got " .. type(f) .. ")", 4)
  elseif level < 0 then
    error("bad argument #1 to '" .. name .. "' (level must be non-negative)", 4)
  end
  local info = getinfo(level + 3, "f")
  if info == nil then error("bad argument #1 to '" .. name .. "' (invalid level)", 4) end
  return info.func
end

local function expect_table(value)
  if type(value) ~= "table" then error("bad argument #2 to 'setfenv' (table expected, got " .. type(value) .. ")", 4) end
end

local function refuse()
  error("'setfenv' cannot change environment of given object", 4)
end

function getfenv(f)
  if f == nil then f = 1 end
  if tonumber(f) == 0 then return dialect.globals end
  local found = find_function(f, "getfenv")
  return get(found)
end

function setfenv(f, environment)
  expect_table(environment)
  if tonumber(f) == 0 then
    dialect.globals = environment
    return
  end
  local found = find_function(f, "setfenv")
  if is_c_function(found) then refuse() end
  dialect.set_environment(found, environment)
  return found
end

function debug.getfenv(value)
  if type(value) == "function" then return get(value) end
  return type(value) == "thread" and dialect.globals or nil
end

function debug.setfenv(value, environment)
  expect_table(environment)
  if type(value) ~= "function" or is_c_function(value) then refuse() end
  dialect.set_environment(value, environment)
  return value
end
