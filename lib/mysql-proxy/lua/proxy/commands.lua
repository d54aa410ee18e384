--[[
  proxy.commands: what a client's command says.

  Usage:
    local commands = require("proxy.commands")
    local cmd = commands.parse(packet)             -- in read_query(packet)
    print(cmd.type_name, cmd.query)                -- COM_QUERY  SELECT 1
    print(commands.pretty_print(cmd))              -- [COM_QUERY] SELECT 1
]]

module("proxy.commands", package.seeall)

-- The names, by the first byte of the packet.
local names = {
  [0] = "COM_SLEEP", "COM_QUIT", "COM_INIT_DB", "COM_QUERY", "COM_FIELD_LIST", "COM_CREATE_DB", "COM_DROP_DB",
  "COM_REFRESH", "COM_SHUTDOWN", "COM_STATISTICS", "COM_PROCESS_INFO", "COM_CONNECT", "COM_PROCESS_KILL",
  "COM_DEBUG", "COM_PING", "COM_TIME", "COM_DELAYED_INSERT", "COM_CHANGE_USER", "COM_BINLOG_DUMP",
  "COM_TABLE_DUMP", "COM_CONNECT_OUT", "COM_REGISTER_SLAVE", "COM_STMT_PREPARE", "COM_STMT_EXECUTE",
  "COM_STMT_SEND_LONG_DATA", "COM_STMT_CLOSE", "COM_STMT_RESET", "COM_SET_OPTION", "COM_STMT_FETCH", "COM_DAEMON",
  "COM_BINLOG_DUMP_GTID", "COM_RESET_CONNECTION",
  [250] = "COM_STMT_BULK_EXECUTE", -- MariaDB's
}

-- Which field takes what stands behind the first byte.
local text_fields = {
  COM_QUERY = "query",
  COM_STMT_PREPARE = "query",
  COM_INIT_DB = "schema",
  COM_CREATE_DB = "schema",
  COM_DROP_DB = "schema",
  COM_FIELD_LIST = "table",
  COM_SET_OPTION = "option",
}

-- The commands that name a prepared statement, in four bytes.
local statement_commands = {
  COM_STMT_EXECUTE = true,
  COM_STMT_SEND_LONG_DATA = true,
  COM_STMT_CLOSE = true,
  COM_STMT_RESET = true,
  COM_STMT_FETCH = true,
  COM_STMT_BULK_EXECUTE = true,
}

local function uint32(packet, first)
  local a, b, c, d = packet:byte(first, first + 3)
  if d == nil then return nil end
  return a + b * 256 + c * 65536 + d * 16777216
end

---
-- Takes a command apart.
--
-- @param packet the payload of the packet, as read_query() gets it
-- @return a table with type, type_name, and what the command has of: query, schema, table, option, stmt_handler_id
function parse(packet)
  local cmd = { type = packet:byte() }
  local name = names[cmd.type]
  cmd.type_name = name
  if name == nil then
    print("[debug] (proxy.commands) unknown command: " .. tostring(cmd.type))
  elseif text_fields[name] then
    cmd[text_fields[name]] = packet:sub(2)
  elseif statement_commands[name] then
    cmd.stmt_handler_id = uint32(packet, 2)
  end
  return cmd
end

-- The commands whose name says everything.
local without_detail = { COM_QUIT = true, COM_PING = true, COM_SHUTDOWN = true, COM_FIELD_LIST = true }

---
-- A command in one line: "[COM_QUERY] SELECT 1".
function pretty_print(cmd)
  local label = "[" .. (cmd.type_name or ("command " .. tostring(cmd.type))) .. "]"
  local detail = cmd.query or cmd.schema or cmd.stmt_handler_id
  if detail ~= nil then return label .. " " .. detail end
  if without_detail[cmd.type_name] then return label end
  return label .. " ... no idea"
end
