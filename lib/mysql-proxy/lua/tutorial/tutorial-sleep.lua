--[[
  tutorial-sleep: a hook that waits does not stop other clients. Here each user may run so many statements a second, and is
  slowed down beyond that.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-sleep

  Try: run many short statements, with one client and with several.
]]

local per_second = 10

-- When the next statement of a user may run. One table for the clients of all event threads.
if not proxy.global.next_turn then proxy.global.next_turn = {} end
local next_turn = proxy.global.next_turn
local time = require("glib2").get_current_time

local function now()
  local t = time()
  return t.tv_sec + t.tv_usec / 1000000
end

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local user = proxy.connection.client.username
  local turn = math.max(next_turn[user] or 0, now())
  next_turn[user] = turn + 1 / per_second
  local wait = turn - now()
  -- Only this client waits. One that leaves meanwhile is not waited for.
  if wait > 0 then proxy.sleep(wait) end
end
