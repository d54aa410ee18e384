--[[
  tutorial-rewrite: replaces statements by others, here so that a MySQL client understands some words of a shell.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-rewrite

  Try, through the proxy:
    ls             -- SHOW TABLES
    ls mysql       -- SHOW TABLES FROM mysql
    who            -- SHOW PROCESSLIST
    cd mysql       -- changes the default database
]]

local function quoted(name)
  return "`" .. name:gsub("`", "``") .. "`"
end

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local command, option = packet:sub(2):match("^%s*(%a+)%s*(%S*)%s*$")
  if not command then return end
  command = command:lower()

  local new
  if command == "ls" then
    new = string.char(proxy.COM_QUERY) .. "SHOW TABLES" .. (option ~= "" and " FROM " .. quoted(option) or "")
  elseif command == "who" and option == "" then
    new = string.char(proxy.COM_QUERY) .. "SHOW PROCESSLIST"
  elseif command == "cd" and option ~= "" then
    -- It need not be SQL: this is the command behind USE.
    new = string.char(proxy.COM_INIT_DB) .. option
  else
    return
  end
  proxy.queries:append(1, new)
  return proxy.PROXY_SEND_QUERY
end
