--[[
  tutorial-http: asks a web service. Only the client that has asked waits for it.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-http

  Try, through the proxy:
    FETCH http://127.0.0.1:8080/some/page      -- one row: status, content_type, body

  Whoever may log in can have the proxy ask for anything here, also within your network. Name the services that you need instead.
]]

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local url = packet:sub(2):match("^%s*[Ff][Ee][Tt][Cc][Hh]%s+(http%S+)%s*$")
  if not url then return end

  -- Also: { method = "POST", headers = { ... }, body = "..." }
  local answer, message = proxy.http(url, { timeout = 5 })
  if not answer then
    proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = message }
    return proxy.PROXY_SEND_RESULT
  end
  proxy.response = {
    type = proxy.MYSQLD_PACKET_OK,
    resultset = {
      fields = {
        { name = "status", type = proxy.MYSQL_TYPE_LONG },
        { name = "content_type", type = proxy.MYSQL_TYPE_VAR_STRING },
        -- 63 says that these are bytes, not text.
        { name = "body", type = proxy.MYSQL_TYPE_BLOB, charset = 63 },
      },
      rows = {
        { answer.status, answer.headers["content-type"], answer.body },
      },
    },
  }
  return proxy.PROXY_SEND_RESULT
end
