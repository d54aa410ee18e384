-- The functions of `table` that Lua 5.4 has no more, and positions that it refuses.
local dialect = ...

local table, error, floor, next, rawlen, select, type = table, error, math.floor, next, rawlen, select, type
local is_hosts, expect, expect_table = dialect.is_hosts, dialect.expect, dialect.expect_table

local function length(t)
  if type(t) ~= "table" or is_hosts(t) then return #t end
  return rawlen(t)
end

local native_insert = dialect.name_native("insert", table.insert)

-- A position beyond the end makes the table longer, one below 1 moves everything.
function table.insert(t, position, ...)
  local value = ...
  if value == nil then return native_insert(t, position, ...) end
  if type(position) == "number" and type(t) == "table" and select("#", ...) == 1 then
    local n = #t
    if position > n + 1 or position < 1 then
      position = floor(position)
      for i = n, position, -1 do
        t[i + 1] = t[i]
      end
      t[position] = value
      return
    end
  end
  return native_insert(t, position, ...)
end

local native_remove = dialect.name_native("remove", table.remove)

-- A position outside of the table removes nothing.
function table.remove(t, position)
  if position == nil then
    if type(t) == "table" and #t == 0 then return end
    return native_remove(t)
  end
  if type(position) == "number" and type(t) == "table" and (position < 1 or position >= #t + 1) then return end
  return native_remove(t, position)
end

function table.getn(t)
  expect_table(t, 1, "getn")
  return length(t)
end

function table.setn(t)
  expect_table(t, 1, "setn")
  error("'setn' is obsolete", 2)
end

function table.maxn(t)
  expect_table(t, 1, "maxn")
  local most = 0
  for key in next, t do
    if type(key) == "number" and key > most then most = key end
  end
  return most
end

function table.foreach(t, f)
  expect_table(t, 1, "foreach")
  expect(f, 2, "foreach", "function")
  for key, value in next, t do
    local result = f(key, value)
    if result ~= nil then return result end
  end
end

function table.foreachi(t, f)
  expect_table(t, 1, "foreachi")
  expect(f, 2, "foreachi", "function")
  for i = 1, length(t) do
    local result = f(i, t[i])
    if result ~= nil then return result end
  end
end
