-- `proxy.counter(name)`: a number that all event threads count at once.
local open, add, get, set = ...
local setmetatable, error, type, tostring, pcall = setmetatable, error, type, tostring, pcall

local methods = {}

local function slot_of(counter, method)
  local slot = type(counter) == "table" and counter.slot
  if not slot then error("call a counter's method with a colon: counter:" .. method .. "()", 3) end
  return slot
end

-- Errors are raised here, where the script's position is known.
local function whole(n, method)
  if type(n) ~= "number" then
    error("bad argument #1 to '" .. method .. "' (number expected, got " .. type(n) .. ")", 3)
  end
  if n % 1 ~= 0 or n >= 2 ^ 53 or n <= -2 ^ 53 then
    error("a counter counts in whole numbers, " .. tostring(n) .. " is none", 3)
  end
  return n
end

function methods.add(counter, n)
  if n == nil then n = 1 end
  return add(slot_of(counter, "add"), whole(n, "add"))
end

function methods.get(counter)
  return get(slot_of(counter, "get"))
end

function methods.set(counter, n)
  set(slot_of(counter, "set"), whole(n, "set"))
end

local meta = {
  __host = true,
  __metatable = false,
  __index = methods,
  __newindex = function() error("a counter has no fields to set", 2) end,
}

local counters = {}

return function(name)
  if name == nil then error("bad argument #1 to 'counter' (string expected, got nil)", 2) end
  local counter = counters[name]
  if counter == nil then
    local ok, slot = pcall(open, name)
    if not ok then error(slot, 2) end
    counter = setmetatable({ slot = slot, name = name }, meta)
    counters[name] = counter
  end
  return counter
end
