--[[
  tutorial-firewall: lets only those statements pass that it has learned before. What it has learned is in a file, so it can be read,
  edited, and is there after a restart.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-firewall

  Try, through the proxy, as root:
    FIREWALL LEARN         -- from now on each statement is allowed, and learned
    FIREWALL PROTECT       -- from now on all others are refused
    FIREWALL OFF

  Statements that differ in values, case and spaces only are the same. The file is firewall.txt in the current folder, or the one
  that the environment variable FIREWALL_FILE names.
]]

local tokenizer = require("proxy.tokenizer")

-- Who may change what it does.
local admin = "root"
local path = os.getenv("FIREWALL_FILE") or "firewall.txt"

-- One table for the clients of all event threads: mode, and the allowed statements.
local function load_rules()
  local rules = { mode = "PROTECT", allowed = {} }
  local file = io.open(path)
  if not file then
    rules.mode = "OFF"
    return rules
  end
  for line in file:lines() do rules.allowed[line] = true end
  file:close()
  return rules
end

if not proxy.global.firewall then proxy.global.firewall = load_rules() end
local rules = proxy.global.firewall

local function learn(query)
  rules.allowed[query] = true
  local file, message = io.open(path, "a")
  if not file then
    print("[firewall] cannot write: " .. message)
    return
  end
  file:write(query, "\n")
  file:close()
end

local function answer(response)
  proxy.response = response
  return proxy.PROXY_SEND_RESULT
end

function read_query(packet)
  local command = packet:byte()
  -- A statement that is prepared is looked at when it is prepared.
  if command ~= proxy.COM_QUERY and command ~= proxy.COM_STMT_PREPARE then return end
  local mode = packet:sub(2):upper():match("^%s*FIREWALL%s+(%u+)%s*$")
  if (mode == "LEARN" or mode == "PROTECT" or mode == "OFF") and proxy.connection.client.username == admin then
    rules.mode = mode
    return answer({ type = proxy.MYSQLD_PACKET_OK })
  end
  if rules.mode == "OFF" then return end

  local query = tokenizer.normalize(tokenizer.tokenize(packet:sub(2))):gsub("%c", " ")
  if rules.allowed[query] then return end
  if rules.mode == "LEARN" then
    learn(query)
    return
  end
  print("[firewall] refused: " .. query)
  return answer({
    type = proxy.MYSQLD_PACKET_ERR,
    errcode = 1227,
    sqlstate = "42000",
    errmsg = "the firewall does not know this statement",
  })
end
