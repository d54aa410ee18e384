--[[
  tutorial-prep-stmts: prints what prepared statements do: their text, their id, how many columns and parameters they have,
  and the parameters' values.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-prep-stmts

  Try: a program that uses prepared statements. (The SQL statement PREPARE is something else.)
]]

local proto = require("mysql.proto")

-- How many parameters each statement has, by its id.
local parameter_counts = {}

function read_query(packet)
  local command = packet:byte()
  if command == proxy.COM_STMT_PREPARE then
    proxy.queries:append(command, packet, { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  elseif command == proxy.COM_STMT_EXECUTE then
    local id = proto.stmt_id_from_stmt_execute_packet(packet)
    local execute = proto.from_stmt_execute_packet(packet, parameter_counts[id] or 0)
    print(string.format("EXECUTE statement %d, flags %d", id, execute.flags))
    if execute.new_params_bound then
      for i, param in ipairs(execute.params) do
        print(string.format("  parameter %d: type %d, value %s", i, param.type, tostring(param.value)))
      end
    end
  elseif command == proxy.COM_STMT_CLOSE then
    local id = proto.from_stmt_close_packet(packet).stmt_id
    parameter_counts[id] = nil
    print(string.format("CLOSE statement %d", id))
  end
end

function read_query_result(inj)
  -- The whole response is kept, raw is its first packet.
  local raw = inj.resultset.raw
  print("PREPARE " .. proto.from_stmt_prepare_packet(inj.query).stmt_text)
  if raw:byte() ~= proxy.MYSQLD_PACKET_OK then
    print("  failed")
    return
  end
  local answer = proto.from_stmt_prepare_ok_packet(raw)
  parameter_counts[answer.stmt_id] = answer.num_params
  print(string.format("  statement %d: %d columns, %d parameters", answer.stmt_id, answer.num_columns, answer.num_params))
end
