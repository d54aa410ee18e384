--[[
  proxy.test: tests of scripts, in Lua.

  Usage:
    require("proxy.test")
    TestMine = proxy.test.BaseTest:new()           -- a global table whose name begins with Test
    function TestMine:setUp() self.value = 1 end
    function TestMine:testValue() assertEquals(self.value, 1) end
    local suite = proxy.test.Suite:new({ result = proxy.test.Result:new() })
    suite:run()
    suite.result:print()
    return suite:exit_code()
]]

module("proxy.test", package.seeall)

local function show(value)
  if type(value) == "string" then return string.format("%q", value) end
  return tostring(value)
end

---
-- Raises an error unless both values are equal and of the same type.
--
-- @param is the value at hand
-- @param expected what it ought to be
function assertEquals(is, expected)
  if type(is) ~= type(expected) then
    error(string.format("expected a %s (%s), got a %s (%s)", type(expected), show(expected), type(is), show(is)), 2)
  end
  if is ~= expected then error(string.format("expected %s, got %s", show(expected), show(is)), 2) end
end

---
-- Raises an error if both values are equal.
function assertNotEquals(is, expected)
  if is == expected then error(string.format("expected something else than %s", show(is)), 2) end
end

_G.assertEquals = assertEquals
_G.assertNotEquals = assertNotEquals

-- A group of tests: its methods whose names begin with test.
BaseTest = {}

---
-- A group of tests with the methods of this one.
--
-- @param fields its fields and methods, if there are any yet
function BaseTest:new(fields)
  fields = fields or {}
  setmetatable(fields, self)
  self.__index = self
  return fields
end

---
-- Called before each test.
function BaseTest:setUp() end

---
-- Called after each test, also after one that failed.
function BaseTest:tearDown() end

-- A table that tells of fields that are not there, as scripts that misspell one want to know.
local function strict(name, fields)
  return setmetatable(fields, {
    __index = function(_, key) error(string.format("%s.%s is not known", name, tostring(key)), 2) end,
  })
end

-- A group of tests that need a `proxy`.
ProxyBaseTest = BaseTest:new()

---
-- Sets the global `proxy` to one that stands for no connection. What it does not have is an error.
function ProxyBaseTest:setDefaultScope()
  local function socket(username)
    return { default_db = "", username = username, src = {}, dst = {} }
  end
  _G.proxy = strict("proxy", {
    global = { config = {}, backends = {} },
    queries = {
      data = {},
      append = function(queries, id, packet, options)
        queries.data[#queries.data + 1] = { id = id, packet = packet, options = options }
      end,
      prepend = function(queries, id, packet, options)
        table.insert(queries.data, 1, { id = id, packet = packet, options = options })
      end,
      reset = function(queries) queries.data = {} end,
      len = function(queries) return #queries.data end,
    },
    connection = { client = socket(""), server = socket(""), backend_ndx = 0 },
    response = {},
    test = proxy.test,
    PROXY_SEND_QUERY = 1,
    PROXY_SEND_RESULT = 2,
    PROXY_IGNORE_RESULT = 4,
    MYSQLD_PACKET_OK = 0,
    MYSQLD_PACKET_RAW = 250,
    MYSQLD_PACKET_EOF = 254,
    MYSQLD_PACKET_ERR = 255,
    BACKEND_STATE_UNKNOWN = 0,
    BACKEND_STATE_UP = 1,
    BACKEND_STATE_DOWN = 2,
    BACKEND_TYPE_UNKNOWN = 0,
    BACKEND_TYPE_RW = 1,
    BACKEND_TYPE_RO = 2,
    COM_QUIT = 1,
    COM_INIT_DB = 2,
    COM_QUERY = 3,
    MYSQL_TYPE_LONG = 3,
    MYSQL_TYPE_LONGLONG = 8,
    MYSQL_TYPE_STRING = 254,
  })
end

-- What came of the tests.
Result = {}

function Result:new(fields)
  fields = fields or {}
  fields.passed_count = 0
  fields.failed_count = 0
  fields.failures = {}
  setmetatable(fields, self)
  self.__index = self
  return fields
end

---
-- Counts a test that has passed.
function Result:passed()
  self.passed_count = self.passed_count + 1
end

---
-- Counts a test that has failed.
--
-- @param name the test's name
-- @param message why it failed
function Result:failed(name, message)
  self.failed_count = self.failed_count + 1
  self.failures[#self.failures + 1] = { name = name, message = message }
end

---
-- Prints which tests have failed, and how many have passed.
function Result:print()
  for _, failure in ipairs(self.failures) do
    print(string.format("FAILED %s: %s", tostring(failure.name), tostring(failure.message)))
  end
  print(string.format("%d tests, %d passed, %d failed", self.passed_count + self.failed_count, self.passed_count,
    self.failed_count))
end

-- All groups of tests.
Suite = {}

---
-- @param fields.result where results are counted; a new Result if left out
function Suite:new(fields)
  fields = fields or {}
  fields.result = fields.result or Result:new()
  setmetatable(fields, self)
  self.__index = self
  return fields
end

local function names_of(tbl, pattern, value_type)
  local found = {}
  for name, value in pairs(tbl) do
    if type(name) == "string" and name:find(pattern) and type(value) == value_type then found[#found + 1] = name end
  end
  table.sort(found)
  return found
end

---
-- Runs the methods test* of all tables Test*, in the order of their names.
--
-- @param scope where the tables are; the caller's globals and those of all if left out
function Suite:run(scope)
  local groups, names = {}, {}
  for _, from in ipairs(scope and { scope } or { getfenv(2), _G }) do
    for _, name in ipairs(names_of(from, "^Test", "table")) do
      if groups[name] == nil then names[#names + 1] = name end
      groups[name] = groups[name] or from[name]
    end
  end
  for _, group_name in ipairs(names) do
    local group = groups[group_name]
    for _, test_name in ipairs(names_of(group, "^test", "function")) do
      local passed, message = xpcall(function()
        if group.setUp then group:setUp() end
        group[test_name](group)
      end, debug.traceback)
      if group.tearDown then
        local torn_down, reason = pcall(group.tearDown, group)
        if passed and not torn_down then passed, message = false, reason end
      end
      if passed then
        self.result:passed()
      else
        self.result:failed(group_name .. ":" .. test_name, message)
      end
    end
  end
end

---
-- What the program that ran the tests is to exit with.
function Suite:exit_code()
  return self.result.failed_count == 0 and 0 or 1
end
