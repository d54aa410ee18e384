--[[
  admin-sql: commands of the protocol that no SQL client can send, as SQL. For tests of servers and proxies.

  Start it with:
    mysql-proxy --proxy-lua-script=admin-sql

  Statements, exactly as they are here:
    COMMIT SUICIDE                   COM_SHUTDOWN            PREP, PREP1        COM_STMT_PREPARE
    PING                             COM_PING                EXEC, EXEC1        COM_STMT_EXECUTE
    STATISTICS                       COM_STATISTICS          DEAL, DEAL1        COM_STMT_CLOSE
    PROCINFO                         COM_PROCESS_INFO        RESET, RESET1      COM_STMT_RESET
    TIME                             COM_TIME                FETCH, FETCH1      COM_STMT_FETCH
    DEBUG                            COM_DEBUG               FLIST, FLIST1      COM_FIELD_LIST
    PROCKILL                         COM_PROCESS_KILL        TDUMP, TDUMP1, 2   COM_TABLE_DUMP
    SETOPT                           COM_SET_OPTION          REGSLAVE, REGSLAVE1  COM_REGISTER_SLAVE
    BINLOGDUMP, BINLOGDUMP1          COM_BINLOG_DUMP

  Without a number the command has no body, which most of them ought to have; with one it has the shortest that is right.
]]

local zero4 = "\000\000\000\000"
local one4 = "\001\000\000\000"

local function command(type, body)
  return string.char(type) .. (body or "")
end

local packets = {
  ["COMMIT SUICIDE"] = command(proxy.COM_SHUTDOWN),
  PING = command(proxy.COM_PING),
  STATISTICS = command(proxy.COM_STATISTICS),
  PROCINFO = command(proxy.COM_PROCESS_INFO),
  TIME = command(proxy.COM_TIME),
  DEBUG = command(proxy.COM_DEBUG),
  PROCKILL = command(proxy.COM_PROCESS_KILL),
  SETOPT = command(proxy.COM_SET_OPTION),
  BINLOGDUMP = command(proxy.COM_BINLOG_DUMP),
  -- position 4, no flags, server id 1, the first file
  BINLOGDUMP1 = command(proxy.COM_BINLOG_DUMP, "\004\000\000\000" .. "\000\000" .. one4),
  REGSLAVE = command(proxy.COM_REGISTER_SLAVE),
  -- server id 1, no host, user and password, port 0, rank 0, no master id
  REGSLAVE1 = command(proxy.COM_REGISTER_SLAVE, one4 .. "\000\000\000" .. "\000\000" .. zero4 .. zero4),
  PREP = command(proxy.COM_STMT_PREPARE),
  PREP1 = command(proxy.COM_STMT_PREPARE, "SELECT ?"),
  EXEC = command(proxy.COM_STMT_EXECUTE),
  -- statement 1, no cursor, once; one parameter, which is NULL
  EXEC1 = command(proxy.COM_STMT_EXECUTE, one4 .. "\000" .. one4 .. "\001\001\006\000"),
  DEAL = command(proxy.COM_STMT_CLOSE),
  DEAL1 = command(proxy.COM_STMT_CLOSE, one4),
  RESET = command(proxy.COM_STMT_RESET),
  RESET1 = command(proxy.COM_STMT_RESET, one4),
  FETCH = command(proxy.COM_STMT_FETCH),
  -- statement 1, 128 rows
  FETCH1 = command(proxy.COM_STMT_FETCH, one4 .. "\128\000\000\000"),
  FLIST = command(proxy.COM_FIELD_LIST),
  FLIST1 = command(proxy.COM_FIELD_LIST, "t1\000"),
  TDUMP = command(proxy.COM_TABLE_DUMP),
  TDUMP1 = command(proxy.COM_TABLE_DUMP, "\004test\002t1"),
  TDUMP2 = command(proxy.COM_TABLE_DUMP, "\004test\002t2"),
}

-- What has another answer than OK or ERR; a client that has sent a query would wait for its rows.
local answers_otherwise = {
  [proxy.COM_SHUTDOWN] = true,
  [proxy.COM_SET_OPTION] = true,
  [proxy.COM_BINLOG_DUMP] = true,
  [proxy.COM_STMT_PREPARE] = true,
  [proxy.COM_STMT_FETCH] = true,
  [proxy.COM_FIELD_LIST] = true,
  [proxy.COM_TABLE_DUMP] = true,
  [proxy.COM_DEBUG] = true,
}

local answers_ok = {
  [proxy.COM_PING] = true,
  [proxy.COM_TIME] = true,
  [proxy.COM_PROCESS_KILL] = true,
  [proxy.COM_REGISTER_SLAVE] = true,
  [proxy.COM_STMT_RESET] = true,
  [proxy.COM_STMT_EXECUTE] = true,
  [proxy.COM_PROCESS_INFO] = true,
}

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local sent = packets[packet:sub(2)]
  if sent == nil then return end
  proxy.queries:append(sent:byte(), sent, { resultset_is_needed = true })
  if sent:byte() == proxy.COM_STMT_CLOSE then
    -- It has no answer: the client gets one first.
    proxy.response = { type = proxy.MYSQLD_PACKET_OK }
    return proxy.PROXY_SEND_RESULT
  end
  return proxy.PROXY_SEND_QUERY
end

function read_query_result(inj)
  local raw = inj.resultset.raw
  local failed = raw ~= nil and raw:byte() == proxy.MYSQLD_PACKET_ERR
  if failed or answers_ok[inj.id] then return end
  if inj.id == proxy.COM_STATISTICS then
    proxy.response = {
      type = proxy.MYSQLD_PACKET_OK,
      resultset = {
        fields = { { name = "statisitics", type = proxy.MYSQL_TYPE_STRING } },
        rows = { { raw } },
      },
    }
  elseif answers_otherwise[inj.id] then
    proxy.response = { type = proxy.MYSQLD_PACKET_OK }
  else
    proxy.response = { type = proxy.MYSQLD_PACKET_ERR, errmsg = "no answer is known for command " .. inj.id }
  end
  return proxy.PROXY_SEND_RESULT
end
