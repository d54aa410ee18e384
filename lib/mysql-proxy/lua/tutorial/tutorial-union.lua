--[[
  tutorial-union: sends each SELECT twice, and puts both results together to one.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-union

  Try: SELECT 1
]]

local FIRST, SECOND = 1, 2

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY or packet:sub(2, 7):upper() ~= "SELECT" then return end
  proxy.queries:append(FIRST, packet, { resultset_is_needed = true })
  proxy.queries:append(SECOND, packet, { resultset_is_needed = true })
  return proxy.PROXY_SEND_QUERY
end

local fields, rows

function read_query_result(inj)
  local result = inj.resultset
  if not result.rows then
    -- The client gets the error. There is nothing to wait for behind it.
    proxy.queries:reset()
    return
  end
  if inj.id == FIRST then
    fields, rows = {}, {}
    for i = 1, #result.fields do
      fields[i] = { name = result.fields[i].name, type = result.fields[i].type }
    end
  end
  for row in result.rows do rows[#rows + 1] = row end
  if inj.id == FIRST then return proxy.PROXY_IGNORE_RESULT end

  proxy.response = { type = proxy.MYSQLD_PACKET_OK, resultset = { fields = fields, rows = rows } }
  return proxy.PROXY_SEND_RESULT
end
