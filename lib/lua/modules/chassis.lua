-- The functions of the chassis module that need the place they are called from, or take any values.

local module, log, stats, basedir = ...

local error, select, tostring, type = error, select, tostring, type
local getinfo = debug.getinfo
local concat = table.concat
local count = collectgarbage

-- "(script:line) " of the function that has called the one that calls this, and C functions between them left out.
local function place()
  local level = 3
  local info = getinfo(level, "Sl")
  while info and info.currentline < 0 do
    level = level + 1
    info = getinfo(level, "Sl")
  end
  if not info then return "" end
  local source = info.source
  local first = source:sub(1, 1)
  if source:find("\n", 1, true) then
    source = info.short_src
  elseif first == "@" or first == "=" then
    source = source:sub(2)
  end
  if basedir ~= "" and source:sub(1, #basedir) == basedir then source = source:sub(#basedir + 1) end
  return "(" .. source .. ":" .. info.currentline .. ") "
end

local function text(...)
  local n = select("#", ...)
  if n == 1 then return tostring((...)) end
  local parts = { ... }
  for i = 1, n do parts[i] = tostring(parts[i]) end
  return concat(parts, "\t")
end

local levels = { error = true, critical = true, warning = true, message = true, info = true, debug = true }

function module.log(level, ...)
  if level == nil then level = "message" end
  if not levels[level] then
    error("bad argument #1 to 'log' (a log level such as \"message\" expected, got '" .. tostring(level) .. "')", 2)
  end
  log(level, place() .. text(...))
end

for level in next, levels do
  if level ~= "error" then
    module[level] = function(...)
      log(level, place() .. text(...))
    end
  end
end

local bytes_max = 0

-- The heap of this state, in bytes, and the most that anybody has seen here.
local function memory()
  local bytes = count("count") * 1024
  if bytes > bytes_max then bytes_max = bytes end
  return bytes, bytes_max
end

function module.get_stats(...)
  if select("#", ...) > 1 then error("get_stats() takes one name at most", 2) end
  local name = ...
  local all = stats()
  local bytes, max = memory()
  local chassis = all.chassis or {}
  chassis.lua_mem_alloc = chassis.lua_mem_alloc or 0
  chassis.lua_mem_free = chassis.lua_mem_free or 0
  chassis.lua_mem_bytes = chassis.lua_mem_bytes or bytes
  chassis.lua_mem_bytes_max = chassis.lua_mem_bytes_max or max
  all.chassis = chassis
  if name == nil then return all end
  return all[name]
end

function module.mem_profile()
  local bytes, max = memory()
  log("message", place() .. ("Lua uses %.0f bytes, %.0f at most"):format(bytes, max))
end

-- As always: who loads this module has print() write to the log from then on.
os.print = os.print or print
print = module.message
