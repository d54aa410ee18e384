--[[
  tutorial-scramble: lets clients log in with names and passwords that the server does not know. The script checks the
  client's password and logs in to the server with another account.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-scramble

  Try: the account below; the server has to know its server_username. Both sides use mysql_native_password here, so the server must
  still have it: MariaDB, or MySQL before 9.
]]

local password = require("mysql.password")
local proto = require("mysql.proto")

-- By the name that clients use. Passwords could be kept as password.hash(password.hash(...)) as well.
local accounts = {
  guest = { password = "guest-secret", server_username = "replaced", server_password = "replaced-secret" },
}

-- What the proxy tells the server about the client: LONG_PASSWORD, LONG_FLAG, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS,
-- SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS, PS_MULTI_RESULTS, PLUGIN_AUTH.
local capabilities = 0x1 + 0x4 + 0x8 + 0x200 + 0x2000 + 0x8000 + 0x10000 + 0x20000 + 0x40000 + 0x80000

function read_auth()
  local client, server = proxy.connection.client, proxy.connection.server
  local account = accounts[client.username]
  -- All others are the server's business.
  if not account then return end

  -- Both sides prove that they know the password by mixing it with these 20 random bytes.
  local challenge = server.scramble_buffer:sub(1, 20)
  local response = client.scrambled_password or ""
  local hash = password.hash(account.password)
  if #response ~= 20 or not password.check(challenge, response, password.hash(hash)) then
    proxy.response = {
      type = proxy.MYSQLD_PACKET_ERR,
      errcode = 1045,
      sqlstate = "28000",
      errmsg = "Access denied for user '" .. client.username .. "' by the proxy",
    }
    return proxy.PROXY_SEND_RESULT
  end

  proxy.queries:append(1, proto.to_response_packet({
    username = account.server_username,
    response = password.scramble(challenge, password.hash(account.server_password)),
    charset = 45, -- utf8mb4
    database = client.default_db,
    max_packet_size = 1073741824,
    auth_plugin_name = "mysql_native_password",
    capabilities = capabilities,
    server_capabilities = capabilities,
  }))
  return proxy.PROXY_SEND_QUERY
end
