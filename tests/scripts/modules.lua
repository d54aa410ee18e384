--[[
  Tests of the modules proxy.*, with proxy.test. The client's first statement runs them; the answer has the failures.
]]

local commands = require("proxy.commands")
local tokenizer = require("proxy.tokenizer")
local parser = require("proxy.parser")
local statement = require("proxy.statement")
local settings = require("proxy.settings")
local pooled_session = require("proxy.pooled-session")
local auto_config = require("proxy.auto-config")
local tests = require("proxy.test")

local function tokens_of(sql)
  return tokenizer.tokenize(sql)
end

local function tables_of(sql)
  local list = {}
  for name, access in pairs(parser.get_tables(tokens_of(sql))) do list[#list + 1] = name .. " " .. access end
  table.sort(list)
  return table.concat(list, ", ")
end

TestCommands = tests.BaseTest:new()

function TestCommands:testQuery()
  local cmd = commands.parse("\003SELECT 1")
  assertEquals(cmd.type, proxy.COM_QUERY)
  assertEquals(cmd.type_name, "COM_QUERY")
  assertEquals(cmd.query, "SELECT 1")
  assertEquals(commands.pretty_print(cmd), "[COM_QUERY] SELECT 1")
end

function TestCommands:testFields()
  assertEquals(commands.parse("\002db").schema, "db")
  assertEquals(commands.parse("\005db").schema, "db")
  assertEquals(commands.parse("\006db").schema, "db")
  assertEquals(commands.parse("\004t\000w%").table, "t\000w%")
  assertEquals(commands.parse("\027\000\000").option, "\000\000")
  assertEquals(commands.parse("\022SELECT ?").query, "SELECT ?")
  assertEquals(commands.parse("\023\001\002\003\004rest").stmt_handler_id, 0x04030201)
  assertEquals(commands.parse("\025\255\255\255\255").stmt_handler_id, 4294967295)
  assertEquals(commands.parse("\023\001").stmt_handler_id, nil)
end

function TestCommands:testNames()
  local names = {
    [0] = "COM_SLEEP", [1] = "COM_QUIT", [14] = "COM_PING", [18] = "COM_BINLOG_DUMP", [24] = "COM_STMT_SEND_LONG_DATA",
    [28] = "COM_STMT_FETCH", [29] = "COM_DAEMON", [30] = "COM_BINLOG_DUMP_GTID", [31] = "COM_RESET_CONNECTION",
  }
  for type, name in pairs(names) do assertEquals(commands.parse(string.char(type)).type_name, name) end
  for name, type in pairs(proxy) do
    if type ~= nil and tostring(name):find("^COM_") then
      assertEquals(commands.parse(string.char(type)).type_name, name)
    end
  end
  assertEquals(commands.parse("\200").type_name, nil)
end

function TestCommands:testPrettyPrint()
  assertEquals(commands.pretty_print(commands.parse("\001")), "[COM_QUIT]")
  assertEquals(commands.pretty_print(commands.parse("\014")), "[COM_PING]")
  assertEquals(commands.pretty_print(commands.parse("\002db")), "[COM_INIT_DB] db")
  assertEquals(commands.pretty_print(commands.parse("\025\007\000\000\000")), "[COM_STMT_CLOSE] 7")
  assertEquals(commands.pretty_print(commands.parse("\009")), "[COM_STATISTICS] ... no idea")
end

TestTokenizer = tests.BaseTest:new()

local normal_forms = {
  ["select 1"] = "SELECT ? ",
  ["SELECT a, 'x', 1.5 FROM t -- end"] = "SELECT `a` , ? , ? FROM `t` ",
  ["/* c */ insert into t values(1)"] = "INSERT INTO `t` VALUES( ? ) ",
  ["select @a, @@port"] = "SELECT @a , @@port ",
  ["commit"] = "COMMIT ",
  ["begin"] = "BEGIN ",
  ["start transaction"] = "START TRANSACTION ",
  ["SELECT commit FROM t"] = "SELECT `commit` FROM `t` ",
  ["select /*!40001 sql_no_cache */ x"] = "SELECT /*!40001 sql_no_cache */ `x` ",
  ["select count(*) from `a``b`"] = "SELECT COUNT( * ) FROM `a``b` ",
}

-- A list that is no list of the tokenizer's.
local function copy(tokens)
  local list = {}
  for i = 1, #tokens do
    list[i] = { text = tokens[i].text, token_name = tokens[i].token_name, token_id = tokens[i].token_id }
  end
  return list
end

function TestTokenizer:testNormalize()
  for sql, form in pairs(normal_forms) do
    assertEquals(tokenizer.normalize(tokens_of(sql)), form)
    assertEquals(tokenizer.normalize(copy(tokens_of(sql))), form)
  end
end

function TestTokenizer:testNormalizeChangedList()
  local tokens = tokens_of("SELECT a , b")
  tokens[3] = nil
  tokens[4] = nil
  assertEquals(tokenizer.normalize(tokens), "SELECT `a` ")
end

function TestTokenizer:testFirstToken()
  assertEquals(tokenizer.first_stmt_token(tokens_of("/* c */ SELECT 1")).token_name, "TK_SQL_SELECT")
  assertEquals(tokenizer.first_stmt_token(tokens_of("/* c */")), nil)
  assertEquals(tokenizer.first_stmt_token(tokens_of("")), nil)
end

function TestTokenizer:testBareTokens()
  local tokens = tokens_of("SELECT /* c */ 'x', `y`")
  assertEquals(table.concat(tokenizer.bare_tokens(tokens), "|"), "SELECT|x|,|y")
  assertEquals(table.concat(tokenizer.bare_tokens(tokens, true), "|"), 'SELECT|"x"|,|y')
  assertEquals(table.concat(tokenizer.tokens_without_comments(tokens), "|"), "SELECT|x|,|y")
end

function TestTokenizer:testTokensToQuery()
  local tokens = tokens_of("SELECT /* c */ count(*), 'it''s', `b c` FROM t")
  assertEquals(tokenizer.tokens_to_query(tokens), 'SELECT count( * ) , "it\'s" , `b c` FROM t ')
  assertEquals(tokenizer.tokens_to_query(tokens, 1, 1), "SELECT ")
  assertEquals(tokenizer.tokens_to_query(tokens, #tokens - 1), "FROM t ")
  assertEquals(tokenizer.tokens_to_query(tokens_of("SELECT 'a\\'b', 'c\"d', `select`")),
    'SELECT "a\\\'b" , "c\\"d" , `select` ')
end

TestParser = tests.BaseTest:new()

local tables = {
  ["SELECT 1"] = "",
  ["SELECT * FROM db.t AS x, db.u y JOIN db.v ON v.a = u.b LEFT JOIN `d d`.`w w` USING(id) WHERE a IN (SELECT b FROM h)"] =
    "d d.w w read, db.t read, db.u read, db.v read",
  ["SELECT * FROM (SELECT * FROM d.hidden) AS s JOIN d.z"] = "d.z read",
  ["SELECT EXTRACT(YEAR FROM x) FROM d.t1 UNION ALL SELECT a FROM d.t2 FOR UPDATE"] = "d.t1 read, d.t2 read",
  ["INSERT INTO d.t(a, b) VALUES (1, 2)"] = "d.t write",
  ["INSERT IGNORE INTO d.t (a) SELECT a FROM d.u ON DUPLICATE KEY UPDATE a = 1"] = "d.t write, d.u read",
  ["REPLACE INTO d.t SELECT * FROM d.t"] = "d.t write",
  ["UPDATE LOW_PRIORITY d.t SET a = 1 WHERE b = 2"] = "d.t write",
  ["DELETE FROM d.t WHERE a = 1"] = "d.t write",
  ["DELETE a FROM d.t1 AS a JOIN d.t2 ON a.x = t2.x"] = "d.t1 write, d.t2 read",
  ["CREATE TABLE d.t(id INT)"] = "d.t write",
  ["CREATE TEMPORARY TABLE IF NOT EXISTS d.t LIKE d.u"] = "d.t write, d.u read",
  ["CREATE INDEX i ON d.t(a)"] = "",
  ["DROP TABLE IF EXISTS d.a, d.b"] = "d.a write, d.b write",
  ["ALTER TABLE d.t ADD COLUMN x INT, RENAME TO d.u"] = "d.t write, d.u write",
  ["RENAME TABLE d.a TO d.b, d.c TO d.e"] = "d.a write, d.b write, d.c write, d.e write",
  ["TRUNCATE TABLE d.t"] = "d.t write",
  ["SHOW TABLES FROM d"] = "",
}

function TestParser:testGetTables()
  for sql, expected in pairs(tables) do assertEquals(tables_of(sql), expected) end
end

function TestParser:testSecondTime()
  for _ = 1, 3 do assertEquals(tables_of("CREATE TABLE d.t (id INT)"), "d.t write") end
end

function TestParser:testDefaultDatabase()
  assertEquals(parser.tablename_expand("t", "d"), "d.t")
  assertEquals(parser.tablename_expand("t"), proxy.connection.client.default_db .. ".t")
  assertEquals(tables_of("SELECT * FROM t"), proxy.connection.client.default_db .. ".t read")
end

TestStatement = tests.BaseTest:new()

-- What traits() finds, as words in order.
local traits = {
  ["SELECT 1"] = "is_read",
  ["SELECT @@port;"] = "is_read",
  ["(SELECT 1) UNION (SELECT 2)"] = "is_read",
  ["WITH a AS (SELECT 1) SELECT * FROM a"] = "is_read",
  ["WITH a AS (SELECT 1) DELETE FROM t"] = "",
  ["SELECT LAST_INSERT_ID()"] = "is_read needs_previous",
  ["SELECT @@session.last_insert_id"] = "is_read needs_previous",
  ["SELECT SQL_CALC_FOUND_ROWS 1"] = "calc_found_rows is_read",
  ["SELECT * FROM t FOR UPDATE SKIP LOCKED"] = "",
  ["SELECT * FROM t FOR SHARE"] = "",
  ["SELECT * FROM t LOCK IN SHARE MODE"] = "",
  ["SELECT 1 INTO OUTFILE 'x'"] = "",
  ["SELECT 'FOR UPDATE', \"@x\""] = "is_read",
  ["SELECT REPLACE(a, b, c) FROM t"] = "is_read",
  ["SELECT NEXTVAL(s)"] = "",
  ["SELECT GET_LOCK('a', 1)"] = "holds=session",
  ["SELECT @a := 1"] = "holds=session",
  ["CREATE TEMPORARY TABLE t (a INT)"] = "holds=session",
  ["CREATE TABLE t (a INT)"] = "",
  ["PREPARE s FROM 'x'"] = "holds=session",
  ["EXECUTE s"] = "needs_previous",
  ["LOCK TABLES t READ"] = "holds=tables",
  ["UNLOCK TABLES"] = "releases=tables",
  ["FLUSH TABLES WITH READ LOCK"] = "holds=tables",
  ["SHOW WARNINGS"] = "needs_previous",
  ["SHOW TABLES"] = "",
  ["USE d"] = "",
  ["use `my d`;"] = "",
  ["USE /* which? */ d"] = "holds=session",
  ["/*!40000 USE d */"] = "holds=session",
  ["SET NAMES utf8"] = "setting=NAMES",
  ["SET @@session.sql_mode = ''"] = "setting=SQL_MODE",
  ["SET GLOBAL x = 1"] = "",
  ["SET autocommit = 0"] = "",
  ["SET TRANSACTION READ ONLY"] = "next_transaction",
  ["SET insert_id = 5"] = "holds=session",
  ["/*!40101 SET NAMES utf8 */"] = "holds=session",
  ["SELECT /*!40001 SQL_NO_CACHE */ 1"] = "",
  ["SELECT 1; SET NAMES utf8"] = "holds=session",
  ["INSERT INTO t VALUES (1)"] = "",
}

function TestStatement:testTraits()
  for sql, expected in pairs(traits) do
    local found = {}
    for name, value in pairs(statement.traits(sql)) do
      if type(value) == "table" then value = value.key end
      found[#found + 1] = value == true and name or name .. "=" .. value
    end
    table.sort(found)
    assertEquals(sql .. ": " .. table.concat(found, " "), sql .. ": " .. expected)
  end
end

TestAutoConfig = tests.BaseTest:new()

function TestAutoConfig:setUp()
  proxy.global.config.my_module = { a_number = 1, a_string = "x", off = false, on = true }
end

function TestAutoConfig:tearDown()
  proxy.global.config.my_module = nil
end

-- What a client gets for a statement: an error's text, or how many rows there are.
local function handle(sql)
  local decision = proxy.global.config:handle({ type = proxy.COM_QUERY, query = sql })
  if decision == nil then return nil end
  assertEquals(decision, proxy.PROXY_SEND_RESULT)
  local response = proxy.response
  if response.type == proxy.MYSQLD_PACKET_ERR then return response.errmsg end
  return response.resultset and #response.resultset.rows or "OK " .. (response.affected_rows or 0)
end

function TestAutoConfig:testSet()
  local config = proxy.global.config
  assertEquals(handle("PROXY SET GLOBAL my_module.a_number = -5"), "OK 1")
  assertEquals(config.my_module.a_number, -5)
  assertEquals(handle("proxy set global my_module.a_string = \"it's\""), "OK 1")
  assertEquals(config.my_module.a_string, "it's")
  assertEquals(handle("PROXY SET GLOBAL my_module . off = TRUE"), "OK 1")
  assertEquals(config.my_module.off, true)
  assertEquals(handle("PROXY SET GLOBAL my_module.off=false"), "OK 1")
  assertEquals(config.my_module.off, false)
end

function TestAutoConfig:testRefusals()
  assertEquals(handle("PROXY SET GLOBAL nothing.x = 1"), "module not known")
  assertEquals(handle("PROXY SET GLOBAL my_module.x = 1"), "option not know")
  assertEquals(handle("PROXY SET GLOBAL my_module.a_number = \"1\""), "(auto-config) expected a number, got string")
  assertEquals(handle("PROXY SET GLOBAL my_module.on = 1"), "(auto-config) expected a boolean, got number")
  assertNotEquals(handle("PROXY LOAD CONFIG FROM \"/nowhere/config.lua\""), "OK 0")
  assertNotEquals(handle("PROXY SAVE CONFIG INTO \"/nowhere/config.lua\""), "OK 0")
end

function TestAutoConfig:testOtherStatements()
  for _, sql in ipairs({
    "SELECT 1", "PROXY", "PROXY SHOW CONFIG please", "PROXY SET GLOBAL my_module.a_number = 1 + 1",
    "PROXY SET GLOBAL my_module.a_number = x", "PROXY SET GLOBAL my_module.a_string = \"x", "SHOW CONFIG",
  }) do
    assertEquals(handle(sql), nil)
  end
  assertEquals(auto_config.handle({ type = proxy.COM_PING }), nil)
end

function TestAutoConfig:testShow()
  assertEquals(handle("PROXY SHOW CONFIG"), 4)
  local rows = proxy.response.resultset.rows
  assertEquals(table.concat(rows[1], "|"), "my_module|a_number|1|number")
  assertEquals(table.concat(rows[3], "|"), "my_module|off|false|boolean")
end

function TestAutoConfig:testFile()
  local name = os.tmpname()
  proxy.global.config.my_module.a_string = "a\nb\"c\\"
  assertEquals(handle(string.format("PROXY SAVE CONFIG INTO %q", name)), "OK 0")
  proxy.global.config.my_module.a_string = "lost"
  proxy.global.config.my_module.a_number = 0
  assertEquals(auto_config.handle({ type = proxy.COM_QUERY, query = string.format("PROXY LOAD CONFIG FROM '%s'", name) }),
    proxy.PROXY_SEND_RESULT)
  assertEquals(proxy.global.config.my_module.a_string, "a\nb\"c\\")
  assertEquals(proxy.global.config.my_module.a_number, 1)
  local file = io.open(name, "w")
  file:write("os.exit(1) return {}")
  file:close()
  assertNotEquals(handle(string.format("PROXY LOAD CONFIG FROM %q", name)), "OK 0")
  os.remove(name)
end

TestTest = tests.BaseTest:new()

function TestTest:testResults()
  local result = tests.Result:new()
  local scope = { TestSome = tests.BaseTest:new({ order = "" }) }
  function scope.TestSome:setUp() self.order = self.order .. "s" end
  function scope.TestSome:tearDown() self.order = self.order .. "t" end
  function scope.TestSome:testA() assertEquals(1, 1) end
  function scope.TestSome:testB() assertEquals(1, 2) end
  function scope.TestSome:testC() assertEquals(1, "1") end
  function scope.TestSome:testD() assertNotEquals(1, 1) end
  local suite = tests.Suite:new({ result = result })
  suite:run(scope)
  assertEquals(scope.TestSome.order, "stststst")
  assertEquals(result.passed_count, 1)
  assertEquals(result.failed_count, 3)
  assertEquals(suite:exit_code(), 1)
end

TestProxyBase = tests.ProxyBaseTest:new()

function TestProxyBase:setUp()
  self.real = proxy
  self:setDefaultScope()
end

function TestProxyBase:tearDown()
  _G.proxy = self.real
end

function TestProxyBase:testScope()
  assertEquals(proxy.PROXY_SEND_QUERY, self.real.PROXY_SEND_QUERY)
  assertEquals(proxy.PROXY_SEND_RESULT, self.real.PROXY_SEND_RESULT)
  proxy.queries:append(1, "\003SELECT 1")
  assertEquals(proxy.queries:len(), 1)
  assertEquals(pcall(function() return proxy.nothing end), false)
end

TestPooledSession = tests.BaseTest:new()

function TestPooledSession:tearDown()
  settings.forget()
  proxy.pooled_session = nil
end

function TestPooledSession:testForgetsConnectionThatIsClosedWithItsClient()
  local function queued()
    settings.new():prepare(1, true)
    local count = proxy.queries:len()
    proxy.queries:reset()
    return count
  end
  local session = pooled_session.define({ name = "test" })()
  session.is_logged_in = true
  -- Asked what the log-in has made of it, once.
  assertEquals(queued(), 1)
  assertEquals(queued(), 0)
  session:leave(0)
  assertEquals(queued(), 1)
end

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY or packet:sub(2) ~= "RUN" then return end
  local scope = {}
  for _, name in ipairs({
    "TestCommands", "TestTokenizer", "TestParser", "TestStatement", "TestAutoConfig", "TestTest", "TestProxyBase",
    "TestPooledSession",
  }) do
    scope[name] = getfenv(1)[name]
  end
  local suite = tests.Suite:new({ result = tests.Result:new() })
  suite:run(scope)
  suite.result:print()
  local rows = { { "passed", tostring(suite.result.passed_count) } }
  for _, failure in ipairs(suite.result.failures) do rows[#rows + 1] = { failure.name, failure.message } end
  proxy.response = {
    type = proxy.MYSQLD_PACKET_OK,
    resultset = { fields = { { name = "test", type = 254 }, { name = "message", type = 254 } }, rows = rows },
  }
  return proxy.PROXY_SEND_RESULT
end
