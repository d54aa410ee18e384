--[[
  commit-obfuscator: lets about half of all COMMITs fail, to test how an application takes it. The transaction is rolled back,
  and the client is told of a lock wait timeout, 1205.

  Start it with:
    mysql-proxy --proxy-lua-script=commit-obfuscator --proxy-backend-addresses=127.0.0.1:3306

  Try: BEGIN, INSERT, COMMIT, several times, and see what is in the table.
]]

local probability = 0.5
local ROLLBACK = 1

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  if not packet:sub(2):upper():find("^%s*COMMIT%s*;?%s*$") then return end
  if math.random() >= probability then return end
  proxy.queries:append(ROLLBACK, string.char(proxy.COM_QUERY) .. "ROLLBACK", { resultset_is_needed = true })
  return proxy.PROXY_SEND_QUERY
end

function read_query_result(inj)
  if inj.id ~= ROLLBACK then return end
  proxy.response = {
    type = proxy.MYSQLD_PACKET_ERR,
    errcode = 1205,
    sqlstate = "HY000",
    errmsg = "Lock wait timeout exceeded; try restarting transaction",
  }
  return proxy.PROXY_SEND_RESULT
end
