--[[
  tutorial-cache: remembers the results of some SELECTs for a short time, and answers with them.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-cache

  Try: SELECT /* cache */ NOW(), SLEEP(1), twice. Only statements with this comment are remembered, for 5 seconds; they must not
  depend on who asks.
]]

local lifetime, most_results, most_bytes = 5, 1000, 100000

-- The results of this event thread. A table of _G is there for all clients of the thread; to share results between threads as well,
-- they could be in proxy.global.
if not _G.tutorial_cache then _G.tutorial_cache = { results = {}, size = 0 } end
local cache = _G.tutorial_cache

local key

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY or not packet:find("^.%s*[Ss][Ee][Ll][Ee][Cc][Tt]%s*/%* cache %*/") then return end
  local client = proxy.connection.client
  -- The same SQL means something else to another user, or in another database.
  key = client.username .. "\0" .. client.default_db .. "\0" .. packet:sub(2)
  local known = cache.results[key]
  if known and os.time() - known.time < lifetime then
    proxy.response = { type = proxy.MYSQLD_PACKET_OK, resultset = known.resultset }
    return proxy.PROXY_SEND_RESULT
  end
  proxy.queries:append(1, packet, { resultset_is_needed = true })
  return proxy.PROXY_SEND_QUERY
end

function read_query_result(inj)
  local result = inj.resultset
  -- Neither an error, nor what a transaction sees, nor what needs much memory.
  if not result.rows or result.flags.in_trans or result.bytes > most_bytes then return end
  local resultset = { fields = {}, rows = {} }
  for i = 1, #result.fields do
    resultset.fields[i] = { name = result.fields[i].name, type = result.fields[i].type }
  end
  for row in result.rows do resultset.rows[#resultset.rows + 1] = row end
  if not cache.results[key] then
    if cache.size >= most_results then cache.results, cache.size = {}, 0 end
    cache.size = cache.size + 1
  end
  cache.results[key] = { time = os.time(), resultset = resultset }
end
