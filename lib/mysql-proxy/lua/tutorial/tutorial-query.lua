--[[
  tutorial-query: runs statements of its own on all backends, on connections that are not the client's. They are not in its
  transaction, and change nothing in its session.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-query --proxy-query-user=NAME --proxy-query-password=PASSWORD

  Try, through the proxy:
    ASK ALL SELECT @@hostname, @@version       -- one row per backend: backend, address, answer

  Whoever may log in can do here what that account may do.
]]

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local sql = packet:sub(2):match("^%s*[Aa][Ss][Kk]%s+[Aa][Ll][Ll]%s+(.+)$")
  if not sql then return end

  local rows = {}
  for ndx = 1, #proxy.global.backends do
    -- Waits for the answer; other clients do not.
    local result, message = proxy.query(ndx, sql)
    local answer
    if not result then
      answer = "error: " .. message
    elseif not result.rows then
      answer = result.affected_rows .. " rows affected"
    else
      local cells = {}
      for _, row in ipairs(result.rows) do
        for i, field in ipairs(result.fields) do cells[#cells + 1] = field.name .. "=" .. (row[i] or "NULL") end
      end
      answer = table.concat(cells, ", ")
    end
    rows[ndx] = { ndx, proxy.global.backends[ndx].dst.name, answer }
  end
  proxy.response = {
    type = proxy.MYSQLD_PACKET_OK,
    resultset = {
      fields = {
        { name = "backend", type = proxy.MYSQL_TYPE_LONG },
        { name = "address", type = proxy.MYSQL_TYPE_STRING },
        { name = "answer", type = proxy.MYSQL_TYPE_STRING },
      },
      rows = rows,
    },
  }
  return proxy.PROXY_SEND_RESULT
end
