-- The functions of `table` that Lua 5.4 has no more.
local dialect = ...

local table, error, next, pairs, type = table, error, next, pairs, type
local is_hosts, expect, expect_table = dialect.is_hosts, dialect.expect, dialect.expect_table

local function each(t)
  if is_hosts(t) then return pairs(t) end
  return next, t
end

function table.getn(t)
  expect_table(t, 1, "getn")
  return #t
end

function table.setn(t)
  expect_table(t, 1, "setn")
  error("'setn' is obsolete", 2)
end

function table.maxn(t)
  expect_table(t, 1, "maxn")
  local most = 0
  for key in each(t) do
    if type(key) == "number" and key > most then most = key end
  end
  return most
end

function table.foreach(t, f)
  expect_table(t, 1, "foreach")
  expect(f, 2, "foreach", "function")
  for key, value in each(t) do
    local result = f(key, value)
    if result ~= nil then return result end
  end
end

function table.foreachi(t, f)
  expect_table(t, 1, "foreachi")
  expect(f, 2, "foreachi", "function")
  for i = 1, #t do
    local result = f(i, t[i])
    if result ~= nil then return result end
  end
end
