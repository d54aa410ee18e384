--[[
  tutorial-firewall: lets only those statements pass that it has learned before. Statements that differ in values, case and
  spaces only are the same.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-firewall

  Try, through the proxy, as root:
    PROXY SET GLOBAL firewall.mode = "learn"      -- each statement is allowed, and learned
    PROXY SET GLOBAL firewall.mode = "protect"    -- all others are refused
    PROXY SET GLOBAL firewall.mode = "off"
    PROXY SAVE CONFIG INTO "/tmp/firewall.lua"    -- keeps what it has learned, to be read and edited
    PROXY LOAD CONFIG FROM "/tmp/firewall.lua"
]]

local commands = require("proxy.commands")
local tokenizer = require("proxy.tokenizer")
require("proxy.auto-config")

-- Who may change what it does.
local admin = "root"

local global = proxy.global
if not global.config.firewall then global.config.firewall = { mode = "off", allowed = {} } end

function read_query(packet)
  local command = commands.parse(packet)
  -- A statement that is prepared is looked at when it is prepared.
  if not command.query then return end
  if proxy.connection.client.username == admin then
    local answer = global.config:handle(command)
    if answer then return answer end
  end

  local firewall = global.config.firewall
  if firewall.mode == "off" then return end
  local query = tokenizer.normalize(tokenizer.tokenize(command.query))
  if firewall.allowed[query] then return end
  if firewall.mode == "learn" then
    firewall.allowed[query] = true
    return
  end
  print("[firewall] refused: " .. query:gsub("%c", " "))
  proxy.response = {
    type = proxy.MYSQLD_PACKET_ERR,
    errcode = 1227,
    sqlstate = "42000",
    errmsg = "the firewall does not know this statement",
  }
  return proxy.PROXY_SEND_RESULT
end
