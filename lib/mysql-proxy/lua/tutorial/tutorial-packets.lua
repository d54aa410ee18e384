--[[
  tutorial-packets: prints each command and its response in a box, with everything that is known about them.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-packets

  Try: run any statement, prepare one, ping, change the default database.
]]

local commands = require("proxy.commands")
local proto = require("mysql.proto")

local width = 76

local function rule(title)
  local text = title and "[ " .. title .. " ]" or ""
  print("+--" .. text .. string.rep("-", width - #text - 2) .. "+")
end

local function line(text)
  text = text:gsub("%c", " ")
  repeat
    local part = text:sub(1, width - 2)
    text = text:sub(#part + 1)
    print("| " .. part .. string.rep(" ", width - 2 - #part) .. " |")
  until text == ""
end

--- Sixteen bytes a line, as numbers and as characters.
local function hex(bytes)
  for i = 1, math.min(#bytes, 256), 16 do
    local part = bytes:sub(i, i + 15)
    local numbers = part:gsub(".", function(char) return string.format("%02x ", char:byte()) end)
    local text = part:gsub("[^\32-\126]", ".")
    line(string.format("%04x  %-48s %s", i - 1, numbers, text))
  end
  if #bytes > 256 then line("... " .. #bytes .. " bytes") end
end

local function connection_lines()
  local client, server = proxy.connection.client, proxy.connection.server
  line("client: " .. client.src.name .. " -> " .. client.dst.name)
  line("user: " .. (client.username or "") .. ", database: " .. client.default_db)
  if server then
    line("server: " .. server.dst.name .. ", version " .. server.mysqld_version .. ", thread " .. server.thread_id)
  end
end

local parameter_counts = {}

local function prepared_lines(command, packet)
  local id = command.stmt_handler_id
  if not id then return end
  line("statement: " .. id)
  if command.type ~= proxy.COM_STMT_EXECUTE then return end
  local execute = proto.from_stmt_execute_packet(packet, parameter_counts[id] or 0)
  for i, param in ipairs(execute.params or {}) do
    line("parameter " .. i .. ": type " .. param.type .. ", value " .. tostring(param.value))
  end
end

-- The commands that the server does not answer.
local without_response = {
  [proxy.COM_QUIT] = true,
  [proxy.COM_STMT_CLOSE] = true,
  [proxy.COM_STMT_SEND_LONG_DATA] = true,
}
local command

function read_query(packet)
  command = commands.parse(packet)
  rule("command")
  connection_lines()
  line(commands.pretty_print(command))
  prepared_lines(command, packet)
  hex(packet)
  rule()
  if without_response[command.type] then return end
  proxy.queries:append(1, packet, { resultset_is_needed = true })
  return proxy.PROXY_SEND_QUERY
end

local function prepare_ok_lines(raw)
  local answer = proto.from_stmt_prepare_ok_packet(raw)
  parameter_counts[answer.stmt_id] = answer.num_params
  line("statement: " .. answer.stmt_id .. ", columns: " .. answer.num_columns .. ", parameters: " .. answer.num_params)
end

local function result_lines(result)
  for name, is_set in pairs(result.flags) do line("flag " .. name .. ": " .. tostring(is_set)) end
  line("warnings: " .. tostring(result.warning_count))
  if not result.rows then
    line("affected rows: " .. tostring(result.affected_rows) .. ", insert id: " .. tostring(result.insert_id))
    return
  end
  for i = 1, #result.fields do
    local field = result.fields[i]
    line("field " .. i .. ": " .. field.name .. ", type " .. field.type .. ", of table " .. (field.org_table or ""))
  end
  for row in result.rows do
    local cells = {}
    for i = 1, #result.fields do cells[i] = tostring(row[i] or "NULL") end
    line("row: " .. table.concat(cells, ", "))
  end
  line(result.row_count .. " rows, " .. result.bytes .. " bytes")
end

function read_query_result(inj)
  local result = inj.resultset
  rule("response")
  line("query time: " .. inj.query_time .. " us, response time: " .. inj.response_time .. " us")
  hex(result.raw)
  if result.raw:byte() == proxy.MYSQLD_PACKET_ERR then
    local err = proto.from_err_packet(result.raw)
    line("error " .. err.errcode .. " (" .. err.sqlstate .. "): " .. (err.errmsg or ""))
  elseif command.type == proxy.COM_STMT_PREPARE then
    prepare_ok_lines(result.raw)
  elseif command.type == proxy.COM_QUERY or command.type == proxy.COM_STMT_EXECUTE then
    result_lines(result)
  end
  rule()
end
